/**
 * What becomes of every parameter that OpenAI's endpoints for answers take; the coverage page is made from here.
 *
 * Three fates: honoured; accepted without effect, because it asks for nothing that a local model does otherwise; and
 * refused, because leaving it out silently would change what the caller gets. A parameter that is in no table is
 * unknown.
 */

import { invalid } from '../domain/errors.ts';

export type Treatment =
  | { readonly fate: 'honoured'; readonly note?: string }
  | { readonly fate: 'no effect'; readonly note: string }
  /** Null, false and an empty list ask for nothing and pass, and so does what is `harmless`. */
  | { readonly fate: 'refused'; readonly note: string; readonly harmless?: (value: unknown) => boolean };

export type Treatments<Body> = { readonly [Key in keyof Body]-?: Treatment };

const honoured: Treatment = { fate: 'honoured' };
const noCache: Treatment = { fate: 'no effect', note: 'prompts that begin alike share their computation anyway' };
const noAbuse: Treatment = { fate: 'no effect', note: 'nobody is watched for abuse' };
const noModeration: Treatment = { fate: 'refused', note: 'there is no moderation model' };
const noReasoning: Treatment = { fate: 'no effect', note: 'local models have no setting for how much they think' };

export const chatParameters = {
  model: honoured,
  messages: { fate: 'honoured', note: 'text, in strings or parts; images, audio and files are refused' },
  temperature: honoured,
  top_p: honoured,
  n: honoured,
  stop: honoured,
  max_tokens: honoured,
  max_completion_tokens: honoured,
  logprobs: honoured,
  top_logprobs: honoured,
  logit_bias: { fate: 'honoured', note: "ids of the served model's own tokenizer" },
  frequency_penalty: honoured,
  presence_penalty: honoured,
  seed: honoured,
  stream: honoured,
  stream_options: honoured,
  response_format: honoured,
  tools: { fate: 'honoured', note: 'functions; custom tools are refused' },
  tool_choice: honoured,
  parallel_tool_calls: honoured,
  functions: honoured,
  function_call: honoured,
  store: honoured,
  metadata: honoured,
  modalities: {
    fate: 'refused',
    note: 'models here write text only',
    harmless: (value) => Array.isArray(value) && value.every((modality) => modality === 'text'),
  },
  audio: { fate: 'refused', note: 'models here write text only' },
  web_search_options: { fate: 'refused', note: 'answers come from the model alone' },
  moderation: noModeration,
  user: noAbuse,
  safety_identifier: noAbuse,
  prompt_cache_key: noCache,
  prompt_cache_retention: noCache,
  prompt_cache_options: noCache,
  service_tier: { fate: 'no effect', note: "there is one tier, and answers say 'default'" },
  prediction: { fate: 'no effect', note: 'it only makes answers faster' },
  verbosity: { fate: 'no effect', note: 'local models have no setting for it' },
  reasoning_effort: noReasoning,
} as const satisfies Record<string, Treatment>;

export const responseParameters = {
  model: honoured,
  input: { fate: 'honoured', note: 'text messages, function calls and their outputs, item references' },
  instructions: honoured,
  previous_response_id: honoured,
  store: { fate: 'honoured', note: 'kept for 30 days' },
  background: honoured,
  max_output_tokens: honoured,
  text: { fate: 'honoured', note: 'formats; verbosity has no effect' },
  tools: { fate: 'honoured', note: "functions; OpenAI's built-in tools are refused" },
  tool_choice: honoured,
  parallel_tool_calls: honoured,
  temperature: honoured,
  top_p: honoured,
  truncation: honoured,
  top_logprobs: honoured,
  include: { fate: 'honoured', note: 'message.output_text.logprobs; the others name what there never is' },
  metadata: honoured,
  stream: honoured,
  stream_options: honoured,
  reasoning: noReasoning,
  conversation: { fate: 'refused', note: 'use previous_response_id' },
  prompt: { fate: 'refused', note: 'there are no prompt templates' },
  context_management: { fate: 'refused', note: 'use truncation' },
  moderation: noModeration,
  max_tool_calls: { fate: 'no effect', note: 'it bounds built-in tools only' },
  user: noAbuse,
  safety_identifier: noAbuse,
  prompt_cache_key: noCache,
  prompt_cache_retention: noCache,
  prompt_cache_options: noCache,
  service_tier: chatParameters.service_tier,
} as const satisfies Record<string, Treatment>;

export const completionParameters = {
  model: honoured,
  prompt: { fate: 'honoured', note: 'texts and token ids, one or many' },
  suffix: { fate: 'honoured', note: 'where the model has tokens for a gap; refused elsewhere' },
  max_tokens: honoured,
  temperature: honoured,
  top_p: honoured,
  n: honoured,
  best_of: honoured,
  echo: honoured,
  logprobs: { fate: 'honoured', note: "with echo, the prompt's own too" },
  stop: honoured,
  logit_bias: { fate: 'honoured', note: "ids of the served model's own tokenizer" },
  frequency_penalty: honoured,
  presence_penalty: honoured,
  seed: honoured,
  stream: honoured,
  stream_options: honoured,
  user: noAbuse,
} as const satisfies Record<string, Treatment>;

export const embeddingParameters = {
  model: honoured,
  input: { fate: 'honoured', note: 'texts and token ids, one or many' },
  encoding_format: honoured,
  dimensions: { fate: 'honoured', note: 'the first ones, scaled to length 1 again' },
  user: noAbuse,
} as const satisfies Record<string, Treatment>;

/** Throws for the first parameter that asks for what is not there. */
export function refuseUnsupported<Body extends object>(body: Body, treatments: Treatments<Body>): void {
  for (const [name, treatment] of Object.entries<Treatment>(treatments)) {
    if (treatment.fate !== 'refused') continue;
    const value = (body as Record<string, unknown>)[name];
    const asksForNothing = value == null || value === false || (Array.isArray(value) && value.length === 0);
    if (!asksForNothing && treatment.harmless?.(value) !== true) throw unsupported(name, treatment.note);
  }
}

export const unsupported = (param: string, why: string) =>
  invalid(
    param,
    `Unsupported parameter: '${param}' is not supported with this model: ${why}.`,
    'unsupported_parameter',
  );
