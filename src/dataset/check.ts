/**
 * A whole file against OpenAI's rules: every problem counted, those that repeat put together, and each told when it
 * is first seen, so that nobody waits for the end of a long file to learn that its first line is wrong.
 */

import { stat } from 'node:fs/promises';
import type { ExampleFormat } from '../domain/example.ts';
import type { TextCodec } from '../text/codec.ts';
import { Conventions } from './conventions.ts';
import type { FileRole } from './faults.ts';
import { Fingerprints } from './fingerprints.ts';
import { imageExamplesMax } from './images.ts';
import { Report, type Problem, type ProblemCode } from './problem.ts';
import { readRows, type Row } from './rows.ts';
import { Supervision } from './supervision.ts';
import { tokenizeRow } from './tokenize.ts';
import { checkCount } from './validate.ts';
import { seenSequences } from './view.ts';

export interface CheckOptions {
  readonly format?: ExampleFormat;
  readonly role: FileRole;
  /** The base model to train; without it, nothing is said about lengths. */
  readonly model?: { readonly codec: TextCodec; readonly tokensMax: number };
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
  /** Told the first problem of every group, as soon as it is found. */
  readonly onGroup?: (first: Problem) => void;
  /** Told every problem, in the order of the lines; those of the whole file last. */
  readonly onProblem?: (problem: Problem) => void;
}

/** Problems that are alike: of one code, at the same place but for positions in lists. */
export interface ProblemGroup {
  readonly code: ProblemCode;
  readonly severity: Problem['severity'];
  /** With `[*]` for any position. */
  readonly path: string;
  readonly count: number;
  /** The first lines, at most `linesKept`. */
  readonly lines: readonly number[];
  readonly first: Problem;
}

export interface CheckReport {
  /** Null when no row looks like any. */
  readonly format: ExampleFormat | null;
  readonly sizeBytes: number;
  readonly examples: number;
  readonly faultyExamples: number;
  readonly errors: number;
  readonly warnings: number;
  readonly groups: readonly ProblemGroup[];
  /** What the cookbook's pre-flight script counts, under its names. */
  readonly counters: Readonly<Record<Counter, number>>;
}

const counterNames = [
  'data_type',
  'missing_messages_list',
  'message_missing_key',
  'message_unrecognized_key',
  'unrecognized_role',
  'missing_content',
  'example_missing_assistant_message',
] as const satisfies readonly ProblemCode[];
type Counter = (typeof counterNames)[number];

export const linesKept = 10;
/** A file can be wrong in too many ways to list: from here on only the code tells groups apart. */
const groupsMax = 200;
const filesApiBytesMax = 512 * 10 ** 6;
const uploadBytesMax = 8 * 10 ** 9;
const reinforcementRowsMax: Record<FileRole, number> = { training: 50_000, validation: 1000 };

export async function checkFile(path: string, options: CheckOptions): Promise<CheckReport> {
  const { format, role, model, signal, onProgress } = options;
  const { size: sizeBytes } = await stat(path);
  const groups = new Groups(options);
  const seen = new Fingerprints();
  const supervision = new Supervision();
  const conventions = new Conventions();
  let [examples, faultyExamples, imageExamples] = [0, 0, 0];
  let found: ExampleFormat | null = format ?? null;
  const whole = new Report(null);
  checkSize(sizeBytes, whole);

  for await (const row of readRows(path, {
    ...(format !== undefined && { format }),
    ...(signal !== undefined && { signal }),
    ...(onProgress !== undefined && { onProgress }),
  })) {
    examples += 1;
    found ??= row.checked?.format ?? null;
    const errorsBefore = groups.errors;
    for (const problem of row.problems) {
      if (problem.code === 'images_not_trained') imageExamples += 1;
      groups.add(problem);
    }
    if (row.checked !== null) {
      supervision.add(row.checked);
      conventions.add(row.checked);
      const before = seen.add(row.text, row.line);
      if (before !== null) groups.add(repeated(row, before));
      if (model !== undefined) for (const problem of lengthProblems(row, model)) groups.add(problem);
    }
    if (groups.errors > errorsBefore) faultyExamples += 1;
  }

  if (groups.errors === 0 || examples === 0) checkCount(examples, role, whole);
  checkLimits({ format: found, examples, imageExamples, role }, whole);
  if (faultyExamples === 0) supervision.judge(whole);
  conventions.judge(whole);
  for (const problem of whole.problems) groups.add(problem);
  return { format: found, sizeBytes, examples, faultyExamples, ...groups.result() };
}

