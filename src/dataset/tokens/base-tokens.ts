/**
 * Examples counted as a base model of this machine sees them: its own tokenizer and chat template, id for id what
 * is trained.
 */

import { TunesmithError } from '../../domain/errors.ts';
import type { AnyExample, ChatExample, EncodedExample, Message } from '../../domain/example.ts';
import type { TextCodec } from '../../text/codec.ts';
import { textOf } from '../parts.ts';
import type { ExampleCounter, ExampleTokens, Part } from './example-tokens.ts';
import { RepeatedTexts } from './repeated-texts.ts';

export class BaseTokens implements ExampleCounter {
  readonly #codec: TextCodec;
  /** What the system says. */
  readonly #repeated = new RepeatedTexts((text) => this.#text(text));

  constructor(codec: TextCodec) {
    this.#codec = codec;
  }

  count(any: AnyExample): ExampleTokens | null {
    try {
      return this.#count(any);
    } catch (error) {
      if (error instanceof TunesmithError) return null; // the template refuses the conversation
      throw error;
    }
  }

  #count({ format, example }: AnyExample): ExampleTokens {
    if (format === 'completion') return this.#bare(example.prompt, example.completion);
    if (format === 'chat') return this.#trained([example], this.#partsOf(example.messages));
    if (format === 'reinforcement') {
      const total = this.#codec.encodePrompt(example.messages, { tools: example.tools }).length;
      return { total, supervised: 0, parts: this.#partsOf(example.messages), answers: [] };
    }
    const { input, preferred_output: preferred, non_preferred_output: other } = example;
    const conversations = [preferred, other].map((output) => ({ ...input, messages: [...input.messages, ...output] }));
    return this.#trained(conversations, this.#partsOf([...input.messages, ...preferred, ...other]));
  }

  /** Each conversation is a sequence of its own, or several where the template rewrites history. */
  #trained(conversations: readonly ChatExample[], parts: ExampleTokens['parts']): ExampleTokens {
    const sequences = conversations.flatMap((conversation) => this.#codec.encodeExample(conversation, 0));
    const answers = sequences.flatMap(answersOf);
    const total = sequences.reduce((sum, { ids }) => sum + ids.length, 0);
    return { total, supervised: answers.reduce((sum, count) => sum + count, 0), parts, answers };
  }

  /** No template; an end is learnt, or the model would never stop. */
  #bare(prompt: string, completion: string): ExampleTokens {
    const { tokenizer } = this.#codec;
    const parts = { prompt: this.#text(prompt), completion: this.#text(completion) };
    const supervised = parts.completion + (tokenizer.eosId === null ? 0 : 1);
    const total = parts.prompt + supervised + (tokenizer.addBos ? 1 : 0);
    return { total, supervised, parts, answers: [supervised] };
  }

  #partsOf(messages: readonly Message[]): ExampleTokens['parts'] {
    const parts: Partial<Record<Part, number>> = {};
    for (const message of messages) {
      const { role } = message;
      const text = textOf(message);
      parts[role] = (parts[role] ?? 0) + (role === 'system' ? this.#repeated.count(text) : this.#text(text));
    }
    return parts;
  }

  #text(text: string): number {
    return this.#codec.tokenizer.encode(text).length;
  }
}

/** The lengths of the spans that the mask marks. */
function answersOf({ mask }: EncodedExample): number[] {
  const lengths: number[] = [];
  for (let start = mask.indexOf(1); start >= 0;) {
    const end = mask.indexOf(0, start);
    lengths.push((end < 0 ? mask.length : end) - start);
    start = end < 0 ? -1 : mask.indexOf(1, end);
  }
  return lengths;
}
