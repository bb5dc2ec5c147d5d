import { expect, test } from 'vitest';
import { instructions, spamSplits, wordTriples } from '../../src/quickstart/spam.ts';
import type { LabelledExample } from '../../src/quickstart/labelled.ts';

const sizes = { training: 240, validation: 50, test: 200 };
const splits = spamSplits(sizes, 7);
/** Subject and text, without the question after them. */
const mailOf = (example: LabelledExample): string =>
  (example.prompt[1]!.content as string).replace(/\n\n[^\n]*\?$/, '');

test('each part has its size and as much spam as ham', () => {
  for (const name of ['training', 'validation', 'test'] as const) {
    expect(splits[name].length).toBe(sizes[name]);
    expect(splits[name].filter(({ label }) => label === 'spam').length).toBe(sizes[name] / 2);
    expect(splits[name].filter(({ label }) => label === 'ham').length).toBe(sizes[name] / 2);
  }
});

test('the same seed gives the same mails, another seed gives others', () => {
  expect(spamSplits(sizes, 7)).toEqual(splits);
  expect(spamSplits(sizes, 8).test).not.toEqual(splits.test);
});

test('no mail stands twice, whole or in large part, in all three parts together', () => {
  const all = [...splits.training, ...splits.validation, ...splits.test].map(mailOf);
  expect(new Set(all).size).toBe(all.length);
  const subjects = all.map((mail) => (mail.split('\n')[0] ?? '').toLowerCase().replaceAll(/[^a-z]/g, ''));
  const named = subjects.filter((subject) => subject !== 'subject');
  expect(new Set(named).size).toBe(named.length);

  const triples = all.map((mail) => wordTriples(mail.slice(mail.indexOf('\n\n'))));
  for (const [i, one] of triples.entries()) {
    for (const other of triples.slice(0, i)) {
      let shared = 0;
      for (const triple of one) if (other.has(triple)) shared++;
      expect(shared / Math.max(1, Math.min(one.size, other.size))).toBeLessThanOrEqual(0.2);
    }
  }
  expect(splits.duplicates).toBeGreaterThan(0);
});

test('nothing a mail shows names its label: no filter marks, no collection hosts', () => {
  for (const example of [...splits.training, ...splits.validation, ...splits.test]) {
    expect(mailOf(example)).not.toMatch(/X-Spam|spamassassin\.taint|^SPAM:/m);
    expect(example.prompt[0]).toEqual({ role: 'system', content: instructions });
  }
});

test('mails are short: about a hundred tokens', () => {
  const lengths = [...splits.training, ...splits.test].map((example) => mailOf(example).length);
  expect(Math.max(...lengths)).toBeLessThan(460);
});

test('more mails than the corpus holds are refused with the number it has', () => {
  expect(() => spamSplits({ training: 5000, validation: 0, test: 0 }, 7)).toThrow(/has \d+ different spam mails; 2500/);
});
