/**
 * Answers from any server that speaks OpenAI's API, named in the run.
 *
 * What passes (too many requests, an accident, a cut connection) is asked again; what would be the same for every
 * item (a key that does not fit, a model that is not there, an address that may not be asked) fails the run; the
 * rest is the item's own error. Keys are sent and nowhere told.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type OpenAI from 'openai';
import { z } from 'zod';
import { TunesmithError } from '../../domain/errors.ts';
import { guardedFetch } from '../../outbound/guarded-fetch.ts';
import { ItemFailure, RunFailure } from './failure.ts';
import type { Answerer } from './judge.ts';

export interface Endpoint {
  readonly baseUrl: string;
  readonly apiKey: string | null;
  /** True for every internal address, or the hosts that may have one. */
  readonly allowed: boolean | readonly string[];
}

const answerMsMax = 10 * 60_000;
const attemptsMax = 6;
const retryMs = 500;
const retryMsMax = 30_000;

export function endpointAnswerer(endpoint: Endpoint): Answerer {
  const ask = async <Shape extends z.ZodType>(path: string, shape: Shape, body: object, signal: AbortSignal) => {
    const answer = shape.safeParse(await post(endpoint, path, body, signal));
    if (answer.success) return answer.data;
    const { path: place, message } = answer.error.issues[0]!;
    const where = place.length === 0 ? 'its answer' : place.join('.');
    throw new ItemFailure('invalid_answer', `${endpoint.baseUrl} did not answer as OpenAI does: ${where}: ${message}.`);
  };
  return {
    chat: async (body, signal) => {
      const { model, usage, ...rest } = await ask('/chat/completions', chatShape, body, signal);
      const total_tokens = usage.total_tokens || usage.prompt_tokens + usage.completion_tokens;
      return {
        ...rest,
        model: model ?? asked(body),
        usage: { ...usage, total_tokens },
      } as unknown as OpenAI.ChatCompletion;
    },
    respond: async (body, signal) => {
      const { model, ...rest } = await ask('/responses', responseShape, body, signal);
      return { ...rest, model: model ?? asked(body) };
    },
  };
}

const asked = (body: object): string => ('model' in body ? String(body.model) : '');

/** Servers that are nearly OpenAI's leave out a lot; what counts must be numbers, and texts must be texts. */
const count = z
  .number()
  .nullish()
  .transform((value) => value ?? 0);
const text = z.string().nullish();
const cached = z.looseObject({ cached_tokens: count }).nullish();
const chatShape = z.looseObject({
  model: text,
  choices: z
    .array(
      z.looseObject({
        finish_reason: text,
        message: z.looseObject({ content: text, refusal: text, tool_calls: z.array(z.unknown()).nullish() }),
      }),
    )
    .min(1),
  usage: z
    .looseObject({ prompt_tokens: count, completion_tokens: count, total_tokens: count, prompt_tokens_details: cached })
    .nullish()
    .transform((usage) => usage ?? { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }),
});
const responseShape = z.looseObject({
  model: text,
  status: text,
  output: z.array(
    z.union([
      z.looseObject({ type: z.literal('message'), content: z.array(z.looseObject({ text, refusal: text })) }),
      z.looseObject({ type: z.literal('function_call'), call_id: z.string(), name: z.string(), arguments: z.string() }),
      z.looseObject({ type: z.string().refine((type) => type !== 'message' && type !== 'function_call') }),
    ]),
  ),
  usage: z
    .looseObject({ input_tokens: count, output_tokens: count, total_tokens: count, input_tokens_details: cached })
    .nullish(),
});

async function post(endpoint: Endpoint, path: string, body: object, signal: AbortSignal): Promise<unknown> {
  const url = endpoint.baseUrl.replace(/\/+$/, '') + path;
  for (let attempt = 1; ; attempt++) {
    const outcome = await ask(endpoint, url, body, signal);
    if ('answer' in outcome) return outcome.answer;
    if (attempt === attemptsMax) throw outcome.failure;
    await sleep(outcome.waitMs ?? Math.min(retryMs * 2 ** (attempt - 1), retryMsMax), undefined, { signal });
  }
}

type Outcome = { readonly answer: unknown } | { readonly failure: ItemFailure; readonly waitMs: number | null };

async function ask(
  { baseUrl, apiKey, allowed }: Endpoint,
  url: string,
  body: object,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const {
      status,
      headers,
      body: bytes,
    } = await guardedFetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(apiKey !== null && { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify(body),
      allowInternal: allowed,
      timeoutMs: answerMsMax,
      signal,
    });
    const answer = parsed(bytes.toString());
    if (status >= 200 && status < 300) return { answer };
    const said = (answer as { error?: { message?: unknown; code?: unknown } } | null)?.error;
    const message = `${baseUrl} answered ${status}${typeof said?.message === 'string' ? `: ${said.message}` : '.'}`;
    const code = typeof said?.code === 'string' ? said.code : `http_${status}`;
    if (status === 401 || status === 403 || status === 404 || code === 'insufficient_quota')
      throw new RunFailure(code, message);
    if (status === 408 || status === 409 || status === 429 || status >= 500)
      return { failure: new ItemFailure(code, message), waitMs: waitIn(headers) };
    throw new ItemFailure(code, message);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TunesmithError)) throw error;
    const code = error.code ?? 'endpoint_failed';
    if (error.kind === 'forbidden' || error.kind === 'invalid') throw new RunFailure(code, error.message);
    return { failure: new ItemFailure(code, error.message), waitMs: null };
  }
}

function waitIn(headers: Headers): number | null {
  const ms = Number(headers.get('retry-after-ms') ?? Number(headers.get('retry-after') ?? NaN) * 1000);
  return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, 60_000) : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
