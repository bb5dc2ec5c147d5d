/** Schemas as grammar: what is let through, what is not, and what is refused because it cannot be promised. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { grammarOf } from '../../../src/text/json-grammar/constraint.ts';
import { matcherOf, schemaMatcher } from './matcher.ts';

/** Each value with whether it should match. */
async function check(schema: unknown, yes: readonly unknown[], no: readonly unknown[]): Promise<void> {
  const matches = await schemaMatcher(schema);
  expect(yes.filter((value) => !matches(value))).toEqual([]);
  expect(no.filter((value) => matches(value))).toEqual([]);
}

describe('numbers', () => {
  const integers = Array.from({ length: 2401 }, (_, i) => i - 1200);

  test.each([
    [{ minimum: 0, maximum: 100 }],
    [{ minimum: -17, maximum: 42 }],
    [{ minimum: -1100, exclusiveMaximum: -99 }],
    [{ exclusiveMinimum: 9, maximum: 1000 }],
    [{ minimum: 0.5, maximum: 3.5 }],
    [{ minimum: 7 }],
    [{ maximum: -7 }],
    [{ exclusiveMinimum: 0 }],
    [{ minimum: 5, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: true }],
    [{ multipleOf: 7 }],
    [{ multipleOf: 25, minimum: -100, exclusiveMaximum: 100 }],
  ])('whole ones under %j are exactly those', async (rules: Record<string, number | boolean>) => {
    const fits = (value: number): boolean =>
      (rules['minimum'] === undefined ||
        value > Number(rules['minimum']) ||
        (value === rules['minimum'] && rules['exclusiveMinimum'] !== true)) &&
      (rules['maximum'] === undefined ||
        value < Number(rules['maximum']) ||
        (value === rules['maximum'] && rules['exclusiveMaximum'] !== true)) &&
      (typeof rules['exclusiveMinimum'] !== 'number' || value > rules['exclusiveMinimum']) &&
      (typeof rules['exclusiveMaximum'] !== 'number' || value < rules['exclusiveMaximum']) &&
      (rules['multipleOf'] === undefined || value % Number(rules['multipleOf']) === 0);
    const matches = await schemaMatcher({ type: 'integer', ...rules });
    expect(integers.filter((value) => matches(value))).toEqual(integers.filter(fits));
  });

  test('any within bounds is let through, none beyond', async () => {
    const decimal = fc
      .tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.nat(4))
      .map(([value, places]) => value / 10 ** places);
    await fc.assert(
      fc.asyncProperty(decimal, decimal, fc.array(decimal, { minLength: 20 }), async (a, b, values) => {
        const [minimum, maximum] = [Math.min(a, b), Math.max(a, b)];
        const matches = await schemaMatcher({ type: 'number', minimum, maximum });
        for (const value of [...values, minimum, maximum])
          expect([value, matches(value)]).toEqual([value, value >= minimum && value <= maximum]);
      }),
      { numRuns: 100 },
    );
  });

  test('without bounds have exponents or not, and no leading zeros', async () => {
    const matches = await matcherOf({ type: 'json_schema', schema: { type: 'number' } });
    for (const text of ['0', '-1', '3.25', '1e10', '2.5E-7', '123456789'])
      expect([text, matches(text)]).toEqual([text, true]);
    for (const text of ['01', '.5', '1.', '+1', '--1', 'NaN', '']) expect([text, matches(text)]).toEqual([text, false]);
  });
});

