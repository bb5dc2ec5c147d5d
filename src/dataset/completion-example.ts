/** One row of a prompt/completion file: bare text; what is in the file is what is trained. */

import type { AnyExample } from '../domain/example.ts';
import { meantName } from './meant.ts';
import { checkKeys } from './messages.ts';
import { describe, type Fields, type Place, type Report } from './problem.ts';

export const completionKeys = ['prompt', 'completion'];

/** A key that was meant is among the first ones. */
const keysSought = 20;

export function checkCompletionExample(row: Fields, line: Place, report: Report): AnyExample | null {
  checkKeys(row, completionKeys, line, report);
  const { prompt, completion } = row;
  for (const key of completionKeys) {
    const value = row[key];
    if (typeof value === 'string') continue;
    const path = `$.${key}`;
    if (value === undefined) {
      const meant = Object.keys(row)
        .slice(0, keysSought)
        .find((name) => meantName(name, [key]) !== undefined);
      report.add(
        'missing_key',
        { path, name: line.name },
        {
          found: 'missing',
          expected: 'a string',
          suggestion: meant === undefined ? null : `Rename ${describe(meant)} to "${key}".`,
          message: `${line.name} is missing key '${key}'.`,
        },
      );
      continue;
    }
    const way = typeof value === 'number' || typeof value === 'boolean' ? `Write it as text: "${value}".` : null;
    report.add(
      'invalid_value',
      { path, name: `${line.name}, key "${key}"` },
      {
        found: describe(value),
        expected: 'a string',
        suggestion: way,
      },
    );
  }
  if (completion === '') {
    report.add(
      'nothing_supervised',
      { path: '$.completion', name: `${line.name}, key "completion"` },
      {
        found: '""',
        expected: 'the text to learn',
        suggestion: 'Leave the row out.',
      },
    );
  }
  if (report.hasErrors || typeof prompt !== 'string' || typeof completion !== 'string') return null;
  return { format: 'completion', example: { prompt, completion } };
}
