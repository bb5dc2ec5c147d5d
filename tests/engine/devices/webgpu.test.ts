/** WebGPU computes what the processor and PyTorch compute, on a software driver where there is one. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { tryInProcess } from '../../../src/jobs/devices.ts';
import { noVulkan, vulkanEnvironment } from './vulkan.ts';

const run = promisify(execFile);
/** The driver compiles every shader first, and the machine may be busy. */
const timeoutMs = 400_000;

/** By what was computed, how far it is from what it should be. */
async function distances(...what: string[]): Promise<[name: string, distance: number][]> {
  const program = new URL('on-device-main.ts', import.meta.url).pathname;
  const { stdout } = await run(process.execPath, ['--import', 'tsx', program, 'webgpu', ...what], {
    env: vulkanEnvironment(),
  });
  return Object.entries(JSON.parse(stdout) as Record<string, number>);
}

describe.skipIf(noVulkan !== null)(`on WebGPU${noVulkan === null ? '' : ` (skipped: ${noVulkan})`}`, () => {
  test(
    'every op and its gradient are what the processor computes',
    async () => {
      const found = await distances('ops');
      expect(found.length).toBeGreaterThan(100);
      expect(found.filter(([, distance]) => !(distance < 1e-4))).toEqual([]);
    },
    timeoutMs,
  );

  test(
    "the norm's own kernel gives a right loss and wrong gradients, which the comparison sees",
    async () => {
      const found = Object.fromEntries(await distances('fused-norm'));
      expect(found['RmsNorm 0 loss']).toBeLessThan(1e-4);
      expect(found['RmsNorm 0 dx0']).toBeGreaterThan(0.1);
    },
    timeoutMs,
  );

  test(
    'the gradients of a model are what PyTorch computes',
    async () => {
      const found = await distances('goldens', 'llama-tied');
      expect(found.length).toBeGreaterThan(10);
      expect(found.filter(([, distance]) => !(distance < 1e-3))).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a trial finds that the driver computes rightly, and that it is slower than the processor',
    async () => {
      const verdict = await tryInProcess('webgpu', 2, vulkanEnvironment());
      expect(verdict).toMatchObject({ works: true });
      expect(verdict.works && verdict.speedup).toBeLessThan(1);
    },
    timeoutMs,
  );
});
