/**
 * What `POST /v1/chat/completions` accepts, field by field; `parameters.ts` says what becomes of each. Whatever else
 * a body holds is an unknown parameter.
 */

import { z } from 'zod';
import type { Metadata } from '../answers/metadata.ts';
import { invalid } from '../domain/errors.ts';
import type { Message } from '../domain/example.ts';
import { type AnswerFormat, checkJsonIsMentioned, schemaFields } from './answer-format.ts';
import { type ChatMessage, conversationOf, messageSchema } from './chat-messages.ts';
import { checkLabelsAlone, labelsField } from './labels-field.ts';
import { metadataSchema } from './metadata.ts';
import { chatParameters, refuseUnsupported } from './parameters.ts';
import type { ReplyRequest } from './reply.ts';
import { functionFields, functionName, type ToolChoice, type ToolUse, toolUse } from './tool-use.ts';
import { optional, parseBody } from './validation.ts';

const number = (minimum: number, maximum: number) => optional(z.number().min(minimum).max(maximum));
const integer = (minimum: number, maximum: number) => optional(z.int().min(minimum).max(maximum));
const stop = z.string().min(1);
const unread = z.unknown().optional();

const tool = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('function'),
    function: z.strictObject({ ...functionFields, strict: optional(z.boolean()) }),
  }),
]);
const named = z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: functionName }) });
const allowed = z.strictObject({
  type: z.literal('allowed_tools'),
  allowed_tools: z.strictObject({ mode: z.enum(['auto', 'required']), tools: z.array(named) }),
});
const toolChoice = z.union([z.enum(['none', 'auto', 'required']), z.discriminatedUnion('type', [named, allowed])]);

const responseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({ ...schemaFields, schema: optional(z.record(z.string(), z.unknown())) }),
  }),
]);

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
  response_format: optional(responseFormat),
  tools: optional(z.array(tool).max(128)),
  tool_choice: optional(toolChoice),
  parallel_tool_calls: optional(z.boolean()),
  functions: optional(z.array(z.strictObject(functionFields)).min(1).max(128)),
  function_call: optional(z.union([z.enum(['none', 'auto']), z.strictObject({ name: functionName })])),
  store: optional(z.boolean()),
  metadata: optional(metadataSchema),

  modalities: optional(z.array(z.enum(['text', 'audio']))),
  audio: unread,
  web_search_options: unread,
  moderation: unread,
  labels: labelsField,

  user: unread,
  safety_identifier: unread,
  prompt_cache_key: unread,
  prompt_cache_retention: unread,
  prompt_cache_options: unread,
  service_tier: unread,
  prediction: unread,
  verbosity: unread,
  reasoning_effort: unread,
});

type Body = z.output<typeof bodySchema>;

export interface ChatRequest {
  readonly reply: ReplyRequest;
  readonly streaming: boolean;
  readonly includeUsage: boolean;
  /** Whether pieces of a stream are made harder to tell apart by their size. */
  readonly obfuscated: boolean;
  /** Whether calls are answered in the deprecated field. */
  readonly asFunctionCall: boolean;
  /** As they were sent, where the answer is to be kept. */
  readonly stored: { readonly messages: readonly ChatMessage[]; readonly metadata: Metadata } | null;
}

export function parseChatRequest(value: unknown): ChatRequest {
  const body = parseBody(bodySchema, value);
  const { labels: _ours, ...official } = body;
  refuseUnsupported(official, chatParameters);
  checkTogether(body);
  const messages = conversationOf(body.messages);
  const format = formatOf(body, messages);
  const bias = Object.entries(body.logit_bias ?? {});
  return {
    reply: {
      model: body.model,
      tools: toolsOf(body),
      format,
      labels: body.labels ?? false,
      completion: {
        messages,
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
    },
    streaming: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    obfuscated: body.stream_options?.include_obfuscation ?? false,
    asFunctionCall: body.functions !== undefined,
    stored: body.store === true ? { messages: body.messages, metadata: body.metadata ?? {} } : null,
  };
}

function checkTogether(body: Body): void {
  const { stream, stream_options, logprobs, top_logprobs, tools = [], functions, parallel_tool_calls } = body;
  if (stream_options !== undefined && stream !== true)
    throw invalid('stream_options', "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  if (top_logprobs !== undefined && logprobs !== true)
    throw invalid('top_logprobs', "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.");
  if (functions !== undefined && tools.length > 0)
    throw invalid('functions', "'functions' is the deprecated form of 'tools'; only one of the two is allowed.");
  if (parallel_tool_calls !== undefined && tools.length === 0)
    throw invalid('parallel_tool_calls', "'parallel_tool_calls' is only allowed when 'tools' are specified.");
  const calls = tools.length > 0 ? 'tools' : functions !== undefined ? 'functions' : null;
  const format = (body.response_format?.type ?? 'text') === 'text' ? null : 'response_format';
  checkLabelsAlone(body.labels, calls ?? format);
  if (body.store !== true && Object.keys(body.metadata ?? {}).length > 0)
    throw invalid('metadata', "The 'metadata' parameter is only allowed when 'store' is enabled.");
}

function toolsOf(body: Body): ToolUse | null {
  if (body.functions !== undefined) {
    const { function_call: choice } = body;
    return toolUse({
      param: 'functions',
      choiceParam: 'function_call',
      tools: body.functions.map((definition, i) => ({
        tool: { type: 'function', function: definition },
        param: `functions[${i}].parameters`,
      })),
      choice:
        typeof choice === 'object'
          ? { type: 'named', name: choice.name }
          : choice === undefined
            ? null
            : { type: choice },
      parallel: false,
    });
  }
  if (body.function_call !== undefined && body.function_call !== 'none')
    throw invalid('function_call', "'function_call' is only allowed when 'functions' are specified.");
  return toolUse({
    param: 'tools',
    choiceParam: 'tool_choice',
    tools: (body.tools ?? []).map((tool, i) => ({ tool, param: `tools[${i}].function.parameters` })),
    choice: choiceOf(body.tool_choice),
    parallel: body.parallel_tool_calls ?? true,
  });
}

function choiceOf(choice: Body['tool_choice']): ToolChoice | null {
  if (choice === undefined) return null;
  if (typeof choice === 'string') return { type: choice };
  if (choice.type === 'function') return { type: 'named', name: choice.function.name };
  const { mode, tools } = choice.allowed_tools;
  return { type: 'allowed', mode, names: tools.map((tool) => tool.function.name) };
}

function formatOf({ response_format: format = { type: 'text' } }: Body, messages: readonly Message[]): AnswerFormat {
  if (format.type === 'json_object')
    checkJsonIsMentioned(messages, {
      param: 'messages',
      message: "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
    });
  if (format.type !== 'json_schema') return format;
  const { name, schema = {}, strict = false } = format.json_schema;
  return { type: 'json_schema', name, schema, strict, param: 'response_format.json_schema.schema' };
}
