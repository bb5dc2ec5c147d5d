/** A house with a tiny model that answers, for tests of what is around the words. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Closing } from '../../../src/closing.ts';
import type { Settings } from '../../../src/config.ts';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { addTinyModel, writeTinyAdapter } from '../../serving/tiny-serving.ts';
import { bare, listed, tagged, thoughtful } from '../../text/templates.ts';

/** Models `tiny` (tools in words), `tagged`, `listed`, `bare` and `thoughtful`, each with the template of that name. */
export async function openAnswering(settings: Partial<Settings> = {}): Promise<TestHouse> {
  await using opening = new Closing();
  const house = opening.use(await openTestHouse({ threads: 1, ...settings }));
  const { bases } = house.house;
  const options = { contextTokens: 2048, width: 64, heads: 4, kvHeads: 4, headSize: 16 };
  await addTinyModel(bases, house.home, 'tiny', options);
  for (const [name, chatTemplate] of Object.entries({ tagged, listed, bare, thoughtful }))
    await addTinyModel(bases, house.home, name, { ...options, chatTemplate });
  const open = opening.move();
  return { ...house, [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() };
}

/** A fine-tuned model on `tiny`, as if a job had made it. */
export async function addTinyFineTune({ house, home }: TestHouse, id: string): Promise<void> {
  const folder = 'models/fine-tuned/ftjob-1/step-20';
  await mkdir(join(home, folder), { recursive: true });
  await writeTinyAdapter(join(home, folder, 'adapter.gguf'), { width: 64 });
  const model = { id, createdAt: 1_700_000_000, base: 'tiny', baseModelId: 'tiny', jobId: 'ftjob-1', folder };
  const { models } = house.of('default');
  await house.database.transaction().execute((transaction) => models.register(transaction, model));
}

/** Reads a stream to its end. */
export async function all<Event>(events: AsyncIterable<Event>): Promise<Event[]> {
  const read: Event[] = [];
  for await (const event of events) read.push(event);
  return read;
}
