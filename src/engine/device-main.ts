/**
 * Tries one device (`device-main.ts <device> <threads>`) and prints the verdict in one line of JSON.
 *
 * A process of its own: a driver may crash or hang whoever loads it.
 */

import type { Device } from '../domain/device.ts';
import { tryDevice } from './device-trial.ts';

const [device, threads] = process.argv.slice(2);
const verdict = await tryDevice(device as Device, Number(threads));
// Some drivers crash at an orderly end.
process.stdout.write(`${JSON.stringify(verdict)}\n`, () => process.exit(0));
