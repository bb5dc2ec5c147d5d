/** What is wrong with a file, in the codes and sentences that a failed job shows. */

import { isFormatError, type Problem } from './problem.ts';

export type FileRole = 'training' | 'validation';

export type FileErrorCode =
  'invalid_file_format' | 'invalid_training_file' | 'invalid_validation_file' | 'invalid_n_examples';

export interface FileError {
  /** From 1; null when the fault is the whole file's. */
  readonly line: number | null;
  /** Where in the line, e.g. `$.messages[1].role`. */
  readonly path: string;
  readonly code: FileErrorCode;
  readonly message: string;
}

/** What becomes a failed job's `error`. */
export interface FileFailure {
  readonly code: FileErrorCode;
  readonly param: 'training_file' | 'validation_file';
  readonly message: string;
}

/** The problem as the error of a job that was given the file; it must be an error. */
export function fileError(problem: Problem, role: FileRole): FileError {
  const { line, path, message } = problem;
  if (problem.code === 'too_few_examples') return { line, path, code: 'invalid_n_examples', message };
  return { line, path, code: isFormatError(problem) ? 'invalid_file_format' : `invalid_${role}_file`, message };
}

/** The first error as a job tells it, and how many there are. `lines` are the first lines with errors. */
export function fileFailure(first: FileError, role: FileRole, count = 1, lines: readonly number[] = []): FileFailure {
  const where = first.line === null ? '' : ` (line ${first.line}${first.path === '$' ? '' : `, ${first.path}`})`;
  const all = count > 1 ? ` ${count} problems were found in all, on ${listLines(lines)}.` : '';
  return {
    code: first.code,
    param: `${role}_file`,
    message: `${introductions[first.code](role)}${first.message}${where}${all}`,
  };
}

const introductions: Record<FileErrorCode, (role: FileRole) => string> = {
  invalid_file_format: (role) => `The job failed due to a file format error in the ${role} file. Invalid file format. `,
  invalid_training_file: () => 'The job failed due to an invalid training file. ',
  invalid_validation_file: () => 'The job failed due to an invalid validation file. ',
  invalid_n_examples: () => '',
};

const linesNamed = 10;

/** "line 4", "lines 4, 9 and 12", "lines 1, 2, … 10 and 90 more". */
export function listLines(lines: readonly number[]): string {
  if (lines.length === 1) return `line ${lines[0]}`;
  const named = lines.slice(0, linesNamed);
  const last = lines.length > linesNamed ? `${lines.length - linesNamed} more` : named.pop();
  return `lines ${named.join(', ')} and ${last}`;
}
