import { expect, test } from 'vitest';
import { adviceOfLabels, checkLabels } from '../../../src/evals/advice/labels.ts';
import type { TestItem } from '../../../src/evals/task.ts';
import { seededRandom } from '../../../src/random.ts';
import { mails } from '../../sweep/data.ts';

const itemsWith = (labelOf: (label: string, i: number) => string, count = 200): TestItem[] =>
  mails(count).map(({ text, label }, i) => ({
    line: i + 1,
    input: [{ role: 'user', content: text }],
    reference: { role: 'assistant', content: labelOf(label, i) },
  }));

const other = (label: string): string => (label === 'spam' ? 'ham' : 'spam');

test('labels that were turned round are found, the most suspect first, and few others', async () => {
  const turned = [7, 30, 61, 104, 155];
  const { suspected, agreement, reason } = await checkLabels(
    itemsWith((label, i) => (turned.includes(i) ? other(label) : label)),
  );
  expect(reason).toBeNull();
  expect(agreement.value).toBeGreaterThan(0.9);
  expect(suspected.slice(0, 5).map(({ line }) => line - 1).sort((a, b) => a - b)).toEqual(turned); // prettier-ignore
  expect(suspected.length).toBeLessThanOrEqual(8);
  expect(suspected[0]!.likelyProbability).toBeGreaterThan(suspected[0]!.labelProbability);
});

test('no more than twenty are shown, each with its line, both labels and how sure the others are', async () => {
  const random = seededRandom(5);
  const { advice } = await adviceOfLabels(itemsWith((label) => (random() < 0.15 ? other(label) : label), 300));
  expect(advice).toHaveLength(1);
  expect(advice[0]!.text).toMatch(
    /^Look at these 20 labels of the training file, which look wrong; \d+ more are suspected\.$/,
  );
  expect(advice[0]!.evidence).toHaveLength(21);
  expect(advice[0]!.evidence[1]).toMatch(/^line \d+: "(spam|ham)" \(\d+ %\), rather "(spam|ham)" \(\d+ %\): \w+ /);
});

test('the same file is judged the same every time', async () => {
  const items = itemsWith((label, i) => (i === 9 ? other(label) : label));
  expect(await checkLabels(items)).toEqual(await checkLabels(items));
});

test('clean labels are left in peace', async () => {
  const { advice, check } = await adviceOfLabels(itemsWith((label) => label));
  expect(check.reason).toBeNull();
  expect(check.suspected.length).toBeLessThanOrEqual(2);
  expect(advice.length).toBeLessThanOrEqual(1);
});

test('where words say nothing of the label, nothing is said of it', async () => {
  const random = seededRandom(3);
  const { suspected, reason } = await checkLabels(itemsWith(() => (random() < 0.5 ? 'yes' : 'no')));
  expect(suspected).toEqual([]);
  expect(reason).toMatch(/no better than always/);
});

test('too few examples, and one label alone, are no ground for a check', async () => {
  expect((await checkLabels(itemsWith((label) => label, 20))).reason).toContain('from 30 examples');
  expect((await checkLabels(itemsWith(() => 'spam'))).reason).toContain('here are 200 and 1');
  expect((await checkLabels([])).reason).toContain('here are 0 and 0');
});
