/** A thread that makes the files of the quickstart's mails: reading the corpus takes too long for a server's own. */

import { parentPort, workerData } from 'node:worker_threads';
import { toJsonl } from './labelled.ts';
import { seed } from './data.ts';
import type { SampleTexts } from './sample.ts';
import { type SpamSizes, spamSplits } from './spam.ts';

const { training, validation, test } = spamSplits(workerData as SpamSizes, seed);
const texts: SampleTexts = {
  training: toJsonl(training),
  validation: toJsonl(validation),
  test: toJsonl(test),
};
parentPort!.postMessage(texts);