describe('strings', () => {
  test('have the length that is asked for, in characters', async () => {
    const schema = { type: 'string', minLength: 2, maxLength: 3 };
    await check(schema, ['ab', 'a"c', '😀😀😀', 'ä\\', '\n\u0001'], ['', 'a', 'abcd', '😀', 3, null]);
    await check(
      { type: 'string', minLength: 1500, maxLength: 2500 },
      ['x'.repeat(1500), 'x'.repeat(2500)],
      ['x'.repeat(1499), 'x'.repeat(2501)],
    );
    await check({ type: 'string', maxLength: 2 ** 31 - 1 }, ['x'.repeat(5000)], []);
  });

  test('are spelled in any way that JSON allows, and in no other', async () => {
    const matches = await matcherOf({ type: 'json_schema', schema: { type: 'string' } });
    for (const text of ['"\\u00e9"', '"\\ud83d\\ude00"', '"\\/"', '"\\b\\f"'])
      expect([text, matches(text)]).toEqual([text, true]);
    for (const text of ['"\\ud83d"', '"\\x"', '"\n"', '"a', 'a"', '"\\u12"'])
      expect([text, matches(text)]).toEqual([text, false]);
  });

  const samples = [
    '', 'a', 'ab', 'abc', 'cab', 'a-b', '12', '12.50', '7', 'foo-x', 'foo-abc', 'bar-', 'x y', '"', '\\', 'ä', '😀', 'line\nend',
    'aaa', 'AB-123', 'ab-123', '2024', ' ', '_', 'a.b', 'a+b', '[x]', '{}', '$1', '^', 'tab\t', 'ABC',
  ]; // prettier-ignore

  test.each([
    '^[a-c]{2,3}$',
    'b',
    '^\\d+(?:\\.\\d{2})?$',
    '^(foo|bar)-[^x]*$',
    '^[A-Z]{2}-\\d{3}$',
    '^\\w+$',
    '^\\W$',
    '^$',
    '.',
    '^.{2}$',
    '^\\S*\\s\\S*$',
    '^a|b$',
    '^(?<word>[a-z]+)$',
    '^[\\]\\[x]+$',
    '^\\x61\\u0062?$',
    '[^\\d\\s]{3}',
    '^a*?b+$',
    '^\\$\\d$',
    '^(a|ab)(c|bc)?$',
    '\\\\',
    '^[\\w.+-]+$',
    '^\\u{1F600}$',
  ])('match %s as expressions do', async (pattern) => {
    // prettier-ignore
    const expression = new RegExp(pattern, 'u');
    const matches = await schemaMatcher({ type: 'string', pattern });
    expect(samples.filter((text) => matches(text))).toEqual(samples.filter((text) => expression.test(text)));
  });

  test('with a pattern that repeats one class have any length within both', async () => {
    await check({ type: 'string', pattern: '^[a-z]+$', maxLength: 3 }, ['a', 'abc'], ['', 'abcd', 'A']);
    await check({ type: 'string', pattern: '^[a-z]{2,8}$', minLength: 4 }, ['abcd', 'abcdefgh'], ['abc', 'abcdefghi']);
  });

  test('in a format are those that programs write', async () => {
    const format = (name: string, yes: readonly string[], no: readonly string[]) =>
      check({ type: 'string', format: name }, yes, no);
    await format(
      'date',
      ['2024-02-29', '2000-02-29', '1999-12-31', '2023-04-30'],
      ['2023-02-29', '1900-02-29', '2023-04-31', '2023-13-01', '23-01-01'],
    );
    await format('time', ['23:59:59Z', '00:00:00.123+02:00'], ['24:00:00Z', '12:60:00Z', '12:00']);
    await format('date-time', ['2024-02-29T12:00:00Z'], ['2024-02-30T12:00:00Z', '2024-02-28 12:00:00Z']);
    await format('duration', ['P1D', 'PT5M', 'P1Y2M3DT4H5M6S', 'P3W'], ['P', 'PT', '1D', 'P1S']);
    await format('uuid', ['123e4567-e89b-12d3-a456-426614174000'], ['123e4567e89b12d3a456426614174000', '']);
    await format('email', ['ada.l+x@mail.example.org'], ['ada', '@x.org', 'a@b', 'a b@c.de']);
    await format('ipv4', ['0.0.0.0', '255.1.20.199'], ['256.1.1.1', '1.2.3', '01.2.3.4']);
    await format('ipv6', ['2001:db8:0:0:0:0:0:1', '2001:db8::1', '::1', '::'], ['2001:db8', ':::', '1::2::3']);
    await format('uri', ['https://a.example/x?y=1', 'http://localhost/'], ['ftp://x', 'example.org', 'https:// x']);
  });
});

