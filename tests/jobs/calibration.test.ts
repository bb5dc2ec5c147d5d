import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { calibrate, estimateMs, readCalibration, type CalibrationSetting } from '../../src/jobs/calibration.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import { writeTinyEncoder } from '../tiny-encoder.ts';
import { tinyHome } from './tiny-house.ts';

const kept = { version: 4, sha256: '', processor: '', steps: 6, tokensPerSecond: 100, measuredAt: 0 } as const;

async function settingOf(home: string, batchSize = 1): Promise<CalibrationSetting> {
  const base = (await BaseModels.open(home)).find('tiny')!;
  return { base, method: 'supervised', threads: 2, batchSize };
}

test('a few real steps are measured once, kept, and believed only for the same model and lanes', async () => {
  await using tiny = await tinyHome();
  const setting = await settingOf(tiny.home);
  expect(await readCalibration(tiny.home, setting)).toBeNull();
  const told: number[] = [];
  const calibration = await calibrate(tiny.home, setting, { onStep: (step) => told.push(step) });
  expect(told).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(calibration.msPerCost).toBeGreaterThan(0);
  expect(await readCalibration(tiny.home, setting)).toEqual(calibration);
  expect(await readCalibration(tiny.home, { ...setting, batchSize: 4 })).toBeNull();
  expect(await readCalibration(tiny.home, { ...setting, threads: 1 })).toBeNull();
  const replaced = { ...setting.base, sha256: '0'.repeat(64) };
  expect(await readCalibration(tiny.home, { ...setting, base: replaced })).toBeNull();
  const [file, ...others] = await readdir(join(tiny.home, 'calibrations'));
  expect(others).toEqual([]); // the trainer's folder is gone
  await writeFile(join(tiny.home, 'calibrations', file!), '{"version": 1');
  expect(await readCalibration(tiny.home, setting)).toBeNull();
});

test('an encoder is measured with labels', async () => {
  await using tiny = await tinyHome();
  await writeTinyEncoder(join(tiny.home, 'mini.gguf'));
  const base = await (await BaseModels.open(tiny.home)).pull(join(tiny.home, 'mini.gguf'));
  const setting = { base, method: 'supervised', threads: 2, batchSize: 8 } as const;
  expect((await calibrate(tiny.home, setting)).msPerCost).toBeGreaterThan(0);
  expect(await readCalibration(tiny.home, setting)).not.toBeNull();
});

test('a figure that another processor made is not believed', async () => {
  await using tiny = await tinyHome();
  const setting = await settingOf(tiny.home);
  await calibrate(tiny.home, setting);
  const folder = join(tiny.home, 'calibrations');
  const path = join(folder, (await readdir(folder))[0]!);
  const kept = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  await writeFile(path, JSON.stringify({ ...kept, processor: 'An abacus' }));
  expect(await readCalibration(tiny.home, setting)).toBeNull();
});

test('the time follows from lengths, epochs and the batch', async () => {
  await using tiny = await tinyHome();
  const setting = await settingOf(tiny.home, 2);
  const calibration = {
    ...kept,
    startMs: 1000,
    saveMs: 300,
    readMsPerCost: 0,
    msPerCost: 2,
    msPerTarget: 0.1,
    lookMsPerCost: 0.5,
  };
  const lengths = [[80, 10]] as const;
  // A row of 80 costs 80 x (1 + 80 / 2600) = 82.46; ten of them, and 5 steps with 2 lanes of 16 each: 984.6 an epoch
  const plain = { lengths, epochs: 3, supervisedTokens: 0, saves: 1 };
  expect(estimateMs(calibration, setting, plain)).toBeCloseTo(1000 + 3 * 984.615 * 2, 1);
  // 3 examples on 2 lanes keep one of them idle half of the time: 4 / 3 of the rows' cost, in 4 steps
  const uneven = estimateMs(calibration, { ...setting, batchSize: 3 }, { ...plain, epochs: 1 });
  expect(uneven).toBeCloseTo(1000 + ((824.615 * 4) / 3 + 4 * 2 * 16) * 2, 1);
});