function repeated({ line, number }: Row, before: number): Problem {
  const report = new Report(line);
  report.add(
    'duplicate_row',
    { path: '$', name: `Example ${number}` },
    {
      found: `the same words as on line ${before}`,
      expected: 'each example once',
      suggestion: 'Keep one: what is there twice is learnt twice as much.',
    },
  );
  return report.problems[0]!;
}

function lengthProblems(row: Row, { codec, tokensMax }: NonNullable<CheckOptions['model']>): readonly Problem[] {
  const { checked, line, number } = row;
  if (checked === null) return [];
  const tokenized = checked.format === 'chat' ? tokenizeRow(row, codec, tokensMax) : null;
  if (tokenized !== null && !('sequences' in tokenized)) return tokenized;
  const truncated = tokenized?.truncated ?? seenSequences(checked, codec, line, tokensMax).some(({ cut }) => cut > 0);
  if (!truncated) return [];
  const report = new Report(line);
  report.add(
    'truncated',
    { path: '$', name: `Example ${number}` },
    {
      found: `more than ${tokensMax} tokens`,
      expected: `at most ${tokensMax}`,
      suggestion: 'Shorten it, or it will be cut at the end.',
    },
  );
  return report.problems;
}

function checkSize(sizeBytes: number, report: Report): void {
  const place = { path: '$', name: 'The file' };
  const found = `${(sizeBytes / 1e6).toFixed(0)} MB`;
  if (sizeBytes > uploadBytesMax) report.add('file_too_large', place, { found, expected: 'at most 8 GB' });
  else if (sizeBytes > filesApiBytesMax) {
    const suggestion = 'Send it in parts, by the Uploads API.';
    report.add('large_file', place, { found, expected: 'at most 512 MB in one request', suggestion });
  }
}

function checkLimits(
  {
    format,
    examples,
    imageExamples,
    role,
  }: {
    readonly format: ExampleFormat | null;
    readonly examples: number;
    readonly imageExamples: number;
    readonly role: FileRole;
  },
  report: Report,
): void {
  const place = { path: '$', name: 'The file' };
  const atMost = (count: number, max: number, what: string): void => {
    if (count <= max) return;
    report.add('too_many_examples', place, { found: `${count} ${what}`, expected: `at most ${max}` });
  };
  if (format === 'reinforcement') atMost(examples, reinforcementRowsMax[role], `${role} examples for reinforcement`);
  atMost(imageExamples, imageExamplesMax, 'examples with images');
}

type Counts = Pick<CheckReport, 'errors' | 'warnings' | 'groups' | 'counters'>;

class Groups {
  readonly #told: Pick<CheckOptions, 'onGroup' | 'onProblem'>;
  readonly #groups = new Map<string, { first: Problem; path: string; count: number; lines: number[] }>();
  readonly #counts = new Map<ProblemCode, number>();
  errors = 0;
  warnings = 0;

  constructor(told: Pick<CheckOptions, 'onGroup' | 'onProblem'>) {
    this.#told = told;
  }

  add(problem: Problem): void {
    const { code, severity, line } = problem;
    this.#told.onProblem?.(problem);
    if (severity === 'error') this.errors += 1;
    else this.warnings += 1;
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    const path = problem.path.replaceAll(/\[\d+\]/g, '[*]');
    const exact = `${code} ${path}`;
    const key = this.#groups.has(exact) || this.#groups.size < groupsMax ? exact : code;
    const group = this.#groups.get(key);
    if (group === undefined) {
      this.#groups.set(key, { first: problem, path, count: 1, lines: line === null ? [] : [line] });
      this.#told.onGroup?.(problem);
      return;
    }
    group.count += 1;
    if (line !== null && group.lines.length < linesKept && group.lines.at(-1) !== line) group.lines.push(line);
  }

  /** Errors first, the most frequent first. */
  result(): Counts {
    const groups = [...this.#groups.values()].map(({ first, path, count, lines }) => {
      const { code, severity } = first;
      return { code, severity, path, count, lines, first };
    });
    const rank = ({ severity, count }: ProblemGroup): number => (severity === 'error' ? count + 1e12 : count);
    const counted = counterNames.map((name) => [name, this.#counts.get(name) ?? 0] as const);
    return {
      errors: this.errors,
      warnings: this.warnings,
      groups: groups.sort((a, b) => rank(b) - rank(a)),
      counters: Object.fromEntries(counted) as Record<Counter, number>,
    };
  }
}
