/**
 * What `POST /v1/responses` accepts, field by field; `parameters.ts` says what becomes of each. The settings of a
 * response go back in it, so that here is also what a response looks like before anything was answered.
 */

import { z } from 'zod';
import type { Response } from '../answers/response.ts';
import { invalid, TunesmithError } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import { checkStrict } from '../text/json-grammar/strict.ts';
import { type AnswerFormat, schemaFields } from './answer-format.ts';
import { checkLabelsAlone, labelsField } from './labels-field.ts';
import { metadataSchema } from './metadata.ts';
import { refuseUnsupported, responseParameters, unsupported } from './parameters.ts';
import type { ReplyRequest } from './reply.ts';
import { inputSchema } from './response-items.ts';
import { functionFields, functionName, type ToolChoice, type ToolUse, toolUse } from './tool-use.ts';
import { optional, parseBody } from './validation.ts';

const unread = z.unknown().optional();

const functionTool = z.object({ type: z.literal('function'), ...functionFields, strict: optional(z.boolean()) });
/** Tools of other kinds are told apart from mistakes, so that they can be refused by name. */
const tool = z.union([functionTool, z.looseObject({ type: z.string() }).refine(({ type }) => type !== 'function')]);
const named = z.strictObject({ type: z.literal('function'), name: functionName });
const allowed = z.strictObject({
  type: z.literal('allowed_tools'),
  mode: z.enum(['auto', 'required']),
  tools: z.array(named),
});

const format = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({ type: z.literal('json_schema'), ...schemaFields, schema: z.record(z.string(), z.unknown()) }),
]);

const includable = z.enum([
  'file_search_call.results',
  'web_search_call.results',
  'web_search_call.action.sources',
  'message.input_image.image_url',
  'computer_call_output.output.image_url',
  'code_interpreter_call.outputs',
  'reasoning.encrypted_content',
  'message.output_text.logprobs',
]);

export const includeSchema = optional(z.array(includable));

const bodySchema = z.strictObject({
  model: z.string(),
  input: optional(inputSchema),
  instructions: optional(z.string()),
  previous_response_id: optional(z.string()),
  store: optional(z.boolean()),
  background: optional(z.boolean()),
  max_output_tokens: optional(z.int().min(16)),
  text: optional(z.strictObject({ format: optional(format), verbosity: optional(z.enum(['low', 'medium', 'high'])) })),
  tools: optional(z.array(tool).max(128)),
  tool_choice: optional(
    z.union([z.enum(['none', 'auto', 'required']), z.discriminatedUnion('type', [named, allowed])]),
  ),
  parallel_tool_calls: optional(z.boolean()),
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().min(0).max(1)),
  truncation: optional(z.enum(['auto', 'disabled'])),
  top_logprobs: optional(z.int().min(0).max(20)),
  include: includeSchema,
  metadata: optional(metadataSchema),
  stream: optional(z.boolean()),
  stream_options: optional(z.strictObject({ include_obfuscation: optional(z.boolean()) })),
  user: optional(z.string()),
  safety_identifier: optional(z.string().max(64)),
  prompt_cache_key: optional(z.string()),
  max_tool_calls: optional(z.int()),
  reasoning: optional(z.looseObject({})),
  labels: labelsField,

  conversation: unread,
  prompt: unread,
  context_management: unread,
  moderation: unread,
  prompt_cache_retention: unread,
  prompt_cache_options: unread,
  service_tier: unread,
});

type Body = z.output<typeof bodySchema>;

export interface ResponseRequest {
  readonly input: z.output<typeof inputSchema>;
  readonly previousId: string | null;
  readonly tools: ToolUse | null;
  readonly format: AnswerFormat;
  readonly labels: NonNullable<ReplyRequest['labels']>;
  readonly topLogprobs: number | null;
  readonly streaming: boolean;
  readonly obfuscated: boolean;
  /** The response before anything was answered: all of its settings, and no output. */
  readonly draft: Response;
}

