/**
 * What was measured so far: one line for each task, contestant, trainer and seed, kept in the repository.
 *
 * So runs of many sessions add up, a run that was stopped goes on where it was, and one that measures a part leaves the
 * rest alone. A line is of a certain recipe on certain data; when either changes, the line no longer counts and is
 * replaced by the next measurement. Lines are sorted, so that two versions of the file merge line by line.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

const resultSchema = z.strictObject({
  task: z.string(),
  contestant: z.string(),
  trainer: z.enum(['tunesmith', 'pytorch']),
  seed: z.int(),
  /** Share of the held-out answers that were right. */
  accuracy: z.number(),
  /** Of the model, what was asked of the job, and the data. */
  fingerprint: z.string(),
  /** As the job resolved them; of ours only, and what PyTorch is given. */
  hyperparameters: z.record(z.string(), z.unknown()).optional(),
  /** Training, in seconds; how busy the machine was is not known. */
  seconds: z.number(),
  day: z.string(),
});

export type Result = z.infer<typeof resultSchema>;
export type Place = Pick<Result, 'task' | 'contestant' | 'trainer' | 'seed'>;

export const fingerprintOf = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);

export class Results {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Read anew each time: another process may measure as well. */
  #read(): Result[] {
    if (!existsSync(this.#path)) return [];
    return readFileSync(this.#path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => resultSchema.parse(JSON.parse(line)));
  }

  find(place: Place, fingerprint: string): Result | null {
    const found = this.#read().find((each) => keyOf(each) === keyOf(place));
    return found?.fingerprint === fingerprint ? found : null;
  }

  /** All seeds of a contestant, in their order. */
  of(place: Omit<Place, 'seed'>, fingerprint: string): Result[] {
    const matches = (each: Result): boolean => keyOf(each) === keyOf({ ...place, seed: each.seed });
    return this.#read().filter((each) => matches(each) && each.fingerprint === fingerprint);
  }

  add(result: Result): void {
    const others = this.#read().filter((each) => keyOf(each) !== keyOf(result));
    const all = [...others, result].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, all.map((each) => `${JSON.stringify(each)}\n`).join(''));
  }
}

const keyOf = ({ task, contestant, trainer, seed }: Place): string => [task, contestant, trainer, seed].join(' ');
