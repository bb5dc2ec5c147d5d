/** What is wrong with a row's JSON before anybody asks what it means: keys that are there twice, depth, odd text. */

import { scanJson, valuesMax, type JsonFault } from '../formats/json-text.ts';
import { child, type Place, type Report } from './problem.ts';

/** Far beyond any schema, and far below what the stack of a chat template's renderer takes. */
export const depthMax = 100;
/** Longer texts are looked at before they are parsed: a parser remembers every level and makes every value. */
export const longText = 2 ** 20;
const forbiddenKey = '__proto__';

/** Parses one line; `undefined` with a problem in the report when it is no JSON. */
export function parseJson(text: string, line: Place, report: Report): unknown {
  if (text.length > longText) {
    const { fault } = scanJson(text, depthMax);
    if (fault !== null) {
      refuse(fault, line, report);
      return undefined;
    }
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const { fault } = scanJson(text, depthMax);
    if (fault === null) throw new Error('The JSON scanner accepts what JSON.parse refuses.');
    refuse(fault, line, report);
    return undefined;
  }
  survey(value, text, line, report);
  return value;
}

function refuse({ at, reason, found, expected, hint }: JsonFault, line: Place, report: Report): void {
  if (reason === 'depth') {
    tooDeep(line, report);
    return;
  }
  if (reason === 'size') {
    report.add('line_too_long', line, {
      found: `more than ${valuesMax.toLocaleString('en')} values`,
      expected: 'one example on each line',
      message: `${line.name} holds more than ${valuesMax.toLocaleString('en')} values, but must fit a model's context.`,
    });
    return;
  }
  report.add('not_json', line, {
    found: `${found} at column ${at + 1}`,
    expected,
    suggestion: hint,
    message: `${line.name} is not valid JSON (found ${found} at column ${at + 1}, expected ${expected}), but must be one JSON object on one line.`,
  });
}

function tooDeep(line: Place, report: Report): void {
  report.add('too_deep', line, {
    found: `more than ${depthMax} levels of nesting`,
    expected: `at most ${depthMax}`,
    message: `${line.name} is nested deeper than ${depthMax} levels.`,
  });
}

function survey(value: unknown, text: string, line: Place, report: Report): void {
  const keys = countKeys(value, 0);
  if (keys === null) {
    tooDeep(line, report);
    return;
  }
  if (countColons(text) > keys) {
    for (const path of scanJson(text, depthMax).duplicates) {
      report.add(
        'duplicate_key',
        { path, name: line.name },
        {
          found: 'this key a second time',
          expected: 'each key once in an object',
          suggestion: 'Keep one of them; readers differ in which one they believe.',
        },
      );
    }
  }
  if (text.includes('\\') && (text.includes('\\ud') || text.includes('\\uD'))) {
    walk(value, line.path, (path, each) => {
      if (each.isWellFormed()) return;
      report.add(
        'lone_surrogate',
        { path, name: line.name },
        {
          found: 'half of a character (a lone surrogate)',
          expected: 'whole characters',
          suggestion: 'Remove it: a text was probably cut in the middle of an emoji.',
        },
      );
    });
  }
  if (text.includes(forbiddenKey)) {
    walk(value, line.path, (path, each, isKey) => {
      if (!isKey || each !== forbiddenKey) return;
      report.add(
        'forbidden_key',
        { path, name: line.name },
        {
          found: `the key "${forbiddenKey}"`,
          expected: 'keys that no program takes for something else',
          suggestion: 'Remove it.',
        },
      );
    });
  }
}

/** All keys in all objects, or null when something is nested too deep. */
function countKeys(value: unknown, depth: number): number | null {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth >= depthMax) return null;
  let count = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const inside = countKeys(value[i], depth + 1);
      if (inside === null) return null;
      count += inside;
    }
    return count;
  }
  for (const key in value) {
    const inside = countKeys((value as Record<string, unknown>)[key], depth + 1);
    if (inside === null) return null;
    count += inside + 1;
  }
  return count;
}

/** Colons after a quote: at least one for each key that is written, more where texts hold JSON. */
function countColons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    let before = at - 1;
    while (isSpace(text.charCodeAt(before))) before--;
    if (text.charCodeAt(before) === quote) count++;
  }
  return count;
}

const quote = 34;
const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13;

/** Visits every text and every key; the depth was checked before. */
function walk(value: unknown, path: string, visit: (path: string, text: string, isKey: boolean) => void): void {
  if (typeof value === 'string') visit(path, value, false);
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    value.forEach((each: unknown, i) => walk(each, `${path}[${i}]`, visit));
    return;
  }
  for (const [key, each] of Object.entries(value)) {
    const below = child(path, key);
    visit(below, key, true);
    walk(each, below, visit);
  }
}
