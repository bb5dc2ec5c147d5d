/**
 * Examples counted the way OpenAI's cookbook counts them, which is what people compare with and within two tokens
 * of what the service bills:
 *
 *   message   3 + its texts + 1 if it has a name          example   3 more
 *   tools     per function 7 (10 before GPT-4o) + name:description, per property 3 + key:type:description,
 *             an enum 3 + value for each and 3 less once, 3 for having properties at all; 12 at the end
 *
 * The cookbook predates tool calls and preferences. A call counts as the texts of its function, and the two answers
 * of a preference as a message each.
 */

import type { AnyExample, Message, ToolDefinition } from '../../domain/example.ts';
import type { OpenAIEncoding, OpenAIEncodingName } from '../../text/openai-encoding.ts';
import type { ExampleCounter, ExampleTokens, Part } from './example-tokens.ts';
import { RepeatedTexts } from './repeated-texts.ts';

const perMessage = 3;
const perName = 1;
const perExample = 3;
const perFunction: Record<OpenAIEncodingName, number> = { o200k_base: 7, cl100k_base: 10 };
const perParameters = 3;
const perProperty = 3;
const perEnum = -3;
const perEnumValue = 3;
const perTools = 12;

export class OpenAITokens implements ExampleCounter {
  readonly #encoding: OpenAIEncoding;
  /** What the system says, and roles and names. */
  readonly #repeated: RepeatedTexts;

  constructor(encoding: OpenAIEncoding) {
    this.#encoding = encoding;
    this.#repeated = new RepeatedTexts((text) => encoding.count(text));
  }

  count({ format, example }: AnyExample): ExampleTokens {
    if (format === 'completion') {
      const [prompt, completion] = [this.#text(example.prompt), this.#text(example.completion)];
      return {
        total: prompt + completion,
        supervised: completion,
        parts: { prompt, completion },
        answers: [completion],
      };
    }
    if (format === 'preference') {
      const outputs = [...example.preferred_output, ...example.non_preferred_output];
      return this.#conversation([...example.input.messages, ...outputs], example.input.tools);
    }
    return this.#conversation(example.messages, example.tools);
  }

  #conversation(messages: readonly Message[], tools: readonly ToolDefinition[] = []): ExampleTokens {
    const parts: Partial<Record<Part, number>> = {};
    const answers: number[] = [];
    let total = perExample;
    for (const message of messages) {
      const content = this.#content(message);
      total += perMessage + this.#repeated.count(message.role) + content + this.#beside(message);
      parts[message.role] = (parts[message.role] ?? 0) + content;
      if (message.role === 'assistant' && message.weight !== 0) answers.push(content);
    }
    if (tools.length > 0) {
      parts.tools = this.#tools(tools);
      total += parts.tools;
    }
    return { total, supervised: answers.reduce((sum, count) => sum + count, 0), parts, answers };
  }

  /** What a message says: its text, or the calls it makes. */
  #content({ role, content, refusal, tool_calls: calls, function_call: call }: Message): number {
    const texts = typeof content === 'string' ? [content] : (content ?? []).map((part) => part.text);
    if (role === 'system') return this.#sum(texts, (text) => this.#repeated.count(text));
    const functions = [...(calls ?? []).map((each) => each.function), ...(call ? [call] : [])];
    return this.#sum([...texts, refusal ?? '', ...functions.flatMap((made) => [made.name, made.arguments])]);
  }

  /** Absent and null are the same. */
  #beside({ name, tool_call_id: answered }: Message): number {
    return (name ? this.#repeated.count(name) + perName : 0) + (answered ? this.#text(answered) : 0);
  }

  #tools(tools: readonly ToolDefinition[]): number {
    const functions = tools.reduce((sum, { function: definition }) => {
      const { name, description = '', parameters } = definition;
      return (
        sum +
        perFunction[this.#encoding.name] +
        this.#text(`${name}:${bare(description)}`) +
        this.#parameters(parameters)
      );
    }, 0);
    return functions + perTools;
  }

  #parameters(schema: Readonly<Record<string, unknown>> = {}): number {
    const properties = Object.entries((schema['properties'] ?? {}) as Record<string, PropertySchema>);
    if (properties.length === 0) return 0;
    return properties.reduce((sum, [key, { type = '', description = '', enum: values }]) => {
      const enumeration =
        values === undefined
          ? 0
          : values.reduce<number>((all, value) => all + perEnumValue + this.#text(String(value)), perEnum);
      return sum + perProperty + enumeration + this.#text(`${key}:${String(type)}:${bare(description)}`);
    }, perParameters);
  }

  #sum(texts: readonly string[], count = (text: string): number => this.#text(text)): number {
    return texts.reduce((sum, text) => sum + count(text), 0);
  }

  #text(text: string): number {
    return text === '' ? 0 : this.#encoding.count(text);
  }
}

interface PropertySchema {
  readonly type?: unknown;
  readonly description?: string;
  readonly enum?: readonly unknown[];
}

/** Without one period at the end. */
const bare = (description: string): string => (description.endsWith('.') ? description.slice(0, -1) : description);
