/**
 * Text with fields of a row in it: `Subject: {subject}\n\n{body}`.
 *
 * Braces hold the name of a column, or a path into one: `{answers.text.0}`. `{{` and `}}` are braces; `\n` and `\t`
 * may be written as such, since they are hard to type in a shell.
 */

import { invalid } from '../../domain/errors.ts';
import type { Fields } from './source.ts';

export interface Template {
  readonly source: string;
  readonly parts: readonly (string | { readonly column: string })[];
}

export function parseTemplate(source: string): Template {
  const parts: (string | { column: string })[] = [];
  let text = '';
  const pattern = /\{\{|\}\}|\\n|\\t|\{([^{}]*)\}|[{}]|[^{}\\]+|\\/g;
  for (const [found, column] of source.matchAll(pattern)) {
    if (column !== undefined) {
      if (column.trim() === '') throw braces(source);
      if (text !== '') parts.push(text);
      parts.push({ column: column.trim() });
      text = '';
    } else if (found === '{' || found === '}') throw braces(source);
    else text += escapes[found] ?? found;
  }
  if (text !== '') parts.push(text);
  return { source, parts };
}

const escapes: Readonly<Record<string, string>> = { '{{': '{', '}}': '}', '\\n': '\n', '\\t': '\t' };

const braces = (source: string): Error =>
  invalid(null, `The template "${source}" has a brace without a column name; a brace itself is written twice: {{ }}.`);

/** The text of a row. Empty when the template has columns and all of them are empty. */
export function fill({ parts }: Template, fields: Fields): string {
  let found = parts.every((part) => typeof part === 'string');
  const texts = parts.map((part) => {
    if (typeof part === 'string') return part;
    const text = asText(lookUp(fields, part.column));
    if (text.trim() !== '') found = true;
    return text;
  });
  return found ? texts.join('') : '';
}

export const columnsOf = ({ parts }: Template): string[] =>
  parts.flatMap((part) => (typeof part === 'string' ? [] : [part.column]));

/** A column's own name comes before a path of names. */
export function lookUp(fields: Fields, path: string): unknown {
  if (fields.has(path)) return fields.get(path);
  const [first = '', ...rest] = path.split('.');
  let value = fields.get(first);
  for (const name of rest) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

export function asText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return String(value);
  return JSON.stringify(value) ?? '';
}
