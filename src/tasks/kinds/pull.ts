/** `pull`: fetches a base model, with what is there of an earlier attempt; see `models/pull.ts` for what may be asked. */

import { z } from 'zod';
import { TunesmithError } from '../../domain/errors.ts';
import type { TaskProgress } from '../../domain/task.ts';
import { planPull, type PullEvent } from '../../models/pull.ts';
import { taskKind } from '../task-kind.ts';

export const pull = taskKind({
  type: 'pull',
  schema: z.strictObject({
    /** A name from the catalogue, a path on the server, or a place on the Hugging Face hub. */
    source: z.string().min(1).max(4096),
    /** The name it gets here, where the file's own makes a bad one. */
    id: z.string().min(1).max(128).nullish(),
  }),
  lane: 'quick',
  resumes: true,
  operatorOnly: true,

  async check({ source, id }) {
    await asked(() => planPull(source, { id: id ?? undefined }));
  },

  async run({ source, id }, { rooms, signal, progress }) {
    const failures: string[] = [];
    const onProgress = (event: PullEvent): void => {
      if (event.type === 'failed') failures.push(`${event.source}: ${event.reason}`);
      progress(progressOf(event));
    };
    const model = await asked(() => rooms.bases.pull(source, { id: id ?? undefined, signal, onProgress }));
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

/** The rooms call the request's field `model`; here it is the source. */
async function asked<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TunesmithError) || error.param !== 'model') throw error;
    throw new TunesmithError(error.kind, error.message, { param: 'source', code: error.code, cause: error });
  }
}
