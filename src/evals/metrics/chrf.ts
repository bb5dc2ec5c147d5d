/**
 * chrF and chrF++ (M. Popović, 2015 and 2017), as sacrebleu counts them over a whole test.
 *
 * Runs of one to six characters without white space, chrF++ also one and two words with punctuation cut off; precision
 * and recall are averaged over the orders that both sides are long enough for, and recall weighs twice as much.
 */

import { gramCount, ngrams, overlap } from '../../graders/similarity/words.ts';
import { columnSums, type Statistic } from './estimate.ts';

const charactersMax = 6;
const beta = 2;

/** How many runs of each order there are in the text and in the reference, and how many they share. */
type Order = readonly [found: number, wanted: number, shared: number];

/** chrF with `wordsMax` 0, chrF++ with 2. */
export function chrfStatistic(
  pairs: readonly { readonly text: string; readonly reference: string }[],
  wordsMax: 0 | 2,
): Statistic {
  const sumsOf = columnSums(pairs.map(({ text, reference }) => ordersOf(text, reference, wordsMax).flat()));
  return (counts) => chrf(sumsOf(counts));
}

function chrf(sums: Float64Array): number {
  let [precision, recall, usable] = [0, 0, 0];
  for (let order = 0; order < sums.length; order += 3) {
    const [found, wanted, shared] = [sums[order]!, sums[order + 1]!, sums[order + 2]!];
    if (found === 0 || wanted === 0) continue;
    precision += shared / found;
    recall += shared / wanted;
    usable += 1;
  }
  if (precision + recall === 0) return 0;
  return ((1 + beta ** 2) * (precision / usable) * (recall / usable)) / ((beta ** 2 * precision + recall) / usable);
}

function ordersOf(text: string, reference: string, wordsMax: number): Order[] {
  const [characters, expectedCharacters] = [text, reference].map((each) => Array.from(each.replace(/\s+/gu, '')));
  const [words, expectedWords] = [text, reference].map(wordsApart);
  const count = (found: readonly string[], wanted: readonly string[], length: number): Order => {
    const wantedCount = gramCount(wanted, length);
    // Where the reference is too short for this order, what the text has of it is not held against it.
    return [
      wantedCount === 0 ? 0 : gramCount(found, length),
      wantedCount,
      overlap(ngrams(found, length), ngrams(wanted, length)),
    ];
  };
  return [
    ...Array.from({ length: charactersMax }, (_, i) => count(characters!, expectedCharacters!, i + 1)),
    ...Array.from({ length: wordsMax }, (_, i) => count(words!, expectedWords!, i + 1)),
  ];
}

const punctuation = /[!-/:-@[-`{-~]/;

/** Words with one mark of punctuation cut off, behind or else in front: `(hi)` is `(hi` and `)`. */
function wordsApart(text: string): string[] {
  return text
    .split(/\s+/u)
    .filter(Boolean)
    .flatMap((word) => {
      const characters = Array.from(word);
      if (characters.length === 1) return [word];
      if (punctuation.test(characters.at(-1)!)) return [word.slice(0, -1), word.slice(-1)];
      return punctuation.test(characters[0]!) ? [word.slice(0, 1), word.slice(1)] : [word];
    });
}
