/** Which jobs made which models, and what else they made: asked of the server, which names them in its jobs. */

import type OpenAI from 'openai';
import { wasStopped } from './view.ts';

export type Job = OpenAI.FineTuning.FineTuningJob;

/** The newest jobs are looked at, and no more than these. */
const jobsMax = 1000;

/** The jobs that made these models or checkpoints, as far as the server tells; what it does not tell is left out. */
export async function jobsOf(
  openai: OpenAI,
  models: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly model: string; readonly job: Job }[]> {
  const found = new Map<string, Job>();
  try {
    let looked = 0;
    for await (const job of openai.fineTuning.jobs.list({ limit: 100 }, { signal })) {
      if (found.size === models.length || ++looked > jobsMax) break;
      if (job.fine_tuned_model === null) continue;
      const names = [job.fine_tuned_model];
      // A checkpoint has letters of its own, so only its job knows it.
      const start = job.fine_tuned_model.split(':').slice(0, 4).join(':');
      if (models.some((model) => model.includes(':ckpt-step-') && model.startsWith(`${start}:`)))
        names.push(...(await checkpointsOf(openai, [job], signal)));
      for (const name of names) if (models.includes(name)) found.set(name, job);
    }
  } catch (error) {
    if (wasStopped(error)) throw error;
  }
  return models.flatMap((model) => {
    const job = found.get(model);
    return job === undefined ? [] : [{ model, job }];
  });
}

/** In the order of their steps, without the models themselves. */
export async function checkpointsOf(openai: OpenAI, jobs: readonly Job[], signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  for (const { id, fine_tuned_model: made } of jobs) {
    const ofJob = [];
    for await (const {
      step_number: step,
      fine_tuned_model_checkpoint: name,
    } of openai.fineTuning.jobs.checkpoints.list(id, {}, { signal }))
      // prettier-ignore
      if (name !== made) ofJob.push({ step, name });
    names.push(...ofJob.sort((a, b) => a.step - b.step).map(({ name }) => name));
  }
  return [...new Set(names)];
}
