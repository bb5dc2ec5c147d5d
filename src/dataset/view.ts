/**
 * An example as the model will see it: every token of its sequences, which are special, which carry loss, and which
 * lie behind the cut.
 */

import type { AnyExample, ChatExample, EncodedExample, Message } from '../domain/example.ts';
import type { TextCodec } from '../text/codec.ts';

export interface SeenToken {
  readonly id: number;
  /** A control token's name. Characters that are spread over tokens show as � here; see `textOfTokens`. */
  readonly text: string;
  readonly special: boolean;
  /** Whether the model is judged by it. */
  readonly loss: boolean;
  /** Behind the longest sequence that is trained. */
  readonly cut: boolean;
}

export interface SeenSequence {
  /** What it is, where an example has several. */
  readonly title: string | null;
  readonly tokens: readonly SeenToken[];
  /** Tokens that carry loss and are not cut. */
  readonly supervised: number;
  readonly cut: number;
}

/** The sequences of an example, in the order in which they are trained. */
export function seenSequences(any: AnyExample, codec: TextCodec, line: number, tokensMax: number): SeenSequence[] {
  return encoded(any, codec, line).map(({ title, sequence }) => {
    const { ids, mask } = sequence;
    const tokens = Array.from(ids, (id, i) => ({
      id,
      text: textOfTokens([id], codec),
      special: codec.tokenizer.isControl(id),
      loss: i > 0 && mask[i] === 1,
      cut: i >= tokensMax,
    }));
    return {
      title,
      tokens,
      supervised: tokens.filter(({ loss, cut }) => loss && !cut).length,
      cut: tokens.filter(({ cut }) => cut).length,
    };
  });
}

/** What tokens spell together, control tokens by their names. */
export function textOfTokens(ids: readonly number[], codec: TextCodec): string {
  return Buffer.concat(ids.map((id) => codec.tokenizer.vocabulary.bytes(id))).toString('utf8');
}

/** The text of each token, so that all of them together are the sequence: a character spread over tokens is the last one's. */
export function textsOfTokens(ids: Iterable<number>, { vocabulary }: TextCodec['tokenizer']): string[] {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return Array.from(ids, (id) => decoder.decode(vocabulary.bytes(id), { stream: true }));
}

interface Titled {
  readonly title: string | null;
  readonly sequence: EncodedExample;
}

function encoded(any: AnyExample, codec: TextCodec, line: number): readonly Titled[] {
  switch (any.format) {
    case 'completion':
      return [{ title: null, sequence: encodeBare(any.example.prompt, any.example.completion, codec, line) }];
    case 'preference': {
      const { input, preferred_output: better, non_preferred_output: worse } = any.example;
      const answered = (answer: readonly Message[]): ChatExample => ({
        ...input,
        messages: [...input.messages.map(asContext), ...answer],
      });
      return [
        ...titled('preferred', codec.encodeExample(answered(better), line)),
        ...titled('not preferred', codec.encodeExample(answered(worse), line)),
      ];
    }
    case 'reinforcement': {
      const { messages, tools } = any.example;
      const ids = codec.encodePrompt(messages, tools === undefined ? {} : { tools });
      return [{ title: 'prompt', sequence: { line, ids, mask: new Uint8Array(ids.length) } }];
    }
    default:
      return titled(null, codec.encodeExample(any.example, line));
  }
}

const titled = (title: string | null, sequences: readonly EncodedExample[]): readonly Titled[] =>
  sequences.map((sequence) => ({ title, sequence }));

const asContext = (message: Message): Message => (message.role === 'assistant' ? { ...message, weight: 0 } : message);

/** Prompt and completion as they stand, with no template; the end of the text closes the completion. */
function encodeBare(prompt: string, completion: string, { tokenizer }: TextCodec, line: number): EncodedExample {
  const { bosId, eosId, addBos } = tokenizer;
  const context = [...(addBos && bosId !== null ? [bosId] : []), ...tokenizer.encode(prompt)];
  const answer = tokenizer.encode(completion, { start: prompt === '' });
  const ids = Int32Array.from([...context, ...answer, ...(eosId === null ? [] : [eosId])]);
  return { line, ids, mask: new Uint8Array(ids.length).fill(1, context.length) };
}
