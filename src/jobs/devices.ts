/**
 * Which device a job trains on: what was asked for where it works, else the best there is, else the processor.
 *
 * Nothing is believed by its name. A device is tried once, in a process of its own (engine/device-trial.ts): it must
 * compute what the processor computes, and to be chosen without being asked for it must be clearly faster, which a
 * driver that plays graphics card on the processor never is. Without graphics hardware nothing is tried at all.
 */

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { devices, type Device, type DeviceVerdict } from '../domain/device.ts';
import type { Hyperparameters } from '../domain/job.ts';
import { programArguments } from '../programs.ts';

export interface DeviceChoice {
  readonly device: Device;
  /** Why, where that is worth a word. */
  readonly event: { readonly level: 'info' | 'warn'; readonly message: string } | null;
}

export interface DevicesOptions {
  /** What jobs train on that leave it open. */
  readonly preferred?: Device | 'auto';
  /** Processor cores that a trainer would use instead. */
  readonly threads: number;
  /** Devices for which there is hardware, the best first. */
  readonly present?: readonly Device[];
  readonly tryOut?: (device: Device, threads: number) => Promise<DeviceVerdict>;
}

/** A device that nobody asked for must be so many times as fast as the processor. */
const speedupMin = 1.5;

export class Devices {
  readonly #options: Required<DevicesOptions>;
  readonly #verdicts = new Map<Device, Promise<DeviceVerdict>>();

  constructor(options: DevicesOptions) {
    this.#options = { preferred: 'auto', present: presentDevices(), tryOut: tryInProcess, ...options };
  }

  async choose({ device: asked = 'auto', base_precision: precision = 'auto' }: Hyperparameters): Promise<DeviceChoice> {
    const wish = asked === 'auto' ? this.#options.preferred : asked;
    if (wish === 'cpu') return onProcessor;
    const { present } = this.#options;
    if (precision === 'int8' || precision === 'int4') {
      if (wish === 'auto' && present.length === 0) return onProcessor;
      return insteadOf(
        `Training on the processor: base_precision is "${precision}", which only the processor computes in`,
      );
    }
    return wish === 'auto' ? await this.#fastest() : await this.#asked(wish);
  }

  async #asked(device: Device): Promise<DeviceChoice> {
    const verdict = await this.#try(device);
    if (!verdict.works) {
      return insteadOf(`Training on the processor: ${device} cannot be used on this machine (${verdict.reason})`);
    }
    const { speedup } = verdict;
    if (speedup >= 1) return { device, event: { level: 'info', message: `Training on ${device}, ${faster(speedup)}` } };
    const message = `Training on ${device}, as was asked for, though the processor is ${Number((1 / speedup).toPrecision(2))} times as fast in a trial: its driver computes on the processor, or the device is weak`;
    return { device, event: { level: 'warn', message } };
  }

  async #fastest(): Promise<DeviceChoice> {
    const against: string[] = [];
    for (const device of this.#options.present) {
      const verdict = await this.#try(device);
      if (!verdict.works) against.push(`${device} cannot be used on this machine (${verdict.reason})`);
      else if (verdict.speedup < speedupMin) against.push(`${device} is ${faster(verdict.speedup)}`);
      else return { device, event: { level: 'info', message: `Training on ${device}, ${faster(verdict.speedup)}` } };
    }
    return against.length === 0 ? onProcessor : insteadOf(`Training on the processor: ${against.join('; ')}`);
  }

  #try(device: Device): Promise<DeviceVerdict> {
    const { tryOut, threads } = this.#options;
    const known = this.#verdicts.get(device) ?? tryOut(device, threads);
    this.#verdicts.set(device, known);
    return known;
  }
}

const onProcessor: DeviceChoice = { device: 'cpu', event: null };
const insteadOf = (message: string): DeviceChoice => ({ device: 'cpu', event: { level: 'warn', message } });
const faster = (speedup: number): string => `${speedup} times as fast as the processor in a trial`;

/** Devices for which there is hardware, as far as the operating system tells. */
function presentDevices(): Device[] {
  if (process.platform !== 'linux') return ['webgpu'];
  const has = (folder: string, name: RegExp): boolean => {
    try {
      return readdirSync(folder).some((entry) => name.test(entry));
    } catch {
      return false;
    }
  };
  const nvidia = has('/dev', /^nvidia\d+$/) || has('/dev', /^dxg$/);
  const found = { cpu: false, cuda: nvidia, webgpu: nvidia || has('/dev/dri', /^renderD\d+$/) };
  return devices.toReversed().filter((device) => found[device]);
}

const timeoutMs = 120_000;

/** The verdict of a process that may crash or hang. */
export async function tryInProcess(
  device: Device,
  threads: number,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<DeviceVerdict> {
  return await new Promise((resolve) => {
    const argv = [...programArguments('engine/device-main'), device, String(threads)];
    const child = spawn(process.execPath, argv, {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...environment, NODE_OPTIONS: '' },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', (error) => resolve({ works: false, reason: error.message }));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(JSON.parse(output) as DeviceVerdict);
      const how = signal === null ? `ended with status ${code}` : `was killed by ${signal}`;
      return resolve({ works: false, reason: `a trial of it ${how}` });
    });
  });
}
