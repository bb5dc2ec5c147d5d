/** `openai_restore`: captured files, jobs and evals made again here; see `leaving/restore.ts`. */

import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import type { RestoredObject, RestoreResult } from '../../domain/openai-capture.ts';
import { politeFetch } from '../../leaving/polite.ts';
import { restore, restoredKinds } from '../../leaving/restore.ts';
import { taskKind, type TaskRooms } from '../task-kind.ts';

const shownMax = 1000;

export const openaiRestore = taskKind({
  type: 'openai_restore',
  schema: z.strictObject({
    capture: z.string().nullish(),
    /** The base model in the place of OpenAI's. */
    model: z.string().min(1),
    /** Other models by their old names. */
    models: z.record(z.string(), z.string().min(1)).nullish(),
    /** Judges in model graders; by default the base model. */
    grader_model: z.string().min(1).nullish(),
    only: z.array(z.enum(restoredKinds)).min(1).nullish(),
    /** These jobs and no others, also those that did not succeed. */
    jobs: z.array(z.string()).nullish(),
    /** Also runs the newest completed run of each eval again. */
    with_runs: z.boolean().nullish(),
  }),
  lane: 'quick',
  /** The map of ids says what has been made. */
  resumes: true,

  async check({ capture, model, models, grader_model }, rooms) {
    await rooms.captures.open(rooms.captures.nameOf(capture));
    await assertModel(rooms, 'model', model);
    if (grader_model != null) await assertModel(rooms, 'grader_model', grader_model);
    for (const [old, name] of Object.entries(models ?? {})) await assertModel(rooms, `models.${old}`, name);
  },

  async run(request, { rooms, openai, signal, progress }): Promise<RestoreResult> {
    const { model, models, grader_model, only, jobs, with_runs } = request;
    const { captures } = rooms;
    const name = captures.nameOf(request.capture);
    await using _ = await captures.lock(name);
    // Every request that makes something has a key of its own, so asking again after a lost answer makes nothing twice.
    const { fetch } = politeFetch({ signal });
    const patient = openai.withOptions({ fetch, maxRetries: 0, timeout: 3_600_000 });
    let done = 0;
    const restored = await restore(patient, await captures.open(name), await captures.idMap(name), {
      model,
      models: new Map(Object.entries(models ?? {})),
      graderModel: grader_model ?? undefined,
      only: only ?? restoredKinds,
      jobs: jobs ?? undefined,
      withRuns: with_runs === true,
      signal,
      onProgress: ({ kind, old }) =>
        progress({ done: (done += 1), unit: 'objects', message: `Making ${words[kind]} ${old}` }),
    });
    const of = (state: RestoredObject['state']): number => restored.filter((each) => each.state === state).length;
    return {
      capture: name,
      made: of('made'),
      there: of('there'),
      waiting: of('waiting'),
      left_out: of('left_out'),
      // What is as it was is said last.
      restored: [...restored].sort((a, b) => rank(a) - rank(b)).slice(0, shownMax),
    };
  },
});

const words: Readonly<Record<RestoredObject['kind'], string>> = {
  files: 'file',
  jobs: 'job',
  models: 'model',
  evals: 'eval',
  runs: 'run',
};

const rank = ({ state }: RestoredObject): number => ['left_out', 'waiting', 'made', 'there'].indexOf(state);

async function assertModel({ models }: TaskRooms, param: string, name: string): Promise<void> {
  if ((await models.resolve(name)) === null)
    throw invalid(param, `The model '${name}' does not exist.`, 'model_not_found');
}
