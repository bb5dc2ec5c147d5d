/**
 * What was measured so far: a file of one line for each thing measured, kept in the repository.
 *
 * So runs of many sittings add up, a run that was stopped goes on where it was, and one that measures a part leaves the
 * rest alone. A new measurement of the same thing replaces its line. Lines are sorted, so that two versions of the file
 * merge line by line.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ZodType } from 'zod';

export class Ledger<Line> {
  readonly #path: string;
  readonly #schema: ZodType<Line>;
  readonly #keyOf: (line: Line) => string;

  constructor(path: string, schema: ZodType<Line>, keyOf: (line: Line) => string) {
    this.#path = path;
    this.#schema = schema;
    this.#keyOf = keyOf;
  }

  /** Read anew each time: another process may measure as well. */
  lines(): Line[] {
    if (!existsSync(this.#path)) return [];
    return readFileSync(this.#path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => this.#schema.parse(JSON.parse(line)));
  }

  add(line: Line): void {
    const keyOf = this.#keyOf;
    const others = this.lines().filter((each) => keyOf(each) !== keyOf(line));
    const all = [...others, line].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, all.map((each) => `${JSON.stringify(each)}\n`).join(''));
  }
}
