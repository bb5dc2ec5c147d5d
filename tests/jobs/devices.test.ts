import { expect, test } from 'vitest';
import type { Device, DeviceVerdict } from '../../src/domain/device.ts';
import type { Hyperparameters } from '../../src/domain/job.ts';
import { Devices, tryInProcess } from '../../src/jobs/devices.ts';

const open: Hyperparameters = { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' };
const works = (speedup: number): DeviceVerdict => ({ works: true, speedup });
const fails = (reason: string): DeviceVerdict => ({ works: false, reason });

/** A machine with these devices; `tried` are those that were tried. */
function machine(verdicts: Partial<Record<Device, DeviceVerdict>>, preferred?: Device | 'auto') {
  const tried: Device[] = [];
  const present = (['cuda', 'webgpu'] as const).filter((device) => verdicts[device] !== undefined);
  const devices = new Devices({
    ...(preferred && { preferred }),
    threads: 2,
    present,
    tryOut: async (device) => {
      tried.push(device);
      return await Promise.resolve(verdicts[device] ?? fails('there is none'));
    },
  });
  return { devices, tried };
}

test('without graphics hardware nothing is tried and nothing is said', async () => {
  const { devices, tried } = machine({});
  expect(await devices.choose(open)).toEqual({ device: 'cpu', event: null });
  expect(tried).toEqual([]);
});

test('the best device that works and is clearly faster is chosen, after one trial of each', async () => {
  const { devices, tried } = machine({ cuda: fails('no library'), webgpu: works(8) });
  const choice = await devices.choose(open);
  expect(choice.device).toBe('webgpu');
  expect(choice.event).toMatchObject({ level: 'info', message: expect.stringMatching(/webgpu, 8 times/) as string });
  await devices.choose({ ...open, device: 'auto' });
  expect(tried).toEqual(['cuda', 'webgpu']);
});

test('a driver that plays graphics card on the processor is not chosen, and the job says why', async () => {
  const { devices } = machine({ cuda: fails('no library'), webgpu: works(0.003) });
  const { device, event } = await devices.choose(open);
  expect(device).toBe('cpu');
  expect(event!.level).toBe('warn');
  expect(event!.message).toMatch(/cuda cannot be used on this machine \(no library\); webgpu is 0\.003 times as fast/);
});

test('a device that is asked for is used even where it is slow, and the job says so', async () => {
  const { devices } = machine({ webgpu: works(0.01) });
  const { device, event } = await devices.choose({ ...open, device: 'webgpu' });
  expect(device).toBe('webgpu');
  expect(event).toMatchObject({ level: 'warn', message: expect.stringMatching(/processor is 100 times/) as string });
});

test('a device that is asked for and missing gives way to the processor, with the reason', async () => {
  const { devices } = machine({});
  const { device, event } = await devices.choose({ ...open, device: 'cuda' });
  expect(device).toBe('cpu');
  expect(event).toMatchObject({ level: 'warn', message: expect.stringMatching(/cuda .*\(there is none\)/) as string });
});

test('what the server prefers counts where a job leaves it open, and only there', async () => {
  expect((await machine({ webgpu: works(0.5) }, 'webgpu').devices.choose(open)).device).toBe('webgpu');
  const { devices, tried } = machine({ webgpu: works(9) }, 'webgpu');
  expect(await devices.choose({ ...open, device: 'cpu' })).toEqual({ device: 'cpu', event: null });
  expect((await machine({ webgpu: works(9) }, 'cpu').devices.choose(open)).device).toBe('cpu');
  expect(tried).toEqual([]);
});

test('a base in eight bits keeps the job on the processor, which is said where there is another device', async () => {
  const { devices, tried } = machine({ webgpu: works(9) });
  const { device, event } = await devices.choose({ ...open, base_precision: 'int8' });
  expect(device).toBe('cpu');
  expect(event!.message).toMatch(/base_precision is "int8"/);
  expect(tried).toEqual([]);
  expect(await machine({}).devices.choose({ ...open, base_precision: 'int8' })).toEqual({ device: 'cpu', event: null });
});

test('a trial of a device that is not here says so, whatever its driver does', async () => {
  const nowhere = { ...process.env, VK_ICD_FILENAMES: '/nowhere.json', LD_LIBRARY_PATH: '' };
  const verdict = await tryInProcess('cuda', 1, nowhere);
  expect(verdict).toMatchObject({ works: false, reason: expect.stringMatching(/.+/) as string });
}, 130_000);
