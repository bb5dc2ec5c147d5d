import { expect, test } from 'vitest';
import { z } from 'zod';
import { TunesmithError } from '../../src/domain/errors.ts';
import { optional, parseBody, parseQuery, queryInteger } from '../../src/server/validation.ts';

const auto = <T extends z.ZodType>(schema: T) => z.union([z.literal('auto'), schema]);
const schema = z.object({
  name: z.string().min(2).max(4),
  temperature: optional(z.number().min(0).max(2)),
  multiplier: optional(auto(z.number().gt(0))),
  epochs: optional(auto(z.number().int().min(1).max(50))),
  purpose: optional(z.enum(['evals', 'vision', 'batch'])),
  format: optional(z.literal('text')),
  tags: optional(
    z
      .array(z.object({ label: z.string() }))
      .min(1)
      .max(2),
  ),
  stop: optional(z.union([z.string(), z.array(z.string()).max(4)])),
  strict: optional(z.strictObject({ known: z.boolean().optional() })),
  metadata: optional(z.record(z.string().max(3), z.string().max(5))),
  suffix: optional(z.string().regex(/^[a-z]+$/)),
  method: optional(
    z.discriminatedUnion('type', [
      z.object({ type: z.literal('supervised') }),
      z.object({ type: z.literal('dpo'), beta: z.number() }),
    ]),
  ),
  even: optional(
    z.number().refine((n) => n % 2 === 0, { error: 'The number must be even.', params: { code: 'unsupported_value' } }),
  ),
});

function complaintAbout(body: unknown): Pick<TunesmithError, 'kind' | 'message' | 'param' | 'code'> {
  try {
    parseBody(schema, body);
  } catch (error) {
    if (error instanceof TunesmithError)
      return { kind: error.kind, message: error.message, param: error.param, code: error.code };
    throw error;
  }
  throw new Error('The body was accepted.');
}

