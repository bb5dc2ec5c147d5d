/**
 * What a trainer has told so far, in its own folder: `journal.jsonl`, one step or checkpoint event per line.
 *
 * A trainer speaks into a pipe, and what nobody has read there dies with the reader. The next trainer therefore
 * tells everything up to its checkpoint again, from here, and its listener keeps the first of everything.
 * A step is written down before its checkpoint is, so the journal is never behind.
 */

import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainerEvent } from './protocol.ts';

export type JournalEvent = Extract<TrainerEvent, { type: 'step' | 'checkpoint' }>;

export class Journal implements Disposable {
  readonly #file: number;
  /** What earlier trainers wrote, in order; the same step may be there twice. */
  readonly #past: readonly JournalEvent[];

  constructor(jobFolder: string) {
    this.#file = openSync(join(jobFolder, 'journal.jsonl'), 'a+');
    const text = readFileSync(this.#file, 'utf8');
    this.#past = text.split('\n').flatMap(parseLine);
    // A trainer that was killed while writing left half a line.
    if (text !== '' && !text.endsWith('\n')) writeSync(this.#file, '\n');
  }

  append(event: JournalEvent): void {
    writeSync(this.#file, `${JSON.stringify(event)}\n`);
  }

  /** Makes what was appended survive a power cut. */
  flush(): void {
    fdatasyncSync(this.#file);
  }

  /** Each event of the steps up to this one, once, in order; snapshots are nobody's business any more. */
  upTo(step: number): JournalEvent[] {
    const told = new Set<string>();
    return this.#past.filter((event) => {
      const key = `${event.type} ${event.step}`;
      if (event.step > step || told.has(key) || (event.type === 'checkpoint' && event.kind === 'snapshot'))
        return false;
      told.add(key);
      return true;
    });
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

function parseLine(line: string): JournalEvent[] {
  try {
    return [JSON.parse(line) as JournalEvent];
  } catch {
    return [];
  }
}
