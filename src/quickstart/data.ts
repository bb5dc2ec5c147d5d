/**
 * The files of a quickstart: what is trained on, what is watched while training, what is held out.
 *
 * Without files of the user's own they are made from the mails; either way they lie in the data folder
 * afterwards, so that everything can be looked at and done again by hand.
 */

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../domain/errors.ts';
import { seededRandom, shuffled } from '../random.ts';
import { labelsOf, readLabelled, toJsonl, type LabelledExample } from './labelled.ts';
import { inventedMails, spamSplits } from './spam.ts';

export interface QuickstartData {
  readonly title: string;
  readonly training: readonly LabelledExample[];
  readonly validation: readonly LabelledExample[];
  readonly test: readonly LabelledExample[];
  /** What to show the finished model. */
  readonly samples: readonly LabelledExample[];
  /** Labels of the training set, the most frequent first. */
  readonly labels: readonly string[];
  /** The label that precision and recall are about; undefined averages over all. */
  readonly positive: string | undefined;
  readonly trainingPath: string;
  /** Null when the training set is too small to spare any. */
  readonly validationPath: string | null;
}

export interface DataOptions {
  readonly train?: string;
  readonly test?: string;
  readonly positive?: string;
  readonly trainSize: number;
  readonly testSize: number;
}

const validationSize = 50;
/** OpenAI's rule: a file needs ten examples. */
const examplesMin = 10;
export const seed = 7;

export async function prepareData(folder: string, options: DataOptions): Promise<QuickstartData> {
  const splits =
    options.train === undefined || options.test === undefined
      ? mails(options)
      : await ownFiles(options.train, options.test);
  const labels = labelsOf(splits.training);
  const positive = options.positive ?? splits.positive;
  if (positive !== undefined && !labels.includes(positive)) {
    throw invalid(null, `--positive ${positive}: no such label in the training set; it has ${labels.join(', ')}.`);
  }
  await mkdir(folder, { recursive: true });
  const write = async (name: string, examples: readonly LabelledExample[]): Promise<string> => {
    const path = join(folder, `${name}.jsonl`);
    await writeFile(path, toJsonl(examples));
    return path;
  };
  await write('test', splits.test);
  return {
    ...splits,
    labels,
    positive,
    trainingPath: await write('train', splits.training),
    validationPath: splits.validation.length < examplesMin ? null : await write('validation', splits.validation),
  };
}

interface Splits extends Pick<QuickstartData, 'title' | 'training' | 'validation' | 'test' | 'samples'> {
  readonly positive?: string;
}

function mails({ trainSize, testSize }: DataOptions): Splits {
  const sizes = { training: trainSize, validation: validationSize, test: testSize };
  const { duplicates, ...splits } = spamSplits(sizes, seed);
  return {
    ...splits,
    positive: 'spam',
    samples: inventedMails,
    title: `spam or ham, real mails of the SpamAssassin corpus (${duplicates} that came twice left out)`,
  };
}

/** The user's files; a fifth of the training examples, at most fifty, drawn by lot, is watched while training. */
async function ownFiles(trainPath: string, testPath: string): Promise<Splits> {
  const training = shuffled(await readLabelled(trainPath), seededRandom(seed));
  const test = await readLabelled(testPath);
  const known = new Set(labelsOf(training));
  const unknown = labelsOf(test).find((label) => !known.has(label));
  if (unknown !== undefined) {
    throw invalid(null, `${testPath} has the label "${unknown.slice(0, 40)}", which ${trainPath} never shows.`);
  }
  if (known.size < 2) throw invalid(null, `${trainPath} has one label only; two or more were expected.`);
  const prompts = new Set(training.map(({ prompt }) => JSON.stringify(prompt)));
  const seen = test.filter(({ prompt }) => prompts.has(JSON.stringify(prompt))).length;
  if (seen > 0) {
    throw invalid(
      null,
      `${seen} of ${test.length} examples in ${testPath} also stand in ${trainPath}; held out means new.`,
    );
  }
  const spared = Math.min(validationSize, Math.floor(training.length / 5));
  const cut = training.length - (spared < examplesMin ? 0 : spared);
  return {
    title: trainPath,
    training: training.slice(0, cut),
    validation: training.slice(cut),
    test,
    samples: test.slice(0, 2),
  };
}

/** A short name for anything that JSON can write: the same content, the same name. */
export function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
