/**
 * A training set in nested parts, each within the next, and a validation set beside it where none is given.
 *
 * Cut as `tunesmith data split` cuts: labels keep their shares, and examples that are alike stay together; so a part
 * is a smaller set of the same kind, and nothing of the validation set is known from training.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { autoBatchSize, autoEpochs } from '../dataset/epochs.ts';
import { linesOf, planSplit } from '../dataset/split/split.ts';
import { invalid } from '../domain/errors.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import type { Values } from './space.ts';

export interface PartsOptions {
  readonly training: string;
  /** Null has one cut from the training set. */
  readonly validation: string | null;
  /** Of `examples` to train on, how many each part has; growing, the last one all of them. */
  readonly sizes: (examples: number) => readonly number[];
  /** Where the files go. */
  readonly folder: string;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

export interface PartFile {
  readonly path: string;
  readonly examples: number;
}

export interface Parts {
  readonly parts: readonly PartFile[];
  /** The file that was given, or the one that was cut. */
  readonly validation: string;
}

/** OpenAI's rule: a file needs ten examples. */
export const examplesMin = 10;
const validationShare = 0.2;
const validationMost = 500;

/** How many of so many examples a validation set gets. */
export const validationSize = (rows: number): number =>
  Math.min(validationMost, Math.max(examplesMin, Math.round(validationShare * rows)));

export async function prepareParts(options: PartsOptions): Promise<Parts> {
  const { training, validation, folder, seed, signal } = options;
  let nested: readonly number[] = [];
  const plan = await planSplit(training, {
    sizes: (rows) => {
      const spared = validation === null ? validationSize(rows) : 0;
      if (rows - spared < examplesMin)
        throw invalid(null, `${training} has ${rows} examples; at least ${examplesMin + spared} were expected.`);
      nested = options.sizes(rows - spared);
      return [spared, ...nested.map((size, i) => size - (nested[i - 1] ?? 0))];
    },
    seed,
    stratify: 'answers',
    ...(signal && { signal }),
  });
  const write = async (name: string, wanted: (part: number) => boolean): Promise<string> => {
    const path = join(folder, name);
    await writeAtomically(path, encoded(linesOf(training, plan, wanted, signal)));
    return path;
  };
  // Groups that stay together may move a part's size by a few; what is told is what is there.
  const sizes = nested.map((_, i) => plan.parts.slice(1, i + 2).reduce((sum, { rows }) => sum + rows, 0));
  const fewest = Math.min(
    ...sizes,
    ...plan.parts.slice(0, 1).map(({ rows }) => (validation === null ? rows : Infinity)),
  );
  if (fewest < examplesMin)
    throw invalid(
      null,
      `${training}: the examples are too alike or too few to be cut into parts (${plan.largestGroup} of ${plan.rows} belong together); a part would have ${fewest}, and ${examplesMin} are needed.`,
    );
  await mkdir(folder, { recursive: true });
  const parts: PartFile[] = [];
  for (const [i, examples] of sizes.entries()) {
    const name = i === sizes.length - 1 ? 'train.jsonl' : `train-${examples}.jsonl`;
    parts.push({ path: await write(name, (part) => part >= 1 && part <= i + 1), examples });
  }
  return { parts, validation: validation ?? (await write('validation.jsonl', (part) => part === 0)) };
}

/** What the server chooses for the whole set, set for every part of it, so that all train alike. */
export const automaticAt = (examples: number): Values => ({
  n_epochs: autoEpochs(examples),
  batch_size: autoBatchSize(examples),
});

async function* encoded(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const line of lines) yield Buffer.from(`${line}\n`);
}
