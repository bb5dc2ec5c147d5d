import { expect, test } from 'vitest';
import { alignEntities, readEntities, type Entities } from '../../../src/dataset/labelled/entities.ts';

/** Words as BERT cuts them: letters and digits together, every mark alone. */
const wordsOf = (text: string): { start: number; end: number }[] =>
  [...text.matchAll(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)].map(({ 0: word, index }) => ({
    start: index,
    end: index + word.length,
  }));

function aligned(
  text: string,
  answer: unknown,
): { entities: [string, string][]; faults: readonly string[]; unclear: string[] } {
  const entities = readEntities(answer) as Entities;
  expect(typeof entities).toBe('object');
  const words = wordsOf(text);
  const { spans, faults, unclear } = alignEntities(text, words, entities);
  return {
    entities: spans.map(({ label, first, last }) => [text.slice(words[first]!.start, words[last]!.end), label]),
    faults,
    unclear: [...unclear].map((i) => text.slice(words[i]!.start, words[i]!.end)),
  };
}

test('a list per type names every place that reads so, the longer entity first', () => {
  const text = 'Ada Lovelace met Ada in New York; York is older than New York.';
  expect(aligned(text, { PER: ['Ada', 'Ada Lovelace'], LOC: ['New York', 'York'], ORG: [] })).toEqual({
    entities: [
      ['Ada Lovelace', 'PER'],
      ['Ada', 'PER'],
      ['New York', 'LOC'],
      ['York', 'LOC'],
      ['New York', 'LOC'],
    ],
    faults: [],
    unclear: [],
  });
});

test('spans with places are those places, also where Python counted the characters', () => {
  const text = '🙂 Ada is not Ada';
  const expected = { entities: [['Ada', 'PER']], faults: [], unclear: [] };
  expect(aligned(text, [{ text: 'Ada', label: 'PER', start: 3, end: 6 }])).toEqual(expected);
  expect(aligned(text, [{ text: 'Ada', label: 'PER', start: 2, end: 5 }])).toEqual(expected);
  expect(aligned(text, { entities: [{ type: 'PER', start: 14, end: 17 }] })).toEqual(expected);
});

test('spans without places, and pairs, are found one after the other', () => {
  const text = 'can you can a can';
  const pairs = [
    ['can', 'MD'],
    ['you', 'PRP'],
    ['can', 'VB'],
    ['a', 'DT'],
    ['can', 'NN'],
  ];
  expect(aligned(text, pairs)).toEqual({ entities: pairs, faults: [], unclear: [] });
  const spans = pairs.map(([text, label]) => ({ text, label }));
  expect(aligned(text, spans)).toEqual({ entities: pairs, faults: [], unclear: [] });
});

test('marks are words of their own, so an entity may have them at its ends and inside', () => {
  const text = 'U.S. (Ohio) and C++';
  expect(aligned(text, { LOC: ['U.S.', '(Ohio)'], LANG: ['C++'] }).entities).toEqual([
    ['U.S.', 'LOC'],
    ['(Ohio)', 'LOC'],
    ['C++', 'LANG'],
  ]);
});

test.each<[string, unknown, RegExp]>([
  ['not in the text', { LOC: ['Berlin'] }, /^"Berlin" is not in the user's message$/],
  ['inside of a word', { LOC: ['Par'] }, /^"Par" stands only inside of longer words$/],
  ['two types', { LOC: ['Paris'], PER: ['Paris'] }, /"Paris" is both LOC and PER/],
  ['another text', [{ text: 'Rome', label: 'LOC', start: 0, end: 5 }], /^0 to 5 reads "Paris", not "Rome"$/],
  ['too far', [{ label: 'LOC', start: 90, end: 95 }], /lies outside/],
  [
    'an overlap',
    [
      { label: 'LOC', start: 0, end: 5 },
      { label: 'PER', start: 0, end: 12 },
    ],
    /overlaps an entity before it/,
  ],
  ['cut words', [{ label: 'LOC', start: 2, end: 8 }], /"ris Hi" begins or ends inside of a word/],
])('%s: told, with the words of the entity', (_, answer, fault) => {
  const found = aligned('Paris Hilton', answer);
  expect(found.faults.length).toBe(1);
  expect(found.faults[0]).toMatch(fault);
});

test('words that an entity cuts through are unclear, others are not', () => {
  const { unclear, entities } = aligned('Paris Hilton sings', [
    { label: 'LOC', start: 2, end: 8 },
    { label: 'ACT', start: 13, end: 18 },
  ]);
  expect(unclear).toEqual(['Paris', 'Hilton']);
  expect(entities).toEqual([['sings', 'ACT']]);
});

test.each<[unknown, RegExp]>([
  ['PER', /neither an object with a list per type nor a list/],
  [{ PER: 'Ada' }, /"PER" is "Ada"; expected a list of texts/],
  [{ PER: ['Ada', 3] }, /"PER" holds 3/],
  [[{ text: 'Ada' }], /entity 1 has no "label"/],
  [[{ label: 'PER' }], /neither "text" nor/],
  [[{ label: 'PER', start: 4, end: 2 }], /goes from 4 to 2/],
  [['Ada', 'Bob'], /entity 1 is "Ada"/],
])('%j is no list of entities', (answer, reason) => {
  expect(readEntities(answer)).toMatch(reason);
});

test('the form is remembered, with the names of its fields', () => {
  expect(readEntities({ entities: [{ word: 'Ada', entity_group: 'PER', start: 0, end: 3 }] })).toMatchObject({
    form: {
      shape: 'spans',
      wrapper: 'entities',
      keys: { text: 'word', label: 'entity_group', start: 'start', end: 'end' },
    },
  });
  expect(readEntities({})).toMatchObject({ form: { shape: 'by_type' }, mentions: [] });
});