describe('objects', () => {
  const person = {
    type: 'object',
    properties: {
      name: { type: 'string' },
      age: { type: 'integer' },
      tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 2 },
    },
    required: ['name'],
    additionalProperties: false,
  };

  test('have their members in the order of the schema, optional ones or not', async () => {
    await check(
      person,
      [{ name: 'x' }, { name: 'x', age: 3 }, { name: 'x', tags: [] }, { name: 'x', age: 3, tags: ['a', 'b'] }],
      [
        {},
        { age: 3 },
        { age: 3, name: 'x' },
        { name: 3 },
        { name: 'x', other: 1 },
        { name: 'x', tags: ['a', 'b', 'a'] },
      ],
    );
    await check(
      { ...person, required: [] },
      [{}, { age: 1 }, { tags: ['b'] }, { name: '', tags: [] }],
      [{ tags: [], age: 1 }],
    );
  });

  test('may have other members only where the schema says so, and never a named one twice', async () => {
    const open = {
      type: 'object',
      properties: { a: { type: 'integer' }, ab: { type: 'integer' } },
      additionalProperties: { type: 'boolean' },
    };
    await check(
      open,
      [{}, { a: 1 }, { a: 1, b: true }, { '': true, abc: false, b: true }, { a: 1, ab: 2, 'a"b': true }],
      [{ a: true }, { b: 1 }, { ab: true }],
    );
    const matches = await matcherOf({ type: 'json_schema', schema: open });
    expect(matches('{"a":1,"a":true}')).toBe(false);
    expect(matches(String.raw`{"\u0061":true}`)).toBe(false);
    await check({ type: 'object' }, [{}, { x: [{ y: null }] }], [[], 'x']);
    await check({ type: 'object', required: ['id'] }, [{ id: 1 }, { id: 'x' }], [{}]);
  });

  test('are laid out as anybody would, with white space that ends', async () => {
    const matches = await matcherOf({ type: 'json_schema', schema: person });
    const value = { name: 'x', age: 3, tags: ['a', 'b'] };
    for (const indent of [undefined, 2, 4, '\t']) expect(matches(JSON.stringify(value, null, indent))).toBe(true);
    expect(matches('{"name": "x", "age": 3}')).toBe(true);
    expect(matches(`{${'\n'.repeat(3)}"name":"x"}`)).toBe(false);
    expect(matches(`{"name":${' '.repeat(3)}"x"}`)).toBe(false);
  });
});

