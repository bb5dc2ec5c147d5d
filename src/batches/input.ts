/**
 * The input of a batch: one request per line, and what can be wrong with them as a whole.
 *
 *   {"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"…",…}}
 *
 * Everything that makes a file unfit is told with its line, up to a hundred times. What is wrong with a single
 * body is that request's answer, in the error file.
 */

import { stat } from 'node:fs/promises';
import { z } from 'zod';
import type { BatchEndpoint, BatchError } from '../domain/batch.ts';
import { readLines } from '../formats/jsonl.ts';

export const requestsMax = 50_000;
export const inputBytesMax = 200 * 2 ** 20;
const errorsShown = 100;

export interface BatchedRequest {
  readonly line: number;
  readonly customId: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Judged {
  readonly count: number;
  /** The one that all requests ask for; null in a file without a good line. */
  readonly model: string | null;
  readonly errors: readonly BatchError[];
}

const lineSchema = z.object({
  custom_id: z.string().min(1).max(512),
  method: z.literal('POST'),
  url: z.string(),
  body: z.looseObject({ model: z.string().min(1) }),
});

/** Reads the whole file. `findModel` says whether a model is there. */
export async function judgeInput(
  path: string,
  endpoint: BatchEndpoint,
  findModel: (name: string) => Promise<boolean>,
  signal: AbortSignal,
): Promise<Judged> {
  const errors: BatchError[] = [];
  const complain = (line: number | null, code: string, message: string, param: string | null = null): void => {
    if (errors.length < errorsShown) errors.push({ code, message, param, line });
  };
  const { size } = await stat(path);
  if (size > inputBytesMax)
    complain(null, 'file_too_large', `The input file has ${size} bytes; at most ${inputBytesMax} are taken.`);
  const ids = new Map<string, number>();
  let model: string | null = null;
  let count = 0;
  for await (const { line, text, fault } of size > inputBytesMax ? [] : readLines(path, { signal })) {
    if (fault === null && text.trim() === '') continue;
    count += 1;
    if (count > requestsMax) {
      complain(null, 'too_many_requests', `The input file has more than ${requestsMax} requests.`);
      break;
    }
    const read = fault === null ? readLine(text) : null;
    if (read === null) {
      complain(line, 'invalid_json_line', 'This line is not parseable as valid JSON.');
      continue;
    }
    const { data: request, error } = lineSchema.safeParse(read.value);
    if (request === undefined) {
      const { path, message } = error.issues[0]!;
      const param = path.join('.') || null;
      const isAbsent = param !== null && valueAt(read.value, path) === undefined;
      if (isAbsent) complain(line, 'missing_required_parameter', `Missing required parameter: '${param}'.`, param);
      else
        complain(
          line,
          'invalid_request',
          `Invalid value${param === null ? '' : ` for '${param}'`}: ${message}.`,
          param,
        );
      continue;
    }
    const { custom_id, url, body } = request;
    const earlier = ids.get(custom_id);
    if (earlier !== undefined)
      complain(
        line,
        'duplicate_custom_id',
        `The custom_id '${custom_id}' is that of line ${earlier} already.`,
        'custom_id',
      );
    else ids.set(custom_id, line);
    if (url !== endpoint) complain(line, 'invalid_url', `The url is '${url}'; the batch is for '${endpoint}'.`, 'url');
    if (model === null) {
      model = body.model;
      if (!(await findModel(model)))
        complain(
          line,
          'model_not_found',
          `The model '${model}' does not exist or you do not have access to it.`,
          'body.model',
        );
    } else if (body.model !== model)
      complain(
        line,
        'mismatched_model',
        `The model is '${body.model}', and '${model}' in the lines before; a batch has one.`,
        'body.model',
      );
  }
  if (count === 0 && errors.length === 0) complain(null, 'empty_file', 'The input file holds no requests.');
  return { count, model, errors };
}

/** The requests of a file that was judged good. */
export async function* readRequests(path: string, signal: AbortSignal): AsyncGenerator<BatchedRequest, void> {
  for await (const { line, text } of readLines(path, { signal })) {
    if (text.trim() === '') continue;
    const { custom_id, body } = JSON.parse(text) as { custom_id: string; body: BatchedRequest['body'] };
    yield { line, customId: custom_id, body };
  }
}

function readLine(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}
