/** The trainer on another device: the same run as on the processor, or the processor instead. */

import { expect, test } from 'vitest';
import { temporaryFolder } from '../../formats/folder.ts';
import { eventsOf, lastWord, stepsOf, tinyJob, train } from '../trainer.ts';
import { noVulkan, vulkanEnvironment } from './vulkan.ts';

test('a device that is gone when training starts gives way to the processor, with a warning', async () => {
  await using folder = await temporaryFolder();
  const plan = { ...(await tinyJob(folder)), epochs: 1, device: 'cuda' } as const;
  const run = await train(folder.file('job'), plan);
  lastWord(run, 'done');
  expect(eventsOf(run, 'warning')[0]!.message).toMatch(/^Training on the processor: .* on cuda \(.+\)$/);
}, 120_000);

test.skipIf(noVulkan !== null)(
  `a run on WebGPU has the losses of one on the processor${noVulkan === null ? '' : ` (skipped: ${noVulkan})`}`,
  async () => {
    await using folder = await temporaryFolder();
    const plan = { ...(await tinyJob(folder)), epochs: 1 };
    const { VK_ICD_FILENAMES, LD_LIBRARY_PATH, XDG_RUNTIME_DIR } = vulkanEnvironment();
    const shell = `export VK_ICD_FILENAMES=${VK_ICD_FILENAMES} LD_LIBRARY_PATH=${LD_LIBRARY_PATH} XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR}`;
    const onCard = await train(folder.file('webgpu'), { ...plan, device: 'webgpu' }, shell);
    const onProcessor = await train(folder.file('cpu'), plan);
    lastWord(onCard, 'done');
    expect(eventsOf(onCard, 'warning')).toEqual([]);
    const [found, expected] = [stepsOf(onCard), stepsOf(onProcessor)];
    expect(found.length).toBe(expected.length);
    for (const [i, { loss }] of found.entries()) expect(loss).toBeCloseTo(expected[i]!.loss, 3);
  },
  400_000,
);
