/**
 * A file with some of its lines changed, taken out or added at the end; all others stay letter for letter.
 *
 * What is no UTF-8 text, or too long for a line, cannot be copied: it has to be edited or taken out.
 */

import { invalid } from '../domain/errors.ts';
import { readLineBatches } from '../formats/jsonl.ts';

export interface Edits {
  /** By line, from 1; null takes it out. */
  readonly lines: ReadonlyMap<number, unknown>;
  /** Rows that come behind all others. */
  readonly added: readonly unknown[];
  /** Whether lines that cannot be copied are left out instead of being refused. */
  readonly leaveOutUnreadable: boolean;
}

export async function* editedChunks(path: string, edits: Edits, signal?: AbortSignal): AsyncGenerator<Buffer, void> {
  const left = new Set(edits.lines.keys());
  let last = 0;
  for await (const { lines } of readLineBatches(path, signal === undefined ? {} : { signal })) {
    let text = '';
    for (const { line, text: before, fault } of lines) {
      last = line;
      if (left.delete(line)) {
        const value = edits.lines.get(line);
        if (value !== null) text += `${JSON.stringify(value)}\n`;
      } else if (fault === null) text += `${before}\n`;
      else if (!edits.leaveOutUnreadable) throw unreadable(line, fault);
    }
    if (text !== '') yield Buffer.from(text);
  }
  const [beyond] = left;
  if (beyond !== undefined)
    throw invalid('edits', `There is no line ${beyond} to edit: the file ends with line ${last}.`, 'invalid_value');
  const added = edits.added.map((value) => `${JSON.stringify(value)}\n`).join('');
  if (added !== '') yield Buffer.from(added);
}

function unreadable(line: number, fault: 'not_utf8' | 'too_long') {
  const what = fault === 'not_utf8' ? 'is not UTF-8 text' : 'is too long for one example';
  return invalid('edits', `Line ${line} ${what} and cannot be copied. Take it out, or ask for repairs as well.`);
}
