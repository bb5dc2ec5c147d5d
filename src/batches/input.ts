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
import { type Line, readLines } from '../formats/jsonl.ts';

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
  const judge = new Judge(endpoint, findModel);
  const size = (await stat(path).catch(() => null))?.size ?? null;
  if (size === null) judge.complain(null, 'file_not_found', 'The input file is not there any more.');
  else if (size > inputBytesMax)
    judge.complain(null, 'file_too_large', `The input file has ${size} bytes; at most ${inputBytesMax} are taken.`);
  else
    for await (const line of readLines(path, { signal })) {
      await judge.look(line);
      if (judge.count > requestsMax) break;
    }
  return judge.verdict();
}

class Judge {
  count = 0;
  readonly #endpoint: BatchEndpoint;
  readonly #findModel: (name: string) => Promise<boolean>;
  readonly #errors: BatchError[] = [];
  /** Custom ids, with the lines that have them. */
  readonly #ids = new Map<string, number>();
  #model: string | null = null;

  constructor(endpoint: BatchEndpoint, findModel: (name: string) => Promise<boolean>) {
    this.#endpoint = endpoint;
    this.#findModel = findModel;
  }

  complain(line: number | null, code: string, message: string, param: string | null = null): void {
    if (this.#errors.length < errorsShown) this.#errors.push({ code, message, param, line });
  }

  async look({ line, text, fault }: Line): Promise<void> {
    if (fault === null && text.trim() === '') return;
    this.count += 1;
    const read = fault === null ? readLine(text) : null;
    if (this.count > requestsMax)
      this.complain(null, 'too_many_requests', `The input file has more than ${requestsMax} requests.`);
    else if (read === null) this.complain(line, 'invalid_json_line', 'This line is not parseable as valid JSON.');
    else {
      const { data: request, error } = lineSchema.safeParse(read.value);
      if (request === undefined) this.#misshapen(line, read.value, error.issues[0]!);
      else await this.#judge(line, request);
    }
  }

  verdict(): Judged {
    if (this.count === 0 && this.#errors.length === 0)
      this.complain(null, 'empty_file', 'The input file holds no requests.');
    return { count: this.count, model: this.#model, errors: this.#errors };
  }

  #misshapen(line: number, value: unknown, { path, message }: z.core.$ZodIssue): void {
    const param = path.join('.') || null;
    if (param !== null && valueAt(value, path) === undefined)
      return this.complain(line, 'missing_required_parameter', `Missing required parameter: '${param}'.`, param);
    const place = param === null ? '' : ` for '${param}'`;
    this.complain(line, 'invalid_request', `Invalid value${place}: ${message}.`, param);
  }

  async #judge(line: number, { custom_id: id, url, body: { model } }: z.output<typeof lineSchema>): Promise<void> {
    const earlier = this.#ids.get(id);
    if (earlier === undefined) this.#ids.set(id, line);
    else
      this.complain(
        line,
        'duplicate_custom_id',
        `The custom_id '${id}' is that of line ${earlier} already.`,
        'custom_id',
      );
    if (url !== this.#endpoint)
      this.complain(line, 'invalid_url', `The url is '${url}'; the batch is for '${this.#endpoint}'.`, 'url');
    if (this.#model === null) await this.#choose(line, model);
    else if (model !== this.#model) {
      const message = `The model is '${model}', and '${this.#model}' in the lines before; a batch has one.`;
      this.complain(line, 'mismatched_model', message, 'body.model');
    }
  }

  async #choose(line: number, model: string): Promise<void> {
    this.#model = model;
    if (await this.#findModel(model)) return;
    const message = `The model '${model}' does not exist or you do not have access to it.`;
    this.complain(line, 'model_not_found', message, 'body.model');
  }
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