describe('schemas made of schemas', () => {
  const tree = {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: { value: { type: 'integer' }, children: { type: 'array', items: { $ref: '#/$defs/node' } } },
        required: ['value', 'children'],
      },
    },
  };

  test('refer to themselves', async () => {
    await check(
      tree,
      [{ value: 1, children: [{ value: 2, children: [] }] }],
      [{ value: 1 }, { value: 1, children: [{}] }],
    );
    const list = {
      type: 'object',
      properties: { next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
      required: ['next'],
      additionalProperties: false,
    };
    await check(list, [{ next: null }, { next: { next: null } }], [{}, { next: {} }]);
  });

  test('are one of several, all of several, or both', async () => {
    await check({ anyOf: [{ type: 'integer' }, { type: 'string', maxLength: 1 }] }, [1, 'a', ''], ['ab', null]);
    await check(
      {
        allOf: [
          { type: 'number', minimum: 3 },
          { maximum: 5, type: 'integer' },
        ],
      },
      [3, 5],
      [2, 6, 3.5],
    );
    const base = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] };
    const more = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
    await check({ allOf: [base, more] }, [{ id: 1, name: 'x' }], [{ id: 1 }, { name: 'x' }]);
    await check(
      { ...base, anyOf: [{ properties: { a: { type: 'null' } }, required: ['a'] }, more] },
      [
        { id: 1, a: null },
        { id: 1, name: '' },
      ],
      [{ id: 1 }],
    );
    await check({ type: ['string', 'null'], maxLength: 2 }, ['ab', null], ['abc', 1]);
    await check({ type: 'string', nullable: true }, ['x', null], [1]);
  });

  test('are exactly one of several where the branches can be told apart', async () => {
    const shape = (kind: string, key: string) => ({
      type: 'object',
      properties: { kind: { const: kind }, [key]: { type: 'number' } },
      required: ['kind', key],
    });
    await check(
      { oneOf: [shape('circle', 'radius'), shape('square', 'side')] },
      [{ kind: 'circle', radius: 1 }],
      [{ kind: 'circle', side: 1 }],
    );
    await check({ oneOf: [{ type: 'integer' }, { type: 'string' }] }, [1, 'x'], [null]);
  });

  test('list their values', async () => {
    await check({ enum: ['a', 1, null, { b: [true] }] }, ['a', 1, null, { b: [true] }], ['b', 2, false]);
    await check({ type: 'integer', enum: [1, 'one', 2] }, [1, 2], ['one']);
    await check({ const: 'quote " and \\' }, ['quote " and \\'], ['quote']);
  });

  test('say how long arrays are, and what stands where', async () => {
    await check(
      { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 3 },
      [
        [1, 2],
        [1, 2, 3],
      ],
      [[], [1], [1, 2, 3, 4]],
    );
    await check(
      { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string' }], items: false },
      [[], [1], [1, 'x']],
      [['x'], [1, 'x', 2]],
    );
    await check(
      { type: 'array', items: [{ type: 'integer' }], additionalItems: { type: 'null' }, minItems: 2 },
      [
        [1, null],
        [1, null, null],
      ],
      [[1], [1, 2]],
    );
  });
});

