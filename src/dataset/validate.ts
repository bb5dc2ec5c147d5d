/**
 * Reads a whole training or validation file before anybody trains on it, and tells everything there is to tell:
 * each fault with its line, what will be cut, what is there twice, and how many tokens there are.
 *
 * It streams in memory that has a bound and gives the event loop its turns, so that a server can validate half a
 * gigabyte and answer requests meanwhile.
 */

import { ClosedAnswers } from './closed-answers.ts';
import { fileError, fileFailure, listLines, type FileError, type FileFailure, type FileRole } from './faults.ts';
import type { Finding } from './findings/finding.ts';
import { Findings } from './findings/findings.ts';
import { Fingerprints } from './fingerprints.ts';
import { Report, type Problem } from './problem.ts';
import { readRows } from './rows.ts';
import { Supervision } from './supervision.ts';
import { formatFor, tokenizeRow, type ExampleEncoder, type RowTokenizer } from './tokenize.ts';

export interface ValidationOptions {
  readonly codec: ExampleEncoder | RowTokenizer;
  /** Longer sequences are cut at the end. */
  readonly tokensMax: number;
  readonly role: FileRole;
  /** The `fingerprints` of the training file, to find its examples in a validation file. */
  readonly known?: Fingerprints;
  /** Says what is wrong with a file whose rows are all right. */
  readonly judge?: (report: Report) => void;
  readonly signal?: AbortSignal;
}

export interface ValidationReport {
  readonly ok: boolean;
  readonly examples: number;
  /** After the cut, of faultless examples: what one epoch trains. */
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** Of the longest sequence, after the cut. */
  readonly longestTokens: number;
  /** How many sequences have so many tokens. */
  readonly lengths: ReadonlyMap<number, number>;
  readonly truncatedLines: readonly number[];
  readonly warnings: readonly string[];
  /** In the order of the file; the first hundred. */
  readonly errors: readonly FileError[];
  readonly errorCount: number;
  /** What the job's `error` says, or null when all is well. */
  readonly failure: FileFailure | null;
  readonly fingerprints: Fingerprints;
  /** The closed set that all answers are of; null where they are not. */
  readonly answers: readonly string[] | null;
}

export const trainingExamplesMin = 10;
const errorsKept = 100;

export async function validateTrainingFile(path: string, options: ValidationOptions): Promise<ValidationReport> {
  const { codec, tokensMax, role, known, judge, signal } = options;
  const errors: FileError[] = [];
  const faultyLines: number[] = [];
  const fingerprints = new Fingerprints();
  const supervision = new Supervision();
  const lengths = new Map<number, number>();
  const quality = Findings.cheap();
  const closed = new ClosedAnswers();
  const remarks: Remarks = { truncated: [], repeated: [], shared: [], others: new Map() };
  let [examples, tokens, supervisedTokens, longestTokens, errorCount] = [0, 0, 0, 0, 0];
  const fail = (error: FileError): void => {
    errorCount += 1;
    if (errors.length < errorsKept) errors.push(error);
  };

  for await (const row of readRows(path, { format: formatFor(codec), images: false, ...(signal && { signal }) })) {
    examples += 1;
    const tokenized = tokenizeRow(row, codec, tokensMax);
    if (!('sequences' in tokenized)) {
      for (const problem of tokenized) fail(fileError(problem, role));
      faultyLines.push(row.line);
      continue;
    }
    tokens += tokenized.tokens;
    supervisedTokens += tokenized.targets;
    longestTokens = Math.max(longestTokens, ...tokenized.sequences.map(({ ids }) => ids.length));
    if (tokenized.truncated) remarks.truncated.push(row.line);
    for (const { ids } of tokenized.sequences) lengths.set(ids.length, (lengths.get(ids.length) ?? 0) + 1);
    supervision.add(row.checked!, tokenized);
    closed.add(row.checked!);
    quality.see(role, row);
    if (fingerprints.add(row.text, row.line) !== null) remarks.repeated.push(row.line);
    if (known !== undefined && known.find(row.text) !== null) remarks.shared.push(row.line);
    for (const problem of row.problems) remark(problem, remarks);
  }
  if (errorCount === 0) {
    const whole = new Report(null);
    checkCount(examples, role, whole);
    supervision.judge(whole);
    judge?.(whole);
    for (const problem of whole.problems) fail(fileError(problem, role));
  }

  return {
    ok: errorCount === 0,
    examples,
    tokens,
    supervisedTokens,
    longestTokens,
    lengths,
    truncatedLines: remarks.truncated,
    warnings: [...warningsOf(remarks, role, tokensMax), ...(await quality.findings()).flatMap(qualityWarning)],
    errors,
    errorCount,
    failure: errors[0] === undefined ? null : fileFailure(errors[0], role, errorCount, faultyLines),
    fingerprints,
    answers: closed.answers,
  };
}

/** A file has examples, and one to train on has some more. */
export function checkCount(examples: number, role: FileRole, report: Report): void {
  const place = { path: '$', name: 'The file' };
  if (examples === 0) {
    report.add('no_examples', place, {
      found: 'an empty file',
      expected: 'one JSON object per line',
      message: `The file is empty, but must have one JSON object per line, each {"messages": […]}.`,
    });
  } else if (role === 'training' && examples < trainingExamplesMin) {
    report.add('too_few_examples', place, {
      found: examples === 1 ? 'one example' : `${examples} examples`,
      expected: `at least ${trainingExamplesMin}`,
      message: `Training file has ${examples} example(s), but must have at least ${trainingExamplesMin} examples`,
    });
  }
}

/** Lines that are worth a word, though they train. */
interface Remarks {
  readonly truncated: number[];
  readonly repeated: number[];
  readonly shared: number[];
  /** By the sentence that is said of them. */
  readonly others: Map<string, number[]>;
}

const sentences: Partial<Record<Problem['code'], (problem: Problem) => string>> = {
  trailing_messages: () => 'Messages after the last assistant message, which teach nothing',
  empty_answer: () => 'Empty answers of the assistant, which teach to say nothing',
  undefined_tool: ({ found }) => `${found[0]!.toUpperCase()}${found.slice(1)} that "tools" does not define`,
  unanswered_tool_call: () => 'Tool calls that no tool message answers',
};

function remark(problem: Problem, { others }: Remarks): void {
  const sentence = sentences[problem.code]?.(problem);
  if (sentence === undefined) return;
  const lines = others.get(sentence);
  if (lines === undefined) others.set(sentence, [problem.line!]);
  else if (lines.at(-1) !== problem.line) lines.push(problem.line!);
}

function warningsOf(remarks: Remarks, role: FileRole, tokensMax: number): string[] {
  const warnings: string[] = [];
  const warn = (lines: readonly number[], text: string): void => {
    if (lines.length === 0) return;
    const examples = `${lines.length} example${lines.length === 1 ? '' : 's'} of the ${role} file`;
    warnings.push(`${text}: ${examples} (${listLines(lines)}).`);
  };
  warn(remarks.truncated, `Longer than ${tokensMax} tokens, will be cut at the end`);
  warn(remarks.repeated, 'The same as an earlier line, word for word');
  warn(remarks.shared, 'Also in the training file, so that validation looks better than it is');
  for (const [sentence, lines] of remarks.others) warn(lines, sentence);
  return warnings;
}

/** What may well be meant is left to "tunesmith data findings". */
function qualityWarning({ severity, file, message, lines, advice }: Finding): string[] {
  if (severity === 'note') return [];
  const where = lines.length === 0 ? '' : `, ${listLines(lines)}`;
  return [`${message} (${file} file${where}). ${advice}`];
}
