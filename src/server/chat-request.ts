/**
 * What `POST /v1/chat/completions` accepts, field by field.
 *
 * Three kinds of fields: those that are honoured; those that OpenAI knows and that change nothing here (hints about
 * caches, tiers, effort); and those whose silent loss would change the answer's meaning (tools, JSON, audio), which
 * are refused until they work. Whatever else a body holds is an unknown parameter.
 */

import { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import type { Message } from '../domain/example.ts';
import type { CompletionRequest } from '../serving/serving.ts';
import { optional, parseBody } from './validation.ts';

const textParts = z
  .array(z.discriminatedUnion('type', [z.object({ type: z.literal('text'), text: z.string() })]))
  .min(1);
const answerParts = z
  .array(
    z.discriminatedUnion('type', [
      z.object({ type: z.literal('text'), text: z.string() }),
      z.object({ type: z.literal('refusal'), refusal: z.string() }),
    ]),
  )
  .min(1);
const content = z.union([z.string(), textParts]);
const name = optional(z.string());
const ignored = z.unknown().optional();
const functionCall = z.strictObject({ name: z.string(), arguments: z.string() });
const toolCall = z.strictObject({ id: z.string(), type: z.literal('function'), function: functionCall });

const messageSchema = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('system'), content, name }),
  z.strictObject({ role: z.literal('developer'), content, name }),
  z.strictObject({ role: z.literal('user'), content, name }),
  z.strictObject({
    role: z.literal('assistant'),
    content: z.union([z.string(), answerParts]).nullish(),
    name,
    refusal: optional(z.string()),
    tool_calls: optional(z.array(toolCall)),
    function_call: optional(functionCall),
    // An answer of ours that comes back as history has these.
    annotations: ignored,
    audio: z.null().optional(),
  }),
  z.strictObject({ role: z.literal('tool'), content, tool_call_id: z.string(), name }),
  z.strictObject({ role: z.literal('function'), content: content.nullable(), name: z.string() }),
]);

const number = (minimum: number, maximum: number) => optional(z.number().min(minimum).max(maximum));
const integer = (minimum: number, maximum: number) => optional(z.int().min(minimum).max(maximum));
const stop = z.string().min(1);

const bodySchema = z.strictObject({
  model: z.string(),
  messages: z.array(messageSchema).min(1).max(2048),
  temperature: number(0, 2),
  top_p: number(0, 1),
  n: integer(1, 128),
  stop: optional(z.union([stop, z.array(stop).max(4)])),
  max_tokens: integer(1, Number.MAX_SAFE_INTEGER),
  max_completion_tokens: integer(1, Number.MAX_SAFE_INTEGER),
  logprobs: optional(z.boolean()),
  top_logprobs: integer(0, 20),
  logit_bias: optional(z.record(z.string().regex(/^(?:0|[1-9]\d{0,9})$/), z.number().min(-100).max(100))),
  frequency_penalty: number(-2, 2),
  presence_penalty: number(-2, 2),
  seed: optional(z.int()),
  stream: optional(z.boolean()),
  stream_options: optional(
    z.strictObject({ include_usage: optional(z.boolean()), include_obfuscation: optional(z.boolean()) }),
  ),

  // Refused unless they ask for what happens anyway.
  response_format: optional(z.looseObject({ type: z.enum(['text', 'json_object', 'json_schema']) })),
  tools: optional(z.array(z.unknown())),
  tool_choice: ignored,
  parallel_tool_calls: optional(z.boolean()),
  functions: optional(z.array(z.unknown())),
  function_call: ignored,
  modalities: optional(z.array(z.enum(['text', 'audio']))),
  audio: ignored,
  web_search_options: ignored,
  store: optional(z.boolean()),

  // They change nothing here.
  metadata: optional(z.record(z.string().max(64), z.string().max(512))),
  user: ignored,
  safety_identifier: ignored,
  prompt_cache_key: ignored,
  prompt_cache_retention: ignored,
  service_tier: ignored,
  prediction: ignored,
  verbosity: ignored,
  reasoning_effort: ignored,
});

type Body = z.output<typeof bodySchema>;

export interface ChatRequest {
  /** The model's name as it was asked for. */
  readonly model: string;
  /** Everything else that an answer depends on. */
  readonly completion: Omit<CompletionRequest, 'model'>;
  readonly includeUsage: boolean;
}

export function parseChatRequest(value: unknown): ChatRequest {
  const body = parseBody(bodySchema, value);
  refuseUnsupported(body);
  checkTogether(body);
  const bias = Object.entries(body.logit_bias ?? {});
  return {
    model: body.model,
    includeUsage: body.stream_options?.include_usage ?? false,
    completion: {
      messages: body.messages.map(withoutRefusalParts),
      choices: body.n ?? 1,
      tokensMax: body.max_completion_tokens ?? body.max_tokens ?? null,
      stops: [body.stop ?? []].flat(),
      sampling: {
        temperature: body.temperature ?? 1,
        topP: body.top_p ?? 1,
        seed: body.seed ?? null,
        frequencyPenalty: body.frequency_penalty ?? 0,
        presencePenalty: body.presence_penalty ?? 0,
        logitBias: bias.map(([token, value]) => [Number(token), value] as const),
      },
      topLogprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : null,
      streaming: body.stream ?? false,
    },
  };
}

function refuseUnsupported(body: Body): void {
  const refusals: readonly (readonly [parameter: string, isAsked: boolean])[] = [
    ['tools', (body.tools?.length ?? 0) > 0],
    ['functions', (body.functions?.length ?? 0) > 0],
    ['response_format', body.response_format !== undefined && body.response_format.type !== 'text'],
    ['modalities', body.modalities?.includes('audio') === true],
    ['audio', (body.audio ?? null) !== null],
    ['web_search_options', (body.web_search_options ?? null) !== null],
    ['store', body.store === true],
  ];
  const refused = refusals.find(([, isAsked]) => isAsked)?.[0];
  if (refused === undefined) return;
  throw invalid(
    refused,
    `Unsupported parameter: '${refused}' is not supported with this model.`,
    'unsupported_parameter',
  );
}

function checkTogether({ stream, stream_options, logprobs, top_logprobs }: Body): void {
  if (stream_options !== undefined && stream !== true)
    throw invalid('stream_options', "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  if (top_logprobs !== undefined && logprobs !== true)
    throw invalid('top_logprobs', "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.");
}

/** Templates know text only: what an assistant refused with is what it said. */
function withoutRefusalParts(message: Body['messages'][number]): Message {
  if (message.role !== 'assistant') return message;
  const { content, annotations: _, audio: __, ...rest } = message;
  if (!Array.isArray(content)) return { ...rest, content: content ?? rest.refusal ?? null };
  const parts = content.map((part) => ({
    type: 'text' as const,
    text: part.type === 'text' ? part.text : part.refusal,
  }));
  return { ...rest, content: parts };
}
