/**
 * The bodies of files, uploads, models and fine-tuning, held against OpenAI's own schemas.
 *
 * In three places we say what the live service says and not what its document says (clients rely on it).
 */

import OpenAI, { toFile } from 'openai';
import { expect, test } from 'vitest';
import { nonconformities } from '../conformance.ts';
import { openTestHouse } from '../house.ts';
import { examples, tinyHome, upload, waitFor } from '../jobs/tiny-house.ts';

/** Which schema describes the answers of a method below a path. */
const schemas: readonly [method: string, path: RegExp, schema: string][] = [
  ['POST', /^\/files$/, 'OpenAIFile'],
  ['GET', /^\/files$/, 'ListFilesResponse'],
  ['GET', /^\/files\/[\w-]+$/, 'OpenAIFile'],
  ['DELETE', /^\/files\/[\w-]+$/, 'DeleteFileResponse'],
  ['POST', /^\/uploads$/, 'Upload'],
  ['POST', /^\/uploads\/\w+\/parts$/, 'UploadPart'],
  ['POST', /^\/uploads\/\w+\/(complete|cancel)$/, 'Upload'],
  ['GET', /^\/models$/, 'ListModelsResponse'],
  ['GET', /^\/models\/.+$/, 'Model'],
  ['DELETE', /^\/models\/.+$/, 'DeleteModelResponse'],
  ['GET', /^\/fine_tuning\/jobs$/, 'ListPaginatedFineTuningJobsResponse'],
  ['POST', /^\/fine_tuning\/jobs/, 'FineTuningJob'],
  ['GET', /^\/fine_tuning\/jobs\/[\w-]+$/, 'FineTuningJob'],
  ['GET', /^\/fine_tuning\/jobs\/[\w-]+\/events$/, 'ListFineTuningJobEventsResponse'],
  ['GET', /^\/fine_tuning\/jobs\/[\w-]+\/checkpoints$/, 'ListFineTuningJobCheckpointsResponse'],
];

/** Nulls that the document does not know: of files, of the error of a job that has none, of an event's data. */
function asDocumented(this: Record<string, unknown>, key: string, value: unknown): unknown {
  if (value === null && ['expires_at', 'status_details'].includes(key) && this['object'] === 'file') return undefined;
  if (value === null && key === 'data' && this['object'] === 'fine_tuning.job.event') return undefined;
  if (key === 'error' && value !== null && Object.values(value as object).every((each) => each === null)) return null;
  return value;
}

test('every body of a job’s whole life conforms', { timeout: 60_000 }, async () => {
  await using folder = await tinyHome();
  await using house = await openTestHouse({ home: folder.home });
  const complaints = new Map<string, readonly string[]>();
  const seen = new Set<string>();
  const judging: typeof fetch = async (url, init) => {
    const answer = await fetch(url, init);
    const method = init?.method?.toUpperCase() ?? 'GET';
    const path = new URL(url instanceof Request ? url.url : url).pathname.replace(/^\/v1/, '');
    const schema = schemas.find(([of, pattern]) => of === method && pattern.test(path))?.[2];
    if (schema === undefined) return answer;
    const problems = nonconformities(schema, JSON.parse(await answer.clone().text(), asDocumented));
    seen.add(`${method} ${schema}`);
    if (problems.length > 0) complaints.set(`${method} ${path} (${schema})`, problems);
    return answer;
  };
  const openai = new OpenAI({ baseURL: house.url, apiKey: 'any', maxRetries: 0, fetch: judging });

  const training_file = await upload(openai, examples());
  const validation_file = await upload(openai, examples('Who'));
  await openai.files.retrieve(training_file);
  await openai.files.list();
  const parts = await openai.uploads.create({ filename: 'a.txt', purpose: 'user_data', bytes: 3, mime_type: 'a/b' });
  const part = await openai.uploads.parts.create(parts.id, { data: await toFile(Buffer.from('abc'), 'part') });
  const { file } = await openai.uploads.complete(parts.id, { part_ids: [part.id] });
  await openai.files.delete(file!.id);

  const hyperparameters = { n_epochs: 2, batch_size: 4 };
  const method = { type: 'supervised', supervised: { hyperparameters } } as const;
  const metadata = { team: 'mail' };
  const made = { model: 'tiny', training_file, validation_file, method, metadata, suffix: 'mail' };
  const { id } = await openai.fineTuning.jobs.create(made);
  const { job } = await waitFor(openai, id);
  expect(job.status).toBe('succeeded');
  await openai.fineTuning.jobs.list({ metadata });
  await openai.fineTuning.jobs.listEvents(id);
  await openai.fineTuning.jobs.checkpoints.list(id);
  const failing = await openai.fineTuning.jobs.create({ model: 'tiny', training_file: await upload(openai, ['no']) });
  expect((await waitFor(openai, failing.id)).job.status).toBe('failed');
  await openai.models.list();
  await openai.models.retrieve(job.fine_tuned_model!);
  await openai.models.delete(job.fine_tuned_model!);

  expect(Object.fromEntries(complaints)).toEqual({});
  const all = schemas.map(([of, , schema]) => `${of} ${schema}`);
  expect(all.filter((each) => !seen.has(each))).toEqual([]);
});
