/** A house with keys for two projects, and things that belong to the first. */

import OpenAI from 'openai';
import { Closing } from '../../src/closing.ts';
import type { House } from '../../src/house.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { tinyHome } from '../jobs/tiny-house.ts';

export interface TwoProjects extends TestHouse {
  readonly alice: OpenAI;
  readonly bob: OpenAI;
  readonly aliceKey: string;
  readonly bobKey: string;
}

/** Its base model is called `tiny`; the projects are `alice` and `bob`. */
export async function openTwoProjects(): Promise<TwoProjects> {
  await using opening = new Closing();
  const { home } = opening.use(await tinyHome());
  const house = opening.use(await openTestHouse({ home }));
  const keyOf = async (project: string): Promise<string> => {
    const limits = { requestsPerMinute: null, tokensPerMinute: null };
    return (await house.house.keyring.create({ project, name: project, ...limits })).value;
  };
  const clientOf = (apiKey: string): OpenAI =>
    new OpenAI({ baseURL: house.url, apiKey, adminAPIKey: apiKey, maxRetries: 0 });
  const [aliceKey, bobKey] = [await keyOf('alice'), await keyOf('bob')];
  const open = opening.move();
  return {
    ...house,
    alice: clientOf(aliceKey),
    bob: clientOf(bobKey),
    aliceKey,
    bobKey,
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

/** A fine-tuned model as a succeeded job leaves it, with a made-up adapter. */
export async function registerModel(house: House, project: string, id: string, jobId = 'ftjob-1'): Promise<string> {
  const folder = `models/fine-tuned/${jobId}/${id.replaceAll(':', '-')}`;
  const model = { id, createdAt: 1_700_000_000, base: 'tiny', baseModelId: 'tiny', jobId, folder };
  await house.of(project).models.register(house.database, model);
  return id;
}
