/**
 * An answer in two views: as templates and graders see it, and as an output item shows it.
 *
 * It may come from a chat completion, from a response, from a file that holds answers made elsewhere, or from
 * nowhere, when items are judged by themselves.
 */

import type OpenAI from 'openai';
import { z } from 'zod';
import type { EvalError, OutputSample } from '../../domain/eval.ts';
import type { GraderTokens, Subject } from '../../domain/grader.ts';
import type { AnswerToken } from '../labels.ts';
import type { AskedMessage } from './template.ts';

export interface Sample {
  readonly seen: Subject['sample'];
  readonly shown: OutputSample;
  /** Of the answer, where whoever gave it tells them. */
  readonly tokens?: readonly AnswerToken[] | undefined;
}

/** What was wished for when it was made. */
export interface Wishes {
  readonly temperature?: number | undefined;
  readonly top_p?: number | undefined;
  readonly seed?: number | undefined;
  readonly max_completion_tokens?: number | undefined;
  readonly tools?: unknown;
  /** Whether the answer was to be JSON. */
  readonly isJson: boolean;
}

type Turn = { role: string; content: string };

const noTokens: GraderTokens = { total_tokens: 0, completion_tokens: 0, prompt_tokens: 0, cached_tokens: 0 };

export function noSample(input: readonly Turn[] = [], error: EvalError | null = null): Sample {
  return {
    seen: {},
    shown: {
      input: [...input],
      output: [],
      finish_reason: '',
      model: '',
      usage: { ...noTokens },
      error,
      temperature: null,
      max_completion_tokens: null,
      top_p: null,
      seed: null,
    },
  };
}

export function chatTokens(usage: OpenAI.CompletionUsage | undefined | null): GraderTokens {
  if (usage === undefined || usage === null) return noTokens;
  const { total_tokens, completion_tokens, prompt_tokens, prompt_tokens_details } = usage;
  return { total_tokens, completion_tokens, prompt_tokens, cached_tokens: prompt_tokens_details?.cached_tokens ?? 0 };
}

export function chatSample(asked: readonly AskedMessage[], answer: OpenAI.ChatCompletion, wishes: Wishes): Sample {
  const [choice] = answer.choices;
  const message = choice?.message;
  const text = message?.content ?? message?.refusal ?? '';
  const tokens = choice?.logprobs?.content ?? undefined;
  const sample = sampleOf(asked, wishes, {
    text,
    calls: message?.tool_calls ?? [],
    choices: answer.choices.map((each) => ({ ...each, logprobs: undefined })),
    model: answer.model,
    finishReason: choice?.finish_reason ?? 'stop',
    tokens: chatTokens(answer.usage),
  });
  return tokens === undefined ? sample : { ...sample, tokens };
}

/** What a response holds, as far as evals are concerned; those from elsewhere hold much more. */
export interface AnsweredResponse {
  readonly model: string;
  readonly status?: string | null;
  readonly output: readonly unknown[];
  readonly incomplete_details?: { readonly reason?: string | null } | null;
  readonly usage?: {
    readonly input_tokens: number;
    readonly output_tokens: number;
    readonly total_tokens: number;
    readonly input_tokens_details?: { readonly cached_tokens?: number } | null;
  } | null;
}

export function responseSample(asked: readonly AskedMessage[], answer: AnsweredResponse, wishes: Wishes): Sample {
  const items = answer.output as readonly Record<string, unknown>[];
  const text = items
    .filter(({ type }) => type === 'message')
    .flatMap(({ content }) => content as readonly { text?: string; refusal?: string }[])
    .map((part) => part.text ?? part.refusal ?? '')
    .join('');
  const calls = items
    .filter(({ type }) => type === 'function_call')
    .map(({ call_id, name, arguments: given }) => ({
      id: call_id,
      type: 'function',
      function: { name, arguments: given },
    }));
  const finishReason =
    answer.status === 'incomplete'
      ? answer.incomplete_details?.reason === 'content_filter'
        ? 'content_filter'
        : 'length'
      : calls.length > 0
        ? 'tool_calls'
        : 'stop';
  const message = { role: 'assistant', content: text, ...(calls.length > 0 && { tool_calls: calls }) };
  return sampleOf(asked, wishes, {
    text,
    calls,
    choices: [{ index: 0, message, finish_reason: finishReason }],
    model: answer.model,
    finishReason,
    tokens: responseTokens(answer.usage),
  });
}

