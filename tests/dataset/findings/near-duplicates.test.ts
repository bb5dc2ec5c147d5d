import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/random.ts';
import { frameOf, withoutFrame } from '../../../src/dataset/findings/frame.ts';
import { NearDuplicates, normalised } from '../../../src/dataset/findings/near-duplicates.ts';

const random = seededRandom(1);
const vocabulary = Array.from({ length: 2000 }, () =>
  Array.from({ length: 3 + Math.floor(random() * 6) }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join(
    '',
  ),
);
const word = (): string => vocabulary[Math.floor(random() * vocabulary.length)]!;
const text = (length: number): string[] => Array.from({ length }, word);

async function groups(texts: readonly string[], similarity = 0.8, signal?: AbortSignal): Promise<number[][]> {
  const near = new NearDuplicates();
  for (const prompt of texts) near.add({ prompt, answer: '' });
  return (await near.clusters(similarity, signal)).groups();
}

/** The slow, obvious twin: the shingles of both texts, counted. */
function jaccard(one: string, other: string): number {
  const shingles = (text: string): Set<string> => {
    const letters = ` ${normalised(text)} `;
    return new Set(Array.from({ length: letters.length - 4 }, (_, i) => letters.slice(i, i + 5)));
  };
  const [a, b] = [shingles(one), shingles(other)];
  const shared = [...a].filter((each) => b.has(each)).length;
  return shared / (a.size + b.size - shared);
}

test('what shares nine tenths of its shingles is found, what shares six tenths is not', async () => {
  const seen = { alike: 0, unlike: 0 };
  for (const length of [30, 60, 300]) {
    for (let changes = 1; changes <= length / 3; changes += Math.ceil(length / 30)) {
      const one = text(length);
      const other = one.map((each, i) => (i % Math.ceil(length / changes) === 0 ? word() : each));
      const truth = jaccard(one.join(' '), other.join(' '));
      const [group] = await groups([one.join(' '), other.join(' ')]);
      // 128 draws at 0.8 deviate by 0.035
      if (truth >= 0.9) expect(group, `${changes} of ${length}: ${truth}`).toEqual([0, 1]);
      if (truth <= 0.6) expect(group, `${changes} of ${length}: ${truth}`).toBeUndefined();
      if (truth >= 0.9) seen.alike += 1;
      if (truth <= 0.6) seen.unlike += 1;
    }
  }
  expect(Math.min(seen.alike, seen.unlike)).toBeGreaterThan(2);
});

test('planted near duplicates are found among thousands, and nothing else', async () => {
  const texts = Array.from({ length: 3000 }, () => text(50));
  const planted: [number, number][] = [];
  for (let i = 0; i < 100; i++) {
    const copy = [...texts[i * 7]!];
    copy[i % 50] = 'changed';
    planted.push([i * 7, texts.push(copy) - 1]);
  }
  expect(await groups(texts.map((each) => each.join(' ')))).toEqual(planted.sort(([a], [b]) => a - b));
});

test('case, punctuation and spacing make no difference; short and empty texts are no trouble', async () => {
  expect(await groups(['Hello,   World!', 'hello world', 'x', '', '!?', '?!', 'y'], 1)).toEqual([[0, 1]]);
});

test('a template that all prompts share does not make them alike', async () => {
  const template =
    'Classify the mood of the sentence below as good, bad or neither, and answer in one word.\n\nSentence: ';
  const texts = Array.from({ length: 40 }, () => template + text(5).join(' '));
  expect(await groups(texts)).toEqual([]);
  expect(frameOf(texts).prefix).toBe(template);
  expect(withoutFrame(texts[0]!, frameOf(texts))).toBe(texts[0]!.slice(template.length));
  expect(frameOf(texts.slice(0, 5)).prefix).toBe(''); // too few to tell
});

test('a thousand copies of one text in a row are one cluster and take no time', async () => {
  const one = text(40).join(' ');
  const found = await groups(Array.from({ length: 1000 }, (_, i) => `${one} ${i % 3}`));
  expect(found.map((group) => group.length)).toEqual([1000]);
});

test('Ctrl-C stops the comparison', async () => {
  const texts = Array.from({ length: 100 }, () => text(10).join(' '));
  await expect(groups(texts, 0.8, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
});
