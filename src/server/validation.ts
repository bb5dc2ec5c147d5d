/**
 * The doors: what comes in is checked once against a zod schema and trusted afterwards.
 *
 * A schema's first complaint becomes OpenAI's error: the same codes, the same sentences, `param` as a path such
 * as `messages[0].content`. Schemas say what is allowed and nothing about wording. Three hints for their authors:
 * `z.strictObject` refuses unknown fields, `z.object` ignores them; `optional(...)` makes null equal to absent,
 * which is what clients mean by it; a rule of one's own is a `refine` with `params: { code }` and a whole sentence.
 */

import { z } from 'zod';
import { invalid, type TunesmithError } from '../domain/errors.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** The body as the schema's output; no body at all counts as `{}`, so it is the missing fields that are named. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  return parse(schema, body ?? {});
}

/** The query string as the schema's output. Values arrive as strings. */
export function parseQuery<Schema extends z.ZodType>(schema: Schema, query: unknown): z.output<Schema> {
  return parse(schema, query ?? {});
}

/** A field that may be left out; an explicit null is the same. */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** A whole number in a query string. */
export function queryInteger(minimum: number, maximum: number) {
  return z
    .string()
    .transform((text) => (/^[+-]?\d+$/.test(text) ? Number(text) : text))
    .pipe(z.int().min(minimum).max(maximum));
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value, { reportInput: true, error: numberWord });
  if (result.success) return result.data;
  throw asError(result.error.issues[0]!, []);
}

/**
 * zod's issues do not say whether a bound belongs to an integer or a decimal, but OpenAI's codes do; the schema
 * knows, and is only at hand where messages are made. So that word is the message.
 */
function numberWord(issue: z.core.$ZodRawIssue): string {
  const schema = issue.schema ?? issue.inst;
  return schema instanceof z.ZodNumber && schema.isInt ? 'integer' : 'decimal';
}

function asError(issue: Issue, above: Path): TunesmithError {
  const path = [...above, ...issue.path];
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(path, [issue], issue.input);
    case 'invalid_value':
      return issue.input === undefined ? missing(path) : notSupported(path, issue.values, issue.input);
    case 'too_big':
    case 'too_small':
      return outOfBounds(issue, path);
    case 'invalid_format':
      return invalid(dotted(path), `Invalid '${dotted(path)}': ${formatRule(issue)}`, 'invalid_value');
    case 'not_multiple_of':
      return invalid(
        dotted(path),
        `Invalid '${dotted(path)}': expected a multiple of ${issue.divisor}.`,
        'invalid_value',
      );
    case 'unrecognized_keys': {
      const field = dotted([...path, issue.keys[0]!]);
      return invalid(field, `Unknown parameter: '${field}'.`, 'unknown_parameter');
    }
    case 'invalid_union':
      return noBranch(issue, path);
    case 'invalid_key':
    case 'invalid_element':
      return asError(issue.issues[0]!, path);
    case 'custom':
      return invalid(dotted(path) || null, issue.message, String(issue.params?.['code'] ?? 'invalid_value'));
    default:
      throw issue satisfies never;
  }
}

/** Which of a union's complaints helps: that of the branch the value was meant for, else what all would accept. */
function noBranch(issue: z.core.$ZodIssueInvalidUnion, path: Path): TunesmithError {
  if (issue.discriminator !== undefined) {
    const value = (issue.input as Record<string, unknown>)[issue.discriminator];
    return value === undefined
      ? missing(path)
      : notSupported(path, 'options' in issue ? (issue.options ?? []) : [], value);
  }
  const complaints = issue.errors.map((branch) => branch[0]!);
  const meant = complaints.find(({ code, path }) => path.length > 0 || !misfits.has(code));
  return meant === undefined ? wrongType(path, complaints, issue.input) : asError(meant, path);
}

/** Complaints which say that a value is of another kind altogether. */
const misfits: ReadonlySet<string> = new Set(['invalid_type', 'invalid_value', 'invalid_union']);

function missing(path: Path): TunesmithError {
  return invalid(dotted(path), `Missing required parameter: '${dotted(path)}'.`, 'missing_required_parameter');
}

