/** `openai_capture`: what an organisation has at OpenAI into a capture of the project; see `leaving/capture.ts`. */

import { z } from 'zod';
import { TunesmithError } from '../../domain/errors.ts';
import { capture, keyRefusal, takenKinds, type Counts } from '../../leaving/capture.ts';
import { explained } from '../../leaving/source.ts';
import { taskKind } from '../task-kind.ts';
import { assertKey, leavingFields, placeOf, waiting } from './openai-fields.ts';

const problemsMax = 50;

export const openaiCapture = taskKind({
  type: 'openai_capture',
  schema: z.strictObject({
    ...leavingFields,
    /** By default all. */
    only: z.array(z.enum(takenKinds)).min(1).nullish(),
  }),
  lane: 'quick',
  resumes: true,
  secrets: ['api_key'],

  async check({ api_key, capture: name, base_url }, { captures }) {
    assertKey(api_key);
    await captures.assertFrom(captures.nameOf(name), await placeOf(captures, name, base_url));
  },

  async run({ api_key, capture: name, base_url, only, concurrency }, { rooms, signal, progress }) {
    const { captures } = rooms;
    const baseUrl = await placeOf(captures, name, base_url);
    await using _ = await captures.lock(captures.nameOf(name));
    const source = captures.source({ key: api_key, baseUrl, signal, ...waiting(progress) });
    const into = await captures.begin(captures.nameOf(name), baseUrl);
    const kinds = only ?? takenKinds;
    let file = '';
    const captured = await capture(source.openai, into, {
      only: kinds,
      concurrency: concurrency ?? 4,
      signal,
      redact: source.redact,
      onProgress: (counts) => progress({ done: seen(counts), unit: 'objects', message: told(counts) + file }),
      onBytes: (id, bytes) => (file = `; ${id}: ${(bytes / 1e6).toFixed(1)} MB`),
    }).catch((error: unknown) => {
      throw explained(error, source);
    });
    const refusal = keyRefusal(captured, kinds);
    if (refusal !== null)
      throw new TunesmithError('invalid', `${baseUrl} does not accept the key: ${refusal.message}`, {
        code: 'invalid_api_key',
        param: 'api_key',
      });
    const { counts, problems } = captured;
    return {
      capture: captures.nameOf(name),
      base_url: baseUrl,
      counts,
      problem_count: problems.length,
      problems: problems.slice(0, problemsMax).map(({ at: _at, ...problem }) => problem),
    };
  },
});

const words: Readonly<Record<keyof Counts, readonly [one: string, many: string]>> = {
  evals: ['eval or run', 'evals and runs'],
  models: ['model', 'models'],
  fine_tuning_jobs: ['job', 'jobs'],
  files: ['file', 'files'],
  stored_completions: ['stored answer', 'stored answers'],
};

const seen = (counts: Counts): number => Object.values(counts).reduce((sum, { seen: each }) => sum + each, 0);

const told = (counts: Counts): string =>
  takenKinds
    .filter((kind) => counts[kind].seen > 0)
    .map((kind) => `${counts[kind].seen} ${words[kind][counts[kind].seen === 1 ? 0 : 1]}`)
    .join(', ');