test('frozen layers read everything once, and a step of a head is a step', async () => {
  await using tiny = await tinyHome();
  const setting = { ...(await settingOf(tiny.home, 2)), train: 'head' };
  const calibration = { ...kept, startMs: 1000, saveMs: 0, readMsPerCost: 0.2, msPerCost: 50, msPerTarget: 0, lookMsPerCost: 7 }; // prettier-ignore
  const lengths = [[80, 10]] as const;
  const plain = { lengths, epochs: 3, supervisedTokens: 0 };
  // ten rows of 82.46 and one go of 16 tokens; five steps an epoch
  const readMs = (824.615 + 16) * 0.2;
  expect(estimateMs(calibration, setting, plain)).toBeCloseTo(1000 + readMs + 3 * 5 * 50, 1);
  const looks = [{ lengths, times: 4 }];
  expect(estimateMs(calibration, setting, { ...plain, looks })).toBeCloseTo(1000 + 2 * readMs + 3 * 5 * 50 + 4 * 7, 1);
});

test('what is frozen is measured by how fast it reads', async () => {
  await using tiny = await tinyHome();
  const setting = await settingOf(tiny.home);
  for (const train of ['head', 'last_layers(1)'])
    expect((await calibrate(tiny.home, { ...setting, train })).readMsPerCost, train).toBeGreaterThan(0);
  expect((await calibrate(tiny.home, setting)).readMsPerCost).toBe(0);
});

test('supervised tokens, looks at held-out examples, references and savings take time too', async () => {
  await using tiny = await tinyHome();
  const setting = await settingOf(tiny.home, 2);
  const calibration = {
    ...kept,
    startMs: 1000,
    saveMs: 300,
    readMsPerCost: 0,
    msPerCost: 2,
    msPerTarget: 0.1,
    lookMsPerCost: 0.5,
  };
  const lengths = [[80, 10]] as const;
  const plain = { lengths, epochs: 3, supervisedTokens: 0, saves: 1 };
  const more = (than: object): number =>
    estimateMs(calibration, setting, { ...plain, ...than }) - estimateMs(calibration, setting, plain);
  expect(more({ supervisedTokens: 50 })).toBeCloseTo(3 * 50 * 0.1, 5);
  // half of all tokens unless told
  expect(more({ supervisedTokens: undefined })).toBeCloseTo(3 * 400 * 0.1, 5);
  expect(more({ saves: 4 })).toBeCloseTo(3 * 300, 5);
  // ten rows of 82.46 and one go of 16 examples in two lanes of 16 each
  expect(more({ looks: [{ lengths, times: 4 }] })).toBeCloseTo(4 * (824.615 + 32) * 0.5, 1);
  // two answers an example: 2.5 steps become 3
  expect(more({ sequencesPerExample: 2 })).toBeCloseTo(-3 * 2 * 2 * 2 * 16, 5);
});

test('Ctrl-C ends the trainer and leaves nothing behind', async () => {
  await using tiny = await tinyHome();
  const stop = new AbortController();
  const { signal } = stop;
  const calibrating = calibrate(tiny.home, await settingOf(tiny.home), { signal, onStep: () => stop.abort() });
  await expect(calibrating).rejects.toThrow(/abort/i);
  expect(await readdir(join(tiny.home, 'calibrations'))).toEqual([]);
});

test('a wish to stop that came before the trainer did is heard too', async () => {
  await using tiny = await tinyHome();
  const told: number[] = [];
  const options = { signal: AbortSignal.abort(), onStep: (step: number) => told.push(step) };
  await expect(calibrate(tiny.home, await settingOf(tiny.home), options)).rejects.toThrow(/abort/i);
  expect(told).toEqual([]);
});

test('a trainer that cannot train says why', async () => {
  await using tiny = await tinyHome();
  const setting = await settingOf(tiny.home);
  const base = { ...setting.base, path: join(tiny.home, 'tiny.gguf') };
  await writeFile(base.path, (await readFile(setting.base.path)).subarray(0, 60_000));
  await expect(calibrate(tiny.home, { ...setting, base })).rejects.toThrow();
  expect(await readdir(join(tiny.home, 'calibrations'))).toEqual([]);
});
