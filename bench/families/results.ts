/**
 * How good fine-tunes of every family were found: a line for each task, contestant, trainer and seed.
 *
 * A line is of a certain recipe on certain data; when either changes, the line no longer counts and is replaced by the
 * next measurement.
 */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Ledger } from '../ledger.ts';

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

/** Of which measurement a line is; it counts while its fingerprint is this. */
export type Place = Pick<Result, 'task' | 'contestant' | 'trainer' | 'seed' | 'fingerprint'>;

export const fingerprintOf = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);

export class Results {
  readonly #ledger: Ledger<Result>;

  constructor(path: string) {
    this.#ledger = new Ledger(path, resultSchema, keyOf);
  }

  find(place: Place): Result | null {
    return this.of(place).find(({ seed }) => seed === place.seed) ?? null;
  }

  /** All seeds of a contestant, in their order. */
  of({ fingerprint, ...place }: Omit<Place, 'seed'>): Result[] {
    const matches = (each: Result): boolean => keyOf(each) === keyOf({ ...place, seed: each.seed });
    return this.#ledger.lines().filter((each) => matches(each) && each.fingerprint === fingerprint);
  }

  add(result: Result): void {
    this.#ledger.add(result);
  }
}

const keyOf = ({ task, contestant, trainer, seed }: Omit<Place, 'fingerprint'>): string =>
  [task, contestant, trainer, seed].join(' ');
