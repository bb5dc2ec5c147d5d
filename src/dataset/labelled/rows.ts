/**
 * Chat rows as texts with labels: which labels a file has, and each row as the token sequence an encoder learns from.
 *
 * The text is what was said before the last answer of the assistant (without instructions), the answer is the label.
 * Labels come from the training file; one that a validation file has beside them is an error of its line.
 */

import type { ChatExample } from '../../domain/example.ts';
import { beginTag, noEntity, type LabelSet, type LabelTask } from '../../domain/label.ts';
import { contentText, conversationText, type EncoderCodec } from '../../text/encoder-codec.ts';
import { listLines, type FileRole } from '../faults.ts';
import { isError, quoted, Report, type Place, type Problem } from '../problem.ts';
import { readRows, type Row } from '../rows.ts';
import type { RowTokenizer, TokenizedExample } from '../tokenize.ts';
import { alignEntities, type WordSpan } from './entities.ts';
import { kindOf, LabelCollector, labelsIn, readAnswer, taskOf, type Answer, type AnswerKind } from './labels.ts';

export interface LabelledText {
  readonly text: string;
  readonly answer: string;
}

export function labelledText({ messages }: ChatExample): LabelledText {
  const last = messages.findLastIndex(({ role, weight }) => role === 'assistant' && weight !== 0);
  return { text: conversationText(messages.slice(0, last)), answer: contentText(messages[last]!) };
}

/** What a training file teaches: the task (as asked for, or as its answers look) and the labels. */
export async function surveyLabels(path: string, asked: LabelTask | null, signal?: AbortSignal): Promise<LabelSurvey> {
  const task = asked ?? (await recogniseTask(path, signal));
  const collector = new LabelCollector();
  let examples = 0;
  for await (const { checked } of readRows(path, { format: 'chat', images: false, ...(signal && { signal }) })) {
    if (checked?.format !== 'chat') continue;
    const answer = readAnswer(labelledText(checked.example).answer, task);
    if (typeof answer === 'string') continue; // told when the row's turn comes
    examples += 1;
    collector.add(answer);
  }
  return { labelSet: collector.labelSet(task), counts: collector.counts, examples };
}

export interface LabelSurvey {
  readonly labelSet: LabelSet;
  /** In how many examples each label is. */
  readonly counts: ReadonlyMap<string, number>;
  readonly examples: number;
}

async function recogniseTask(path: string, signal?: AbortSignal): Promise<LabelTask> {
  const kinds = new Set<AnswerKind>();
  for await (const { checked } of readRows(path, { format: 'chat', images: false, ...(signal && { signal }) })) {
    if (checked?.format === 'chat') kinds.add(kindOf(labelledText(checked.example).answer));
    if (kinds.has('label')) break;
  }
  return taskOf(kinds);
}

/** A head has an output for each; more are hardly labels. */
const labelsMax = 1000;

/** What is wrong with the labels of a whole training file. */
export function judgeLabels({ labelSet: { task, labels }, examples }: LabelSurvey, report: Report): void {
  const place = { path: '$.messages', name: 'The file' };
  const what = task === 'token_classification' ? 'types of entities' : 'labels';
  const least = task === 'classification' ? 2 : 1;
  if (labels.length < least) {
    const found = labels.length === 0 ? `no ${what}` : `one label, ${quoted(labels)}`;
    report.add('invalid_label', place, {
      found,
      expected: `at least ${least}`,
      message: `The assistant's answers have ${found}; expected at least ${least === 1 ? `one of them` : 'two to tell apart'}.`,
    });
  } else if (labels.length > labelsMax || (task === 'classification' && labels.length > Math.max(10, examples / 2))) {
    report.add('invalid_label', place, {
      found: `${labels.length} different ${what} in ${examples} examples`,
      expected: `${what} that come back`,
      suggestion: 'Free texts are answered by a model that generates; fine-tune one of those on this file.',
      message: `The assistant's answers are ${labels.length} different texts in ${examples} examples (${quoted(labels.slice(0, 3))}, …); an encoder learns labels that come back.`,
    });
  }
}

const faultsNamed = 10;

/** Makes token sequences of rows, and remembers what could not be aligned. */
export class LabelledRows implements RowTokenizer {
  readonly labelSet: LabelSet;
  readonly #codec: EncoderCodec;
  readonly #role: FileRole;
  readonly #index: ReadonlyMap<string, number>;
  readonly #faults: { readonly line: number; readonly fault: string }[] = [];

  constructor(codec: EncoderCodec, labelSet: LabelSet, role: FileRole) {
    this.labelSet = labelSet;
    this.#codec = codec;
    this.#role = role;
    this.#index = new Map(labelSet.labels.map((label, i) => [label, i]));
  }