test.each<[string, unknown, string | null, string, string]>([
  ['nothing at all', undefined, 'name', 'missing_required_parameter', "Missing required parameter: 'name'."],
  [
    'a list for a body',
    [],
    null,
    'invalid_type',
    'Invalid request body: expected an object, but got an array instead.',
  ],
  [
    'null where a value is required',
    { name: null },
    'name',
    'invalid_type',
    "Invalid type for 'name': expected a string, but got null instead.",
  ],
  [
    'a number for a string',
    { name: 3 },
    'name',
    'invalid_type',
    "Invalid type for 'name': expected a string, but got an integer instead.",
  ],
  [
    'an empty string',
    { name: '' },
    'name',
    'string_below_min_length',
    "Invalid 'name': empty string. Expected a string with minimum length 2, but got an empty string instead.",
  ],
  [
    'a short string',
    { name: 'a' },
    'name',
    'string_below_min_length',
    "Invalid 'name': string too short. Expected a string with minimum length 2, but got a string with length 1 instead.",
  ],
  [
    'a long string',
    { name: 'abcde' },
    'name',
    'string_above_max_length',
    "Invalid 'name': string too long. Expected a string with maximum length 4, but got a string with length 5 instead.",
  ],
  [
    'a decimal too high',
    { temperature: 3 },
    'temperature',
    'decimal_above_max_value',
    "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
  ],
  [
    'a decimal too low',
    { temperature: -0.5 },
    'temperature',
    'decimal_below_min_value',
    "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -0.5 instead.",
  ],
  [
    'a decimal at an excluded bound',
    { multiplier: 0 },
    'multiplier',
    'decimal_below_min_value',
    "Invalid 'multiplier': decimal below minimum value. Expected a value > 0, but got 0 instead.",
  ],
  [
    'an integer too high behind a union',
    { epochs: 51 },
    'epochs',
    'integer_above_max_value',
    "Invalid 'epochs': integer above maximum value. Expected a value <= 50, but got 51 instead.",
  ],
  [
    'an integer too low',
    { epochs: 0 },
    'epochs',
    'integer_below_min_value',
    "Invalid 'epochs': integer below minimum value. Expected a value >= 1, but got 0 instead.",
  ],
  [
    'a decimal for an integer',
    { epochs: 1.5 },
    'epochs',
    'invalid_type',
    "Invalid type for 'epochs': expected one of 'auto' or an integer, but got a decimal instead.",
  ],
  [
    'a numeric string',
    { epochs: '3' },
    'epochs',
    'invalid_type',
    "Invalid type for 'epochs': expected one of 'auto' or an integer, but got a string instead.",
  ],
  [
    'a value outside an enum',
    { purpose: 'fun' },
    'purpose',
    'invalid_value',
    "Invalid value: 'fun'. Supported values are: 'evals', 'vision', and 'batch'.",
  ],
  [
    'another kind of value for an enum',
    { purpose: 7 },
    'purpose',
    'invalid_value',
    "Invalid value: '7'. Supported values are: 'evals', 'vision', and 'batch'.",
  ],
  [
    'another literal',
    { format: 'xml' },
    'format',
    'invalid_value',
    "Invalid value: 'xml'. The only supported value is: 'text'.",
  ],
  [
    'an empty array',
    { tags: [] },
    'tags',
    'empty_array',
    "Invalid 'tags': empty array. Expected an array with minimum length 1, but got an empty array instead.",
  ],
  [
    'a long array',
    { tags: [{ label: 'a' }, { label: 'b' }, { label: 'c' }] },
    'tags',
    'array_above_max_length',
    "Invalid 'tags': array too long. Expected an array with maximum length 2, but got an array with length 3 instead.",
  ],
  [
    'a missing field in an array',
    { tags: [{ label: 'a' }, {}] },
    'tags[1].label',
    'missing_required_parameter',
    "Missing required parameter: 'tags[1].label'.",
  ],
  [
    'neither branch of a union',
    { stop: 3 },
    'stop',
    'invalid_type',
    "Invalid type for 'stop': expected one of a string or an array, but got an integer instead.",
  ],
  [
    'a branch of a union with a fault inside',
    { stop: ['a', 1] },
    'stop[1]',
    'invalid_type',
    "Invalid type for 'stop[1]': expected a string, but got an integer instead.",
  ],
  [
    'an unknown field in a strict object',
    { strict: { known: true, shoe_size: 1 } },
    'strict.shoe_size',
    'unknown_parameter',
    "Unknown parameter: 'strict.shoe_size'.",
  ],
  [
    'a long metadata value',
    { metadata: { key: 'abcdef' } },
    'metadata.key',
    'string_above_max_length',
    "Invalid 'metadata.key': string too long. Expected a string with maximum length 5, but got a string with length 6 instead.",
  ],
  [
    'a long metadata key',
    { metadata: { long_key: 'a' } },
    'metadata.long_key',
    'string_above_max_length',
    "Invalid 'metadata.long_key': string too long. Expected a string with maximum length 3, but got a string with length 8 instead.",
  ],
  [
    'a pattern not met',
    { suffix: 'A:B' },
    'suffix',
    'invalid_value',
    "Invalid 'suffix': string does not match pattern. Expected a string that matches the pattern '^[a-z]+$'.",
  ],
  [
    'an unknown variant',
    { method: { type: 'magic' } },
    'method.type',
    'invalid_value',
    "Invalid value: 'magic'. Supported values are: 'supervised' and 'dpo'.",
  ],
  [
    'no variant',
    { method: {} },
    'method.type',
    'missing_required_parameter',
    "Missing required parameter: 'method.type'.",
  ],
  [
    'a variant with a field missing',
    { method: { type: 'dpo' } },
    'method.beta',
    'missing_required_parameter',
    "Missing required parameter: 'method.beta'.",
  ],
  ['a rule of our own', { even: 3 }, 'even', 'unsupported_value', 'The number must be even.'],
])('%s is refused in OpenAI’s words', (_, body, param, code, message) => {
  const given = typeof body === 'object' && !Array.isArray(body) ? { name: 'abc', ...body } : body;
  expect(complaintAbout(given)).toEqual({ kind: 'invalid', message, param, code });
});

test('null and absent are the same for an optional field, and unknown fields of a lenient object are dropped', () => {
  expect(parseBody(schema, { name: 'abc', temperature: null, epochs: 'auto', extra: 1 })).toEqual({
    name: 'abc',
    epochs: 'auto',
  });
});

test('numbers in a query are read as numbers and bounded as numbers', () => {
  const query = z.object({ limit: optional(queryInteger(1, 100)) });
  expect(parseQuery(query, { limit: '20' })).toEqual({ limit: 20 });
  expect(parseQuery(query, {})).toEqual({});
  expect(() => parseQuery(query, { limit: '0' })).toThrow(
    "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead.",
  );
  expect(() => parseQuery(query, { limit: 'many' })).toThrow(
    "Invalid type for 'limit': expected an integer, but got a string instead.",
  );
});
