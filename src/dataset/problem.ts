/**
 * What can be wrong with a row of training data: a code, a place, what was found, what was expected, and what to do.
 *
 * The sentences begin the way OpenAI's do ("Example 3 contains an extra "weight".") because users search for them.
 * Where the cookbook's pre-flight script counts the same fault, the code is the script's.
 */

export type Severity = 'error' | 'warning';

/** An error, and what a job's `error.code` says of it (`format`: the row has a wrong shape); or a warning. */
type Kind = 'format' | 'content' | 'warning';

const kinds = {
  not_text: 'format',
  not_utf8: 'format',
  line_too_long: 'format',
  not_json: 'format',
  data_type: 'format',
  too_deep: 'format',
  duplicate_key: 'format',
  forbidden_key: 'format',
  lone_surrogate: 'format',
  unrecognized_key: 'format',
  message_unrecognized_key: 'format',
  invalid_weight: 'format',
  mixed_formats: 'content',
  missing_messages_list: 'content',
  missing_key: 'content',
  message_missing_key: 'content',
  unrecognized_role: 'content',
  missing_content: 'content',
  example_missing_assistant_message: 'content',
  nothing_supervised: 'content',
  everything_supervised: 'content',
  last_message: 'content',
  invalid_value: 'content',
  invalid_tool: 'content',
  invalid_tool_call: 'content',
  unknown_tool_call: 'content',
  invalid_output: 'content',
  invalid_image: 'content',
  not_trainable: 'content',
  invalid_label: 'content',
  unknown_label: 'content',
  no_examples: 'content',
  identical_prompts: 'content',
  identical_completions: 'content',
  too_few_examples: 'content',
  too_many_examples: 'content',
  file_too_large: 'content',
  large_file: 'warning',
  undefined_tool: 'warning',
  repeated_tool_call: 'warning',
  unanswered_tool_call: 'warning',
  trailing_messages: 'warning',
  empty_answer: 'warning',
  same_outputs: 'warning',
  odd_name: 'warning',
  skipped_image: 'warning',
  images_not_trained: 'warning',
  duplicate_row: 'warning',
  truncated: 'warning',
  no_separator: 'warning',
  no_stop_sequence: 'warning',
  no_leading_space: 'warning',
} as const satisfies Record<string, Kind>;

export type ProblemCode = keyof typeof kinds;

export interface Problem {
  readonly code: ProblemCode;
  readonly severity: Severity;
  /** Of the file, from 1; null when the whole file has the problem. */
  readonly line: number | null;
  /** JSONPath in the row, e.g. `$.messages[1].role`: list positions count from 0. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
  /** How to mend it, where there is a likely way. */
  readonly suggestion: string | null;
  /** All of it as one sentence that names the example and the message, counted from 1. */
  readonly message: string;
}

export const isError = ({ severity }: Problem): boolean => severity === 'error';

/** Whether the fault is one of shape, which OpenAI's jobs call a format error, or one of content. */
export const isFormatError = ({ code }: Problem): boolean => kinds[code] === 'format';

/** A spot in a row: where a machine finds it, and how a sentence names it. */
export interface Place {
  readonly path: string;
  readonly name: string;
}

export interface Finding {
  readonly found: string;
  readonly expected: string;
  readonly suggestion?: string | null;
  /** In other words than "found …, expected …". */
  readonly message?: string;
}

/** Of each severity in one row; what a row is full of need not be told to its end. */
const problemsMax = 1000;

/** Collects the problems of one row. */
export class Report {
  readonly line: number | null;
  readonly problems: Problem[] = [];
  readonly #counts = { error: 0, warning: 0 };

  constructor(line: number | null) {
    this.line = line;
  }

  get hasErrors(): boolean {
    return this.#counts.error > 0;
  }

  get errorCount(): number {
    return this.#counts.error;
  }

  /** Whether further errors are only counted. */
  get isFull(): boolean {
    return this.#counts.error >= problemsMax;
  }

  add(code: ProblemCode, { path, name }: Place, { found, expected, suggestion = null, message }: Finding): void {
    const severity = kinds[code] === 'warning' ? 'warning' : 'error';
    this.#counts[severity] += 1;
    if (this.#counts[severity] > problemsMax) return;
    this.problems.push({
      code,
      severity,
      line: this.line,
      path,
      found,
      expected,
      suggestion,
      message: message ?? `${name}: found ${found}, expected ${expected}.`,
    });
  }

  /** A problem with the value of a key. */
  field(
    code: ProblemCode,
    { path, name }: Place,
    key: string,
    value: unknown,
    expected: string,
    suggestion: string | null = null,
  ): void {
    const found = describe(value);
    const message = `${name}: "${key}" is ${found}, but must be ${expected}.`;
    this.add(code, { path: child(path, key), name }, { found, expected, suggestion, message });
  }
}

/** The JSONPath of a key below `path`. */
export const child = (path: string, key: string): string =>
  /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;

export type Fields = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const namesMax = 12;

/** `"a", "b", "c"`, short enough for a sentence. */
export const quoted = (names: readonly string[]): string =>
  names.slice(0, namesMax).map(describe).join(', ') + (names.length > namesMax ? ', …' : '');

/** What was found, short enough for a sentence. */
export function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return `an object with ${quoted(Object.keys(value).slice(0, 4)) || 'no keys'}`;
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, 80) : value);
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}
