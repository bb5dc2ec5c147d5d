/** `openai_record`: what a model elsewhere answers to a test, while it still does; see `leaving/recording.ts`. */

import { z } from 'zod';
import { invalid, TunesmithError } from '../../domain/errors.ts';
import type { RecordResult } from '../../domain/openai-capture.ts';
import { record } from '../../leaving/recording.ts';
import { explained } from '../../leaving/source.ts';
import { taskKind } from '../task-kind.ts';
import { assertKey, leavingFields, placeOf, waiting } from './openai-fields.ts';

const failuresMax = 50;

export const openaiRecord = taskKind({
  type: 'openai_record',
  schema: z.strictObject({
    ...leavingFields,
    model: z.string().min(1).max(500),
    /** A file of this server: chats whose last message is the right answer. */
    file: z.string().min(1),
    max_tokens: z.int().min(1).max(100_000).nullish(),
  }),
  lane: 'quick',
  resumes: true,
  secrets: ['api_key'],

  async check({ api_key, capture: name, base_url, file }, { captures, files }) {
    assertKey(api_key);
    await captures.assertFrom(captures.nameOf(name), await placeOf(captures, name, base_url));
    if ((await files.find(file)) === null) throw invalid('file', `No such File object: ${file}`, 'file_not_found');
  },

  async run(request, { rooms, signal, progress }): Promise<RecordResult> {
    const { api_key, capture: name, base_url, model, file, concurrency, max_tokens } = request;
    const { captures, files } = rooms;
    await files.get(file);
    const baseUrl = await placeOf(captures, name, base_url);
    await using _ = await captures.lock(captures.nameOf(name));
    const source = captures.source({ key: api_key, baseUrl, signal, ...waiting(progress) });
    const into = await captures.begin(captures.nameOf(name), baseUrl);
    const path = files.path(file);
    const recorded = await record(source.openai, model, path, into, {
      signal,
      concurrency: concurrency ?? 1,
      elapsedMs: source.polite.elapsedMs,
      redact: source.redact,
      ...(max_tokens != null && { answerTokensMax: max_tokens }),
      onProgress: (done, total) => progress({ done, total, unit: 'answers', message: `Asking ${model}` }),
    }).catch((error: unknown) => {
      throw explained(named(error, path, file), source);
    });
    const { questions, recorded: news, known, withLogprobs, failures } = recorded;
    if (failures.length === questions)
      throw new TunesmithError('internal', `Not one question was answered: ${failures[0]!.message}`, {
        code: 'nothing_answered',
      });
    return {
      capture: captures.nameOf(name),
      recording: into
        .entries('recordings')
        .findLast(({ id }) => id.startsWith(`${model} `))!
        .path.split('/')[1]!,
      model,
      questions,
      recorded: news,
      known,
      with_logprobs: withLogprobs,
      failure_count: failures.length,
      failures: failures.slice(0, failuresMax),
    };
  },
});

/** The user knows the file by its id. */
function named(error: unknown, path: string, file: string): unknown {
  if (!(error instanceof TunesmithError)) return error;
  const { kind, message, code } = error;
  return new TunesmithError(kind, message.replaceAll(path, file), { param: 'file', code: code ?? 'invalid_file' });
}