  tokenizeRow({ checked, problems, line, number }: Row, tokensMax: number): TokenizedExample | readonly Problem[] {
    if (checked?.format !== 'chat') return problems.filter(isError);
    const report = new Report(line);
    const place = { path: '$.messages', name: `Example ${number}` };
    const { text, answer } = labelledText(checked.example);
    const read = this.#read(answer, place, report);
    const encoded = this.#codec.encode(text, tokensMax);
    if (encoded.words.length === 0) {
      report.add('nothing_supervised', place, {
        found: 'a text without words',
        expected: 'something to read before the answer',
        message: `${place.name} has no text to read: its messages before the answer are empty.`,
      });
    }
    if (read === null || report.hasErrors) return report.problems;
    // Entities lie in the whole text, also where the model reads less of it.
    const words = encoded.truncated ? this.#codec.encode(text, Infinity).words : encoded.words;
    const judged = this.#judged(read, text, words, encoded.words.length, line);
    const { ids, truncated } = encoded;
    const targets = judged.positions.length;
    if (targets === 0) {
      report.add('nothing_supervised', place, {
        found: 'no word whose entity is clear',
        expected: 'something to learn',
      });
      return report.problems;
    }
    const sequence = { line, ids, mask: new Uint8Array(ids.length), judged };
    return { line, sequences: [sequence], tokens: ids.length, targets, truncated };
  }

  /** A sentence about what could not be aligned, by line; none when everything was. */
  get warnings(): string[] {
    if (this.#faults.length === 0) return [];
    const named = this.#faults.slice(0, faultsNamed).map(({ line, fault }) => `line ${line}: ${fault}`);
    const lines = [...new Set(this.#faults.map(({ line }) => line))];
    const more = this.#faults.length > faultsNamed ? `, and ${this.#faults.length - faultsNamed} more` : '';
    return [
      `Entities of the ${this.#role} file that could not be aligned with the words of their text, so that they teach nothing (${listLines(lines)}). ${named.join('; ')}${more}.`,
    ];
  }

  #read(answer: string, place: Place, report: Report): Answer | null {
    const read = readAnswer(answer, this.labelSet.task);
    if (typeof read === 'string') {
      report.add('invalid_label', place, {
        found: read,
        expected: expectedAnswers[this.labelSet.task],
        message: `${place.name}: ${read}.`,
      });
      return null;
    }
    const unknown = [...new Set(labelsIn(read))].filter((label) => !this.#index.has(label));
    if (unknown.length === 0) return read;
    const labels = quoted(this.labelSet.labels);
    report.add('unknown_label', place, {
      found: quoted(unknown),
      expected: `one of ${labels}`,
      suggestion: 'Add examples of it to the training file, or mend the spelling.',
      message: `${place.name} has the label ${quoted(unknown)}, which no example of the training file has; expected ${labels}.`,
    });
    return null;
  }

  /** Of all words only the first `count` are read. */
  #judged(answer: Answer, text: string, words: readonly Word[], count: number, line: number): Judged {
    if (answer.task === 'classification') return first([this.#index.get(answer.label)!]);
    if (answer.task === 'multi_label') {
      const present = new Set(answer.labels);
      return first(this.labelSet.labels.map((label) => (present.has(label) ? 1 : 0)));
    }
    const { spans, faults, unclear } = alignEntities(text, words, answer.entities);
    for (const fault of faults) this.#faults.push({ line, fault });
    const tags = this.#tags(spans, words.length);
    const clear = Array.from({ length: count }, (_, i) => i).filter((i) => !unclear.has(i));
    return {
      positions: Int32Array.from(clear, (i) => words[i]!.position),
      targets: Int32Array.from(clear, (i) => tags[i]!),
    };
  }

  #tags(spans: readonly WordSpan[], count: number): Int32Array {
    const tags = new Int32Array(count).fill(noEntity);
    for (const span of spans) {
      const begin = beginTag(this.#index.get(span.label)!);
      tags.fill(begin + 1, span.first, span.last + 1);
      tags[span.first] = begin;
    }
    return tags;
  }
}

interface Word {
  readonly start: number;
  readonly end: number;
  readonly position: number;
}

interface Judged {
  readonly positions: Int32Array;
  readonly targets: Int32Array;
}

/** The whole text is judged at its first token. */
const first = (targets: readonly number[]): Judged => ({
  positions: Int32Array.of(0),
  targets: Int32Array.from(targets),
});

const expectedAnswers: Record<LabelTask, string> = {
  classification: 'a label',
  multi_label: 'a JSON list of labels',
  token_classification: 'entities in JSON',
};