export function parseResponseRequest(value: unknown): ResponseRequest {
  const body = parseBody(bodySchema, value);
  const { labels, ...official } = body;
  refuseUnsupported(official, responseParameters);
  if (body.input === undefined)
    throw invalid('input', "Missing required parameter: 'input'.", 'missing_required_parameter');
  if (body.stream_options !== undefined && body.stream !== true)
    throw invalid('stream_options', "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  if (body.background === true && body.store === false)
    throw invalid(
      'background',
      "A response in the background is kept: 'background' is only allowed when 'store' is true.",
    );
  const tools = (body.tools ?? []).map(asFunction);
  const format = formatOf(body.text?.format ?? { type: 'text' });
  checkLabelsAlone(labels, tools.length > 0 ? 'tools' : format.type === 'text' ? null : 'text.format');
  return {
    input: body.input,
    previousId: body.previous_response_id ?? null,
    tools: toolUse({
      param: 'tools',
      choiceParam: 'tool_choice',
      tools: tools.map(({ type, description, parameters, ...rest }, i) => ({
        tool: {
          type,
          function: {
            ...rest,
            ...(description !== null && { description }),
            ...(parameters !== null && { parameters }),
          },
        },
        param: `tools[${i}].parameters`,
      })),
      choice: choiceOf(body.tool_choice),
      parallel: body.parallel_tool_calls ?? true,
    }),
    format,
    labels: labels ?? false,
    topLogprobs: body.include?.includes('message.output_text.logprobs') === true ? (body.top_logprobs ?? 0) : null,
    streaming: body.stream ?? false,
    obfuscated: body.stream_options?.include_obfuscation ?? false,
    draft: draftOf(body, tools),
  };
}

type FunctionTool = Extract<Response['tools'][number], { type: 'function' }>;

/** Functions are strict unless somebody says otherwise or their parameters break the rules of strict ones. */
function asFunction(tool: NonNullable<Body['tools']>[number], i: number): FunctionTool {
  if (!isFunction(tool)) throw unsupported(`tools[${i}].type`, `tools of type '${tool.type}' are not available here`);
  const { name, description = null, parameters = null } = tool;
  const strict = tool.strict ?? keepsStrictRules(parameters);
  return { type: 'function', name, description, parameters, strict };
}

const isFunction = (tool: NonNullable<Body['tools']>[number]): tool is z.output<typeof functionTool> =>
  tool.type === 'function';

function keepsStrictRules(parameters: unknown): boolean {
  try {
    checkStrict(parameters, 'parameters');
    return true;
  } catch (error) {
    if (!(error instanceof TunesmithError)) throw error;
    return false;
  }
}

function choiceOf(choice: Body['tool_choice']): ToolChoice | null {
  if (choice === undefined) return null;
  if (typeof choice === 'string') return { type: choice };
  if (choice.type === 'function') return { type: 'named', name: choice.name };
  return { type: 'allowed', mode: choice.mode, names: choice.tools.map(({ name }) => name) };
}

type Format = z.output<typeof format>;

function formatOf(format: Format): AnswerFormat {
  if (format.type !== 'json_schema') return format;
  const { name, schema, strict = false } = format;
  return { type: 'json_schema', name, schema, strict, param: 'text.format.schema' };
}

/** The format as the response shows it. */
function shownFormat(format: Format) {
  if (format.type !== 'json_schema') return format;
  const { type, name, schema, description, strict = false } = format;
  return { type, name, schema, strict, ...(description !== undefined && { description }) };
}

function draftOf(body: Body, tools: FunctionTool[]): Response {
  const background = body.background ?? false;
  return {
    id: newId('response'),
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    completed_at: null,
    status: background ? 'queued' : 'in_progress',
    background,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    model: body.model,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: null, summary: null, ...body.reasoning },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: 'default',
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: { format: shownFormat(body.text?.format ?? { type: 'text' }), verbosity: body.text?.verbosity ?? 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools,
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    ...(body.user !== undefined && { user: body.user }),
    metadata: body.metadata ?? {},
  };
}
