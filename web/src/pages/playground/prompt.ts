/**
 * What is to be asked, as the forms hold it, and what becomes of it: a request, or what is wrong and where.
 *
 * Kept for as long as the dashboard is open, so that one can look something up on another page.
 */

import type OpenAI from 'openai';
import { whereBroken } from './json-place.ts';

export interface Turn {
  readonly key: number;
  readonly role: 'user' | 'assistant';
  readonly text: string;
}

export type Format = 'text' | 'json_object' | 'json_schema';

export interface Prompt {
  readonly models: readonly string[];
  readonly system: string;
  readonly turns: readonly Turn[];
  readonly temperature: number;
  readonly tokensMax: number;
  readonly stop: readonly string[];
  readonly seed: number | null;
  /** Whether each token's probability is asked for. */
  readonly probabilities: boolean;
  readonly tools: string;
  /** Whether the answer has to be a call. */
  readonly mustCall: boolean;
  readonly format: Format;
  readonly schema: string;
  /** One after the other, so that they do not share the processor. */
  readonly inTurn: boolean;
}

let lastKey = 0;
export const newTurn = (role: Turn['role'], text = ''): Turn => ({ key: ++lastKey, role, text });

let kept: Prompt = {
  models: [],
  system: '',
  turns: [newTurn('user')],
  temperature: 0.7,
  tokensMax: 256,
  stop: [],
  seed: null,
  probabilities: true,
  tools: '',
  mustCall: false,
  format: 'text',
  schema: '',
  inTurn: false,
};
export const keptPrompt = (): Prompt => kept;
export const keepPrompt = (prompt: Prompt): void => void (kept = prompt);

export const modelsMax = 4;

export type Body = Omit<OpenAI.ChatCompletionCreateParamsStreaming, 'model' | 'stream'>;
export type Mistakes = Readonly<Partial<Record<'models' | 'turns' | 'tools' | 'schema', string>>>;

export function requestOf(prompt: Prompt): { readonly body: Body | null; readonly mistakes: Mistakes } {
  const mistakes: { -readonly [Field in keyof Mistakes]: string } = {};
  const attempt = <Value>(field: keyof Mistakes, read: () => Value): Value | undefined => {
    try {
      return read();
    } catch (error) {
      mistakes[field] = (error as Error).message;
      return undefined;
    }
  };
  if (prompt.models.length === 0) mistakes.models = 'Choose who is to answer.';
  if (prompt.turns.every(({ text }) => text.trim() === '')) mistakes.turns = 'Write something to be answered.';
  const tools = attempt('tools', () => toolsOf(prompt.tools));
  const schema = prompt.format === 'json_schema' ? attempt('schema', () => schemaOf(prompt.schema)) : undefined;
  if (Object.keys(mistakes).length > 0) return { body: null, mistakes };
  const body: Body = {
    messages: messagesOf(prompt),
    temperature: prompt.temperature,
    max_completion_tokens: prompt.tokensMax,
    ...(prompt.stop.length > 0 && { stop: [...prompt.stop] }),
    ...(prompt.seed !== null && { seed: prompt.seed }),
    ...(prompt.probabilities && { logprobs: true, top_logprobs: 5 }),
    ...(tools !== undefined && tools.length > 0 && { tools, ...(prompt.mustCall && { tool_choice: 'required' }) }),
    ...(prompt.format === 'json_object' && { response_format: { type: 'json_object' as const } }),
    ...(schema !== undefined && { response_format: { type: 'json_schema' as const, json_schema: schema } }),
  };
  return { body, mistakes };
}

/** Turns without a word are nobody's. */
export function messagesOf({ system, turns }: Pick<Prompt, 'system' | 'turns'>): OpenAI.ChatCompletionMessageParam[] {
  return [
    ...(system.trim() === '' ? [] : [{ role: 'system' as const, content: system }]),
    ...turns.filter(({ text }) => text.trim() !== '').map(({ role, text }) => ({ role, content: text })),
  ];
}

/** A list of tools, or one, in OpenAI's words; a bare function is taken for a tool. */
export function toolsOf(text: string): OpenAI.ChatCompletionFunctionTool[] {
  if (text.trim() === '') return [];
  const value = parsed(text);
  const all = Array.isArray(value) ? (value as unknown[]) : [value];
  return all.map((each, i) => {
    const where = all.length === 1 ? 'The tool' : `Tool ${i + 1}`;
    if (!isObject(each)) throw new Error(`${where} is no object; {"name": …, "parameters": …} was expected.`);
    const given = each['type'] === undefined ? each : each['function'];
    if (each['type'] !== undefined && each['type'] !== 'function')
      throw new Error(`${where} has the type ${JSON.stringify(each['type'])}; "function" was expected.`);
    if (!isObject(given)) throw new Error(`${where} has no "function" in it.`);
    const { name, parameters } = given;
    if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(name))
      throw new Error(`${where} needs a "name" of letters, digits, - and _.`);
    if (parameters !== undefined && !isObject(parameters))
      throw new Error(`The "parameters" of ${name} are no object; a JSON schema was expected.`);
    return { type: 'function', function: given as unknown as OpenAI.FunctionDefinition };
  });
}

/** A schema, or OpenAI's envelope of one. */
export function schemaOf(text: string): OpenAI.ResponseFormatJSONSchema['json_schema'] {
  if (text.trim() === '') throw new Error('Write a JSON schema: the answer will have its shape.');
  const value = parsed(text);
  if (!isObject(value)) throw new Error('That is no object; a JSON schema such as {"type": "object", …} was expected.');
  if (typeof value['name'] === 'string' && isObject(value['schema']))
    return value as unknown as OpenAI.ResponseFormatJSONSchema['json_schema'];
  return { name: 'answer', schema: value };
}

/** Says where it stops being JSON, counted as people count. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const at = whereBroken(text);
    const found = text[at];
    const before = text.slice(0, at).split('\n');
    const where = `line ${before.length}, column ${before.at(-1)!.length + 1}`;
    const what =
      found === undefined
        ? 'it ends too early'
        : found === '"'
          ? `a text that begins in ${where} does not end`
          : `there is an unexpected ${JSON.stringify(found)} in ${where}`;
    throw new Error(`That is not JSON: ${what}.`, { cause: error });
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const exampleTool = `{
  "name": "get_weather",
  "description": "The weather in a place, now.",
  "parameters": {
    "type": "object",
    "properties": { "place": { "type": "string" } },
    "required": ["place"]
  }
}`;

export const exampleSchema = `{
  "type": "object",
  "properties": {
    "subject": { "type": "string" },
    "urgent": { "type": "boolean" }
  },
  "required": ["subject", "urgent"],
  "additionalProperties": false
}`;
