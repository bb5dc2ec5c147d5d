/**
 * What rows must share to stay in one file: the value of a key, of a JSON path, or of a template of several.
 *
 *   customer                            the row's key, or the one of its metadata
 *   $.metadata.customer                 a JSON path: names, ['names'] and [positions], from the end with [-1]
 *   {metadata.region}-{customer}        a template of keys and paths
 */

import { invalid } from '../../domain/errors.ts';
import { isObject, type Fields } from '../problem.ts';

/** The key of a row as text; null where the row does not have it. */
export type GroupKey = (row: Fields) => string | null;

export function parseGroupKey(text: string): GroupKey {
  if (!text.includes('{')) return oneKey(text);
  const names = Array.from(text.matchAll(/\{([^{}]+)\}/g), ([, name]) => oneKey(name!));
  if (names.length === 0)
    throw invalid(null, `The template ${JSON.stringify(text)} names no key; expected something like {customer}.`);
  return (row) => {
    const values = names.map((read) => read(row));
    return values.includes(null) ? null : values.join('\u0000');
  };
}

function oneKey(text: string): GroupKey {
  const steps = parsePath(text.startsWith('$') ? text.slice(1) : `.${text}`, text);
  return (row) => {
    const value = valueAt(row, steps) ?? (text.startsWith('$') ? undefined : valueAt(row['metadata'], steps));
    if (value === undefined || value === null || value === '') return null;
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
}

const pathStep = /\.([^.[\]]+)|\[(-?\d+)\]|\['([^']*)'\]|\["([^"]*)"\]/gy;

function parsePath(path: string, whole: string): readonly (string | number)[] {
  const steps: (string | number)[] = [];
  let end = 0;
  for (const match of path.matchAll(pathStep)) {
    const [step, name, position, quoted, doubleQuoted] = match;
    end = match.index + step.length;
    steps.push(position === undefined ? (name ?? quoted ?? doubleQuoted)! : Number(position));
  }
  if (steps.length > 0 && end === path.length) return steps;
  throw invalid(
    null,
    `${JSON.stringify(whole)} is no key and no JSON path; expected something like customer or $.metadata.customer.`,
  );
}

function valueAt(value: unknown, steps: readonly (string | number)[]): unknown {
  let at = value;
  for (const step of steps) {
    if (typeof step === 'number') at = Array.isArray(at) ? at.at(step) : undefined;
    else at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }
  return at;
}
