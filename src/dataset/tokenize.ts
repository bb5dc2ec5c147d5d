/** Chat examples as the token sequences a model learns from, cut to the length it can take. */

import { TunesmithError } from '../domain/errors.ts';
import type { ChatExample, EncodedExample, ExampleFormat } from '../domain/example.ts';
import { countTargets } from './batch.ts';
import { fileError, fileFailure, type FileRole } from './faults.ts';
import { isError, Report, type Place, type Problem } from './problem.ts';
import { readRows, type Row } from './rows.ts';

/** What turns messages into tokens: the text codec of the model that is trained. */
export interface ExampleEncoder {
  /** One sequence, or several where the chat template shows earlier turns differently than it trained them. */
  encodeExample(example: ChatExample, line: number): EncodedExample[];
}

/** What makes tokens of a row in a way of its own. */
export interface RowTokenizer {
  /** Of the rows that it takes; chat if it does not say. */
  readonly format?: ExampleFormat;
  tokenizeRow(row: Row, tokensMax: number): TokenizedExample | readonly Problem[];
}

export interface TokenizedExample {
  readonly line: number;
  /** At least one, each with something to learn. */
  readonly sequences: readonly EncodedExample[];
  /** Of all sequences, after the cut. */
  readonly tokens: number;
  /** How many of them are judged. */
  readonly targets: number;
  /** Of two answers to one question, the sequences of each, all among `sequences`. */
  readonly pair?: { readonly better: readonly EncodedExample[]; readonly worse: readonly EncodedExample[] };
  /** Whether a sequence was longer than the model can take. */
  readonly truncated: boolean;
}

/**
 * The tokens of one checked chat row, each sequence cut at the end to `tokensMax`. A sequence that keeps nothing to
 * learn is dropped; an example that keeps none is an error, and so is one the chat template refuses.
 */
export function tokenizeRow(
  row: Row,
  encoder: ExampleEncoder | RowTokenizer,
  tokensMax: number,
): TokenizedExample | readonly Problem[] {
  if ('tokenizeRow' in encoder) return encoder.tokenizeRow(row, tokensMax);
  const { checked, problems, line, number } = row;
  if (checked?.format !== 'chat') return problems.filter(isError);
  const report = new Report(line);
  const place = { path: '$.messages', name: `Example ${number}` };
  let encoded: EncodedExample[];
  try {
    encoded = encoder.encodeExample(checked.example, line);
  } catch (error) {
    if (!(error instanceof TunesmithError)) throw error;
    report.add('not_trainable', place, {
      found: 'messages that the chat template refuses',
      expected: 'a conversation that it can write',
      message: `${place.name}: ${error.message}`,
    });
    return report.problems;
  }
  const sequences = encoded
    .map((sequence) => cut(sequence, tokensMax))
    .filter((sequence) => countTargets([sequence]) > 0);
  if (sequences.length === 0) {
    nothingToLearn(encoded, place, tokensMax, report);
    return report.problems;
  }
  return {
    line,
    sequences,
    tokens: sequences.reduce((sum, { ids }) => sum + ids.length, 0),
    targets: countTargets(sequences),
    truncated: encoded.some(({ ids }) => ids.length > tokensMax),
  };
}

/** All examples of a file; the first fault ends it, in the words a failed job shows. */
export async function tokenizeFile(
  path: string,
  options: { encoder: ExampleEncoder | RowTokenizer; tokensMax: number; role: FileRole; signal?: AbortSignal },
): Promise<TokenizedExample[]> {
  const { encoder, tokensMax, role, signal } = options;
  const examples: TokenizedExample[] = [];
  for await (const row of readRows(path, { format: formatFor(encoder), images: false, ...(signal && { signal }) })) {
    const tokenized = tokenizeRow(row, encoder, tokensMax);
    if ('sequences' in tokenized) {
      examples.push(tokenized);
      continue;
    }
    const { code, param, message } = fileFailure(fileError(tokenized[0]!, role), role);
    throw new TunesmithError('invalid', message, { code, param });
  }
  return examples;
}

export const formatFor = (encoder: ExampleEncoder | RowTokenizer): ExampleFormat =>
  'tokenizeRow' in encoder ? (encoder.format ?? 'chat') : 'chat';

function cut({ line, ids, mask }: EncodedExample, tokensMax: number): EncodedExample {
  return { line, ids: ids.subarray(0, tokensMax), mask: mask.subarray(0, tokensMax) };
}

function nothingToLearn(encoded: readonly EncodedExample[], place: Place, tokensMax: number, report: Report): void {
  const starts = encoded.map(({ mask }) => mask.indexOf(1)).filter((start) => start >= 0);
  if (starts.length === 0) {
    report.add('nothing_supervised', place, {
      found: 'no token to learn',
      expected: 'at least one',
      message: `${place.name} has nothing to learn: its chat template gives the assistant's messages no tokens.`,
    });
    return;
  }
  const begins = `the first trained message of the assistant begins at token ${Math.min(...starts) + 1}`;
  report.add('nothing_supervised', place, {
    found: begins,
    expected: `something to learn in the first ${tokensMax} tokens`,
    suggestion: 'Shorten what comes before the answer.',
    message: `${place.name} has nothing left to learn after it was cut to ${tokensMax} tokens: ${begins}.`,
  });
}
