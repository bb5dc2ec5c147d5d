/** What an item must be: the verdict is that of a full validator, and the words say where and why. */

import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { misfit } from '../../../src/evals/api/json-schema.ts';

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 5 },
    age: { type: 'integer', minimum: 0, exclusiveMaximum: 150 },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, minItems: 1, maxItems: 2 },
    friend: { $ref: '#' },
    home: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/place' }] },
  },
  required: ['name'],
  additionalProperties: false,
  $defs: { place: { type: 'object', properties: { city: { const: 'Rome' } }, required: ['city'] } },
};

const schemas: readonly (object | boolean)[] = [
  true,
  false,
  {},
  person,
  { type: ['string', 'null'] },
  { type: 'number', maximum: 3, exclusiveMinimum: 1 },
  { type: 'object', additionalProperties: { type: 'number' } },
  { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], items: false },
  { oneOf: [{ type: 'number' }, { type: 'integer' }] },
  { allOf: [{ type: 'object' }, { required: ['name', 'age'] }] },
  { not: { type: 'string' } },
  { enum: [{ a: [1, { b: null }] }, 'x', 3] },
  { const: { city: 'Rome' } },
  { $ref: '#/$defs/x', $defs: { x: { type: 'string', minLength: 2 } } },
  { type: 'integer' },
  { type: 'boolean' },
];

const values: readonly unknown[] = [
  null,
  true,
  '',
  'x',
  '👍👍',
  'longer',
  0,
  1.5,
  3,
  200,
  [],
  ['a'],
  ['a', 1],
  ['a', 1, 2],
  ['a', 'b', 'a'],
  {},
  { name: 'Ann' },
  { name: '' },
  { name: 'Ann', age: 30 },
  { name: 'Ann', age: -1 },
  { name: 'Ann', age: 150 },
  { name: 'Ann', age: 1.5 },
  { name: 'Ann', tags: [] },
  { name: 'Ann', tags: ['a', 'c'] },
  { name: 'Ann', friend: { name: 'Bob', friend: { name: 'Zoe' } } },
  { name: 'Ann', friend: { age: 3 } },
  { name: 'Ann', home: null },
  { name: 'Ann', home: { city: 'Rome' } },
  { name: 'Ann', home: { city: 'Oslo' } },
  { name: 'Ann', colour: 'red' },
  { a: [1, { b: null }] },
  { a: [1, { b: 2 }] },
  { city: 'Rome' },
  { a: 1, b: 2 },
];

test('every verdict is that of ajv', () => {
  for (const schema of schemas) {
    const validate = new Ajv2020({ strict: false }).compile(schema);
    for (const value of values) {
      const problem = misfit(schema, value);
      expect(problem === null, `${JSON.stringify(schema)} of ${JSON.stringify(value)}: ${problem}`).toBe(
        validate(value),
      );
    }
  }
});

describe('the words say where and why', () => {
  test.each<[unknown, string]>([
    [{}, 'item.name is missing'],
    [{ name: 7 }, 'item.name is number, expected string'],
    [{ name: 'Ann', age: 200 }, 'item.age is 200, expected less than 150'],
    [{ name: 'Ann', tags: ['a', 'c'] }, 'item.tags[1] is "c", expected one of "a", "b"'],
    [{ name: 'Ann', tags: [] }, 'item.tags has 0 elements, expected at least 1'],
    [{ name: 'Methuselah' }, 'item.name has 10 characters, expected at most 5'],
    [{ name: 'Ann', friend: { name: 'Bob', shoe: 42 } }, 'item.friend.shoe is not allowed'],
  ])('%j: %s', (value, words) => {
    expect(misfit(person, value)).toBe(words);
  });
});

test('a schema that doubles at each step ends in time', () => {
  const doubling = { anyOf: [{ $ref: '#' }, { $ref: '#' }] };
  const started = performance.now();
  expect(misfit(doubling, 1)).toMatch(/takes too long to check/);
  expect(performance.now() - started).toBeLessThan(10_000);
});

test('a schema that never ends, and one that is nonsense, are no trap', () => {
  expect(misfit({ $ref: '#' }, 1)).toBeNull();
  expect(misfit({ $ref: 'https://schemas.example/x' }, 1)).toBeNull();
  expect(misfit({ type: 7, enum: 'x', required: 'y', properties: [], items: 3, anyOf: {} }, {})).toBeNull();
  expect(misfit({ pattern: '^(a+)+$' }, `${'a'.repeat(50)}!`)).toBeNull();
});
