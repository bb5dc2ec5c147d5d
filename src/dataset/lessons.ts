/**
 * Rows of other formats than chat as token sequences to learn from.
 *
 *   preference   a conversation with a better and a worse answer: the sequences of both, to be told apart
 *   completion   bare text, then what follows it and the token that ends a text
 */

import { TunesmithError } from '../domain/errors.ts';
import type { EncodedExample, ExampleFormat, Message, PreferenceExample } from '../domain/example.ts';
import { countTargets } from './batch.ts';
import { isError, Report, type Place, type Problem } from './problem.ts';
import { readRows, type Row } from './rows.ts';
import type { ExampleEncoder, RowTokenizer, TokenizedExample } from './tokenize.ts';

/** What a file's first rows look like; null when they look like nothing we know. */
export async function formatOfFile(path: string, signal?: AbortSignal): Promise<ExampleFormat | null> {
  for await (const { checked } of readRows(path, { images: false, ...(signal && { signal }) })) {
    if (checked !== null) return checked.format;
  }
  return null;
}

export class PreferenceRows implements RowTokenizer {
  readonly format = 'preference';
  readonly #encoder: ExampleEncoder;

  constructor(encoder: ExampleEncoder) {
    this.#encoder = encoder;
  }

  tokenizeRow({ checked, problems, line, number }: Row, tokensMax: number): TokenizedExample | readonly Problem[] {
    if (checked?.format !== 'preference') return problems.filter(isError);
    const place: Place = { path: '$', name: `Example ${number}` };
    const { example } = checked;
    try {
      const encode = (answer: readonly Message[]) => this.#encoder.encodeExample(withAnswer(example, answer), line);
      const [better, worse] = [encode(example.preferred_output), encode(example.non_preferred_output)];
      return pairOf(line, { better, worse }, tokensMax) ?? nothingLeft(line, place, tokensMax);
    } catch (error) {
      if (!(error instanceof TunesmithError)) throw error;
      const report = new Report(line);
      report.add('not_trainable', place, {
        found: 'messages that the chat template refuses',
        expected: 'a conversation that it can write',
        message: `${place.name}: ${error.message}`,
      });
      return report.problems;
    }
  }
}

/** Earlier messages of the assistant are what was said, not what is compared. */
function withAnswer({ input }: PreferenceExample, answer: readonly Message[]) {
  const context = input.messages.map((message): Message =>
    message.role === 'assistant' ? { ...message, weight: 0 } : message,
  );
  return { ...input, messages: [...context, ...answer] };
}

function pairOf(line: number, pair: Required<TokenizedExample>['pair'], tokensMax: number): TokenizedExample | null {
  const cutAll = (sequences: readonly EncodedExample[]): EncodedExample[] =>
    sequences.map((one) => cut(one, tokensMax));
  const [better, worse] = [cutAll(pair.better), cutAll(pair.worse)];
  if (countTargets(better) === 0 || countTargets(worse) === 0) return null;
  const sequences = [...better, ...worse];
  return {
    line,
    sequences,
    pair: { better, worse },
    tokens: sequences.reduce((sum, { ids }) => sum + ids.length, 0),
    targets: countTargets(sequences),
    truncated: [...pair.better, ...pair.worse].some(({ ids }) => ids.length > tokensMax),
  };
}

/** What turns bare text into tokens. */
export interface TextEncoder {
  encodeText(text: string): Int32Array;
  /** Text in the middle of another. */
  encodeRest(text: string): readonly number[];
  /** The token that ends a text; null when there is none. */
  readonly endId: number | null;
}

export class CompletionRows implements RowTokenizer {
  readonly format = 'completion';
  readonly #encoder: TextEncoder;

  constructor(encoder: TextEncoder) {
    this.#encoder = encoder;
  }

  tokenizeRow({ checked, problems, line, number }: Row, tokensMax: number): TokenizedExample | readonly Problem[] {
    if (checked?.format !== 'completion') return problems.filter(isError);
    const { prompt, completion } = checked.example;
    const before = this.#encoder.encodeText(prompt);
    const { endId } = this.#encoder;
    const after = [...this.#encoder.encodeRest(completion), ...(endId === null ? [] : [endId])];
    const ids = Int32Array.from([...before, ...after]);
    const mask = new Uint8Array(ids.length).fill(1, before.length);
    const sequence = cut({ line, ids, mask }, tokensMax);
    const targets = countTargets([sequence]);
    if (targets === 0) return nothingLeft(line, { path: '$.completion', name: `Example ${number}` }, tokensMax);
    return { line, sequences: [sequence], tokens: sequence.ids.length, targets, truncated: ids.length > tokensMax };
  }
}

function cut({ line, ids, mask }: EncodedExample, tokensMax: number): EncodedExample {
  return { line, ids: ids.subarray(0, tokensMax), mask: mask.subarray(0, tokensMax) };
}

function nothingLeft(line: number, place: Place, tokensMax: number): readonly Problem[] {
  const report = new Report(line);
  report.add('nothing_supervised', place, {
    found: 'an answer that begins after the cut',
    expected: `something to learn in the first ${tokensMax} tokens`,
    suggestion: 'Shorten what comes before the answer.',
    message: `${place.name} has nothing left to learn after it was cut to ${tokensMax} tokens.`,
  });
  return report.problems;
}