function notSupported(path: Path, values: readonly unknown[], found: unknown): TunesmithError {
  const supported = values.length === 1 ? 'The only supported value is' : 'Supported values are';
  const message = `Invalid value: ${quoted(found)}. ${supported}: ${listed(values.map(quoted), 'and')}.`;
  return invalid(dotted(path), message, 'invalid_value');
}

function wrongType(path: Path, complaints: readonly Issue[], found: unknown): TunesmithError {
  if (found === undefined && path.length > 0) return missing(path);
  const values = complaints.flatMap((complaint) => (complaint.code === 'invalid_value' ? complaint.values : []));
  if (values.length > 0 && complaints.every(({ code }) => code === 'invalid_value'))
    return notSupported(path, values, found);
  const accepted = [...new Set(complaints.flatMap(acceptedBy))];
  const expected = (accepted.length > 1 ? 'one of ' : '') + listed(accepted, 'or');
  if (path.length === 0)
    return invalid(
      null,
      `Invalid request body: expected ${expected}, but got ${kindOf(found)} instead.`,
      'invalid_type',
    );
  const message = `Invalid type for '${dotted(path)}': expected ${expected}, but got ${kindOf(found)} instead.`;
  return invalid(dotted(path), message, 'invalid_type');
}

function acceptedBy(complaint: Issue): string[] {
  if (complaint.code === 'invalid_union') return complaint.errors.flatMap((branch) => acceptedBy(branch[0]!));
  if (complaint.code === 'invalid_value') return complaint.values.map(quoted);
  if (complaint.code !== 'invalid_type') return [];
  if (complaint.expected === 'number') return [complaint.message === 'integer' ? 'an integer' : 'a decimal'];
  return [kinds[complaint.expected] ?? `a ${complaint.expected}`];
}

const kinds: Readonly<Record<string, string>> = {
  int: 'an integer',
  array: 'an array',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

function outOfBounds(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall, path: Path): TunesmithError {
  const above = issue.code === 'too_big';
  const limit = above ? issue.maximum : issue.minimum;
  const side = above ? 'above_max' : 'below_min';
  const { origin } = issue;
  if (origin !== 'string' && origin !== 'array') {
    const number = origin === 'int' ? 'integer' : issue.message;
    const relation = (above ? '<' : '>') + (issue.inclusive === false ? '' : '=');
    const fault = `${number} ${above ? 'above maximum' : 'below minimum'} value.`;
    const expected = `Expected a value ${relation} ${limit}, but got ${String(issue.input)} instead.`;
    return invalid(dotted(path), `Invalid '${dotted(path)}': ${fault} ${expected}`, `${number}_${side}_value`);
  }
  const { length } = issue.input as string | unknown[];
  const a = origin === 'string' ? 'a string' : 'an array';
  const found = length === 0 ? `an empty ${origin}` : `${a} with length ${length}`;
  const fault = length === 0 ? `empty ${origin}.` : `${origin} too ${above ? 'long' : 'short'}.`;
  const expected = `Expected ${a} with ${above ? 'maximum' : 'minimum'} length ${limit}, but got ${found} instead.`;
  const code = origin === 'array' && length === 0 ? 'empty_array' : `${origin}_${side}_length`;
  return invalid(dotted(path), `Invalid '${dotted(path)}': ${fault} ${expected}`, code);
}

/** What was expected of a string that zod's pattern or format refused. */
function formatRule(issue: z.core.$ZodIssueInvalidStringFormat): string {
  if (issue.pattern === undefined) return `expected a string in the format ${issue.format}.`;
  return `string does not match pattern. Expected a string that matches the pattern '${issue.pattern.slice(1, issue.pattern.lastIndexOf('/'))}'.`;
}

/** `['messages', 0, 'content']` is `messages[0].content`; the body itself has no path. */
function dotted(path: Path): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`),
    '',
  );
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `'${text.length > 200 ? `${text.slice(0, 200)}…` : text}'`;
}

/** `a, b, and c` */
function listed(words: readonly string[], join: 'and' | 'or'): string {
  if (words.length < 3) return words.join(` ${join} `);
  return `${words.slice(0, -1).join(', ')}, ${join} ${words.at(-1)}`;
}