export function responseTokens(usage: AnsweredResponse['usage']): GraderTokens {
  if (usage === undefined || usage === null) return noTokens;
  const { input_tokens, output_tokens, total_tokens, input_tokens_details } = usage;
  return {
    total_tokens,
    completion_tokens: output_tokens,
    prompt_tokens: input_tokens,
    cached_tokens: input_tokens_details?.cached_tokens ?? 0,
  };
}

interface Answered {
  readonly text: string;
  readonly calls: readonly unknown[];
  readonly choices: readonly unknown[];
  readonly model: string;
  readonly finishReason: string;
  readonly tokens: GraderTokens;
}

function sampleOf(asked: readonly AskedMessage[], wishes: Wishes, answered: Answered): Sample {
  const { text, calls, choices, model, finishReason, tokens } = answered;
  const { temperature = null, top_p = null, seed = null, max_completion_tokens = null, tools, isJson } = wishes;
  const json = isJson ? parsed(text) : undefined;
  const said = text === '' && calls.length > 0 ? JSON.stringify(calls) : text;
  return {
    seen: {
      output_text: text,
      ...(json !== undefined && { output_json: json }),
      output_tools: calls,
      choices,
      input_tools: Array.isArray(tools) ? tools : [],
      model,
      finish_reason: finishReason,
      usage: tokens,
      ...tokens,
    },
    shown: {
      input: turnsOf(asked),
      output: [{ role: 'assistant', content: said }],
      finish_reason: finishReason,
      model,
      usage: { ...tokens },
      error: null,
      temperature,
      max_completion_tokens,
      top_p,
      seed,
    },
  };
}

/** An answer that came with its item: whatever it holds is there for templates, and its text under its usual name. */
export function givenSample(given: Readonly<Record<string, unknown>>): Sample {
  const text = given['output_text'] ?? textIn(given['choices']);
  const seen = text === undefined ? given : { ...given, output_text: text };
  const { shown } = noSample();
  const word = (key: string): string => (typeof given[key] === 'string' ? given[key] : '');
  return {
    ...tokensIn(given['choices']),
    seen,
    shown: {
      ...shown,
      output: text === undefined ? [] : [{ role: 'assistant', content: asText(text) }],
      finish_reason: word('finish_reason'),
      model: word('model'),
      usage: { ...noTokens, ...knownTokens(given['usage']) },
    },
  };
}

function knownTokens(usage: unknown): Partial<GraderTokens> {
  const counts = Object.entries(usage ?? {}).filter(([name, count]) => name in noTokens && Number.isInteger(count));
  return Object.fromEntries(counts);
}

function textIn(choices: unknown): unknown {
  const [choice] = Array.isArray(choices) ? (choices as { message?: { content?: unknown } }[]) : [];
  return choice?.message?.content ?? undefined;
}

/** Messages with their content as text, the way output items show them. */
export const turnsOf = (messages: readonly AskedMessage[]): Turn[] =>
  messages.map(({ role, content, tool_calls }) => ({
    role,
    content: content === null || content === undefined ? asText(tool_calls ?? '') : contentText(content),
  }));

function contentText(content: unknown): string {
  if (!Array.isArray(content)) return asText(content);
  return content.map((part) => asText((part as { text?: unknown } | null)?.text ?? part)).join('');
}

/** As a chat completion that was written down has them. */
function tokensIn(choices: unknown): Pick<Sample, 'tokens'> {
  const [choice] = Array.isArray(choices) ? (choices as { logprobs?: { content?: unknown } | null }[]) : [];
  const found = z.array(answerToken).safeParse(choice?.logprobs?.content);
  return found.success ? { tokens: found.data } : {};
}

const tokenText = z.object({ token: z.string(), logprob: z.number() });
const answerToken = tokenText.extend({ top_logprobs: z.array(tokenText) });

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
