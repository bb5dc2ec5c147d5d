/**
 * One job, from the queue to its end: trainers are launched until one of them finishes the work.
 *
 * A trainer that dies is followed by another, which goes on from the newest checkpoint; a job is given up when
 * several in a row die without a single new step.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { invalid } from '../domain/errors.ts';
import { hyperparametersOf, type Job } from '../domain/job.ts';
import type { TrainingPlan } from '../engine/protocol.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import { failJob } from './failure.ts';
import { type ResolvedHyperparameters, toPlan } from './plan.ts';
import { whileHeld } from './queue.ts';
import { type JobRow, jobOf, moved, saveJob, tell } from './records.ts';
import { Recorder } from './recorder.ts';
import { publish } from './success.ts';
import { Trainer, type TrainerEnding } from './trainer.ts';
import { baseOfJob, jobFolder, placesOf, type Workshop } from './workshop.ts';

/** Works until the job has ended, or until `stop`, whose reason (`pause` or `cancel`) the trainer is told. */
export async function trainJob(shop: Workshop, id: string, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const row = await markRunning(shop, id);
    if (row === null) return;
    const plan = await planToday(shop, row);
    await writePlan(shop, plan);
    const recorder = new Recorder(shop, id);
    const ending = await runTrainer(shop, plan, recorder, stop);
    shop.log['how' in ending ? 'warn' : 'info']('trainer.ended', { job: id, ...ending });
    if (ending.type === 'done') {
      const { step: lastStep, chosen: chosenStep = lastStep, trainedTokens } = ending;
      const { stepsPerEpoch } = recorder;
      const { project } = row;
      return await publish(
        shop,
        jobOf(row),
        { project, plan, lastStep, chosenStep, trainedTokens, stepsPerEpoch },
        stop,
      );
    }
    if (ending.type === 'failed') return await failJob(shop.database, shop.name, id, ending);
    if (stop.aborted || !(await mayTryAgain(shop, id, ending))) return;
    await sleep(shop.retryMs, undefined, { signal: stop }).catch(() => undefined);
  }
}

/** The job's row once its status is running; null when somebody has ended or paused it. */
async function markRunning(shop: Workshop, id: string): Promise<JobRow | null> {
  return await whileHeld(shop.database, shop.name, id, async (rows, job, row) => {
    if (job.status === 'running') return row;
    if (job.status !== 'queued') return null;
    const running: Job = moved(job, 'running');
    await saveJob(rows, running);
    await tell(rows, id, { message: 'Fine-tuning job started', data: null, once: 'started' });
    return { ...row, status: running.status, object: JSON.stringify(running) };
  });
}

/** The plan with the places of today: the data folder may have moved, the cores may be others. */
async function planToday(shop: Workshop, row: JobRow): Promise<TrainingPlan> {
  const stored = JSON.parse(row.plan!) as TrainingPlan;
  const base = await baseOfJob(shop, row.id, stored.model.id);
  if (base?.sha256 !== stored.model.sha256)
    throw invalid(
      'model',
      `The job failed: the base model ${stored.model.id} was ${base === undefined ? 'removed' : 'replaced'} after the job was validated.`,
      'model_not_available',
    );
  const job = jobOf(row);
  const places = placesOf(shop, job, base, stored.initialAdapter !== null);
  return toPlan(job, hyperparametersOf(job) as ResolvedHyperparameters, places, stored);
}

async function writePlan({ home }: Workshop, plan: TrainingPlan): Promise<void> {
  const folder = jobFolder(home, plan.jobId);
  await mkdir(folder, { recursive: true });
  await writeAtomically(join(folder, 'plan.json'), [Buffer.from(`${JSON.stringify(plan, null, 2)}\n`)]);
}

async function runTrainer(
  { home, trainer: program, silenceMsMax, graceMs, log }: Workshop,
  { jobId }: TrainingPlan,
  recorder: Recorder,
  stop: AbortSignal,
): Promise<TrainerEnding> {
  const folder = jobFolder(home, jobId);
  await using trainer = await Trainer.launch({
    arguments: [...program, folder],
    folder,
    silenceMsMax,
    onNoise: (line) => log.debug('trainer.noise', { job: jobId, line }),
  });
  log.info('trainer.started', { job: jobId, pid: trainer.pid });
  const leave = (): void => trainer.leave(stop.reason as 'pause' | 'cancel', graceMs);
  if (stop.aborted) leave();
  else stop.addEventListener('abort', leave, { once: true });
  for await (const events of trainer.listen()) await recorder.record(events);
  stop.removeEventListener('abort', leave);
  return await trainer.ending();
}

/** Counts a death; says it in an event, or gives the job up. */
async function mayTryAgain(
  { database, name, crashesMax }: Workshop,
  id: string,
  ending: TrainerEnding,
): Promise<boolean> {
  const how = 'how' in ending ? ending.how : `it said "${ending.type}" though nobody had asked`;
  const again = await whileHeld(database, name, id, async (rows, job, row) => {
    const attempts = row.attempts + 1;
    if (attempts >= crashesMax) return false;
    await saveJob(rows, job, { attempts });
    await tell(rows, id, { level: 'warn', message: `The trainer ended unexpectedly (${how}); starting it again` });
    return true;
  });
  if (again === false)
    await failJob(database, name, id, {
      code: 'server_error',
      message: `The job failed: the trainer ended unexpectedly ${crashesMax} times in a row without getting any further (the last time: ${how}).`,
      param: null,
    });
  return again === true;
}
