/** No space left during a checkpoint: the job fails by name, and what was saved before can be resumed. */

import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { TrainingPlan } from '../../src/engine/protocol.ts';
import { temporaryFolder, type TemporaryFolder } from '../formats/folder.ts';
import { eventsOf, lastWord, lora, TestTrainer, tinyJob, train, type Ending } from './trainer.ts';

const execute = promisify(execFile);

/** A checkpoint of this plan takes 300 KB (200 of them the optimiser's), the file of frozen weights 125 KB. */
const roomyPlan = async (folder: TemporaryFolder): Promise<TrainingPlan> => {
  const plan = await tinyJob(folder);
  return { ...plan, validationFile: null, snapshotSeconds: 1000, train: { ...lora, rank: 32 } };
};

/** Trains until the first epoch is saved, then leaves the job paused; gives the step. */
async function trainHalf(jobFolder: string, plan: TrainingPlan): Promise<number> {
  await using trainer = await TestTrainer.launch(jobFolder, plan);
  await trainer.reaches(3);
  trainer.ask({ type: 'pause' });
  return lastWord(await trainer.ending, 'paused').step;
}

async function expectNothingLost(ending: Ending, jobFolder: string, before: readonly string[]): Promise<void> {
  const failed = lastWord(ending, 'failed');
  expect(failed.code).toBe('disk_full');
  expect(failed.message).toMatch(
    /^No space left on the disk\. The checkpoint of step \d+ could not be written; earlier/,
  );
  expect((await readdir(join(jobFolder, 'checkpoints'))).sort()).toEqual(before);
}

test('a limit on file sizes', async () => {
  await using folder = await temporaryFolder();
  const plan = await roomyPlan(folder);
  const job = folder.file('job');
  const step = await trainHalf(job, plan);
  const before = (await readdir(join(job, 'checkpoints'))).sort();
  await expectNothingLost(await train(job, null, 'ulimit -f 160'), job, before);

  const resumed = await train(job, null);
  expect(eventsOf(resumed, 'started')[0]!.resumedFromStep).toBe(step);
  lastWord(resumed, 'done');
});

test('a disk that is full', async ({ skip }) => {
  await using folder = await temporaryFolder();
  const disk = folder.file('disk');
  await mkdir(disk);
  try {
    await execute('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]);
  } catch {
    skip('Only root may mount a small disk here; the limit on file sizes has to do.');
  }
  try {
    const plan = await roomyPlan(folder);
    const job = join(disk, 'job');
    const step = await trainHalf(job, plan);
    const before = (await readdir(join(job, 'checkpoints'))).sort();
    // Room for the frozen weights, and not for a checkpoint.
    const { bavail, bsize } = await statfs(disk);
    const ballast = join(disk, 'ballast');
    await writeFile(ballast, Buffer.alloc(bavail * bsize - 250_000));
    await expectNothingLost(await train(job, null), job, before);

    await rm(ballast);
    const resumed = await train(job, null);
    expect(eventsOf(resumed, 'started')[0]!.resumedFromStep).toBe(step);
    lastWord(resumed, 'done');
  } finally {
    await execute('umount', [disk]);
  }
});