describe('what cannot be promised is refused, with its place', () => {
  const refuse = (schema: unknown, param: string, message: RegExp) =>
    expect(() => grammarOf({ type: 'json_schema', schema, param: 'schema' })).toThrow(
      expect.objectContaining({
        kind: 'invalid',
        code: 'invalid_json_schema',
        param,
        message: expect.stringMatching(message),
      }),
    );
  const at = (schema: unknown) => ({ type: 'object', properties: { a: schema } });

  test.each([
    [{ not: { type: 'null' } }, '.not', /'not' is not supported/],
    [{ type: 'object', patternProperties: {} }, '.patternProperties', /patternProperties/],
    [{ type: 'array', uniqueItems: true }, '.uniqueItems', /uniqueItems/],
    [{ type: 'string', format: 'phone' }, '.format', /"phone" is not supported; expected one of date, time/],
    [{ type: 'string', pattern: '^(?=a)' }, '.pattern', /looks around, at character 3/],
    [{ type: 'string', pattern: '(a' }, '.pattern', /nothing closes/],
    [{ type: 'string', pattern: '\\bx' }, '.pattern', /has '\\b'/],
    [{ type: 'string', pattern: '(a*)*' }, '.pattern', /may be empty/],
    [{ type: 'string', pattern: '^(ab)+$', maxLength: 3 }, '.pattern', /another length/],
    [{ type: 'number', multipleOf: 0.1 }, '.multipleOf', /whole numbers only/],
    [{ type: 'integer', minimum: 5, maximum: 4 }, '', /no number/],
    [{ type: 'text' }, '.type', /'text' is no type; expected object, array/],
    [{ $ref: '#/$defs/none' }, '.$ref', /names nothing/],
    [{ $ref: 'https://example.org/schema' }, '.$ref', /within this schema/],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, '.oneOf', /two branches/],
    [
      {
        allOf: [
          { type: 'string', pattern: 'a' },
          { type: 'string', pattern: 'b' },
        ],
      },
      '.allOf',
      /two things in 'pattern'/,
    ],
    [{ type: 'string', minLength: 3, maxLength: 2 }, '.maxLength', /less than minLength/],
    [{ type: 'object', minProperties: 2 }, '.minProperties', /number of required/],
    [{ enum: 'a' }, '.enum', /expected an array/],
    [{ type: 'object', properties: { b: false }, required: ['b'] }, '.properties.b', /no value is allowed/],
    ['string', '', /a schema is an object/],
  ])('%j', (schema, place, message) => {
    refuse(at(schema), `schema.properties.a${place}`, message);
  });

  test('circles that lead nowhere', () => {
    refuse({ $ref: '#' }, 'schema', /refers to itself/);
    refuse(
      { $defs: { a: { $ref: '#/$defs/b' }, b: { anyOf: [{ $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' },
      'schema.anyOf[0]',
      /refers to itself/,
    );
  });
});

describe('a schema that would keep llama.cpp busy', () => {
  test('for ever, since everything in it begins with the next thing twice, is refused', () => {
    const $defs: Record<string, unknown> = { d40: { type: 'integer' } };
    for (let i = 0; i < 40; i++) {
      const next = { $ref: `#/$defs/d${i + 1}` };
      $defs[`d${i}`] = { anyOf: [{ anyOf: [next] }, { anyOf: [next, { type: 'null' }] }] };
    }
    expect(() => grammarOf({ type: 'json_schema', schema: { $ref: '#/$defs/d0', $defs } })).toThrow(/too many parts/);
  });

  test('for a moment, with thousands of properties, is taken', async () => {
    const properties = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`p${i}`, { type: 'integer' }]));
    const matches = await schemaMatcher({ type: 'object', properties });
    expect(matches({ p0: 1, p3999: 2 })).toBe(true);
    expect(matches({ p3999: 2, p0: 1 })).toBe(false);
  }, 20_000);
});

describe('strict schemas keep the rules', () => {
  const strict = (schema: unknown) => () => grammarOf({ type: 'json_schema', schema, strict: true, param: 'schema' });
  const closed = (properties: object, rest: object = {}) => ({
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
    ...rest,
  });

  test('that OpenAI has for them', () => {
    expect(strict(closed({ a: { anyOf: [closed({ b: { type: 'string' } }), { type: 'null' }] } }))).not.toThrow();
    const broken: readonly (readonly [schema: unknown, param: string, message: RegExp])[] = [
      [{ type: 'array' }, 'schema', /type 'object'/],
      [{ ...closed({}), anyOf: [] }, 'schema.anyOf', /must not be an 'anyOf'/],
      [{ ...closed({}), additionalProperties: undefined }, 'schema', /'additionalProperties' is required/],
      [closed({ a: { type: 'object', properties: {} } }), 'schema.properties.a', /'additionalProperties' is required/],
      [{ ...closed({ a: {}, b: {} }), required: ['a'] }, 'schema', /Missing 'b'/],
      [closed({ a: { allOf: [] } }), 'schema.properties.a.allOf', /'allOf' is not permitted/],
      [closed({ a: { enum: Array.from({ length: 1001 }, (_, i) => i) } }), 'schema', /1001 enum values/],
      [closed({ a: { const: 'x'.repeat(120_001) } }), 'schema', /characters of names/],
      [
        Array.from({ length: 11 }).reduce<object>((inner) => closed({ a: inner }), closed({})),
        `schema${'.properties.a'.repeat(10)}`,
        /more than 10 deep/,
      ],
      [
        closed({ a: { $ref: '#/$defs/b' } }, { $defs: { b: { type: 'object' } } }),
        'schema.$defs.b',
        /'additionalProperties'/,
      ],
    ];
    for (const [schema, param, message] of broken)
      expect(strict(schema)).toThrow(expect.objectContaining({ param, message: expect.stringMatching(message) }));
  });
});
