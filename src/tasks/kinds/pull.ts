/** `pull`: fetches a base model, with what is there of an earlier attempt; see `models/pull.ts` for what may be asked. */

import { z } from 'zod';
import { TunesmithError } from '../../domain/errors.ts';
import type { TaskProgress } from '../../domain/task.ts';
import { absolute, planPull, type PullEvent } from '../../models/pull.ts';
import { findLocalModel } from '../../models/sources/local.ts';
import { taskKind } from '../task-kind.ts';

export const pull = taskKind({
  type: 'pull',
  schema: z.strictObject({
    /** A name from the catalogue, a path on the server, or a place on the Hugging Face hub. */
    source: z.string().min(1).max(4096),
    /** The name it gets here, where the file's own makes a bad one. */
    id: z.string().min(1).max(128).nullish(),
    /** A path on the server where the file, or the checkpoint's folder, lies already: it is taken from there first. */
    from: z.string().min(1).max(4096).nullish(),
  }),
  lane: 'quick',
  resumes: true,
  operatorOnly: true,

  async check({ source, id, from }) {
    if (from != null) await asked('from', () => findLocalModel(absolute(from)));
    await asked('source', () => planPull(source, { id: id ?? undefined, from: from ?? undefined }));
  },

  async run({ source, id, from }, { rooms, signal, progress }) {
    const onProgress = (event: PullEvent): void => progress(progressOf(event));
    const options = { id: id ?? undefined, from: from ?? undefined, signal, onProgress };
    const model = await asked('source', () => rooms.bases.pull(source, options));
    return { model: model.id, bytes: model.sizeBytes, sha256: model.sha256, source: model.source };
  },
});

function progressOf(event: PullEvent): Partial<TaskProgress> {
  switch (event.type) {
    case 'trying':
      return { done: 0, total: null, unit: 'bytes', message: `Trying ${event.source}` };
    case 'progress':
      return { done: event.receivedBytes, total: event.totalBytes, unit: 'bytes', message: `Fetching ${event.source}` };
    case 'checking':
      return { message: 'Checking the file' };
    case 'failed':
      return { message: `${event.source} did not work: ${event.reason}` };
    default:
      throw event satisfies never;
  }
}

/** The rooms call what is asked for `model`; here it has another name. */
async function asked<Value>(param: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TunesmithError) || error.param !== 'model') throw error;
    throw new TunesmithError(error.kind, error.message, { param, code: error.code, cause: error });
  }
}
