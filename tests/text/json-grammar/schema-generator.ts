/** JSON schemas made at random, of everything that can be enforced. */

import * as fc from 'fast-check';

const key = fc.constantFrom('a', 'ab', 'b', 'name', 'ä "q"', 'c\\d', '漢', '');
const text = fc.constantFrom('x', 'yes', 'no "quotes"', 'line\nbreak', 'back\\slash', 'grün', '😀');
const patterns = [
  '^[a-c]{2,4}$', '^\\d+(?:\\.\\d{2})?$', 'ab', '^(?:foo|bar)-[^x]{1,3}$', '^"?[\\\\/]$', '^\\s?\\w*$', '[0-9]$', '^.{3}',
  '^[\\u00e0-\\u00ff]?[😀-😂]+$',
]; // prettier-ignore
const formats = ['date', 'time', 'date-time', 'duration', 'uuid', 'email', 'hostname', 'ipv4', 'ipv6', 'uri'];

const maybe = <Value>(name: string, value: fc.Arbitrary<Value>) =>
  fc.option(value, { freq: 2, nil: undefined }).map((found) => (found === undefined ? {} : { [name]: found }));
const merged = (...parts: fc.Arbitrary<object>[]): fc.Arbitrary<object> =>
  fc.tuple(...parts).map((all) => Object.assign({}, ...all) as object);

const range = (least: string, most: string, max: number) =>
  fc
    .tuple(fc.nat(max), fc.nat(max))
    .chain(([a, b]) => merged(maybe(least, fc.constant(Math.min(a, b))), maybe(most, fc.constant(Math.max(a, b)))));

const numeric = fc.oneof(
  fc.integer({ min: -1200, max: 1200 }),
  fc.integer({ min: -100_000, max: 100_000 }).map((value) => value / 1000),
  fc.constantFrom(0, -0.5, 1e-6, 9_007_199_254_740_991, -9_007_199_254_740_991),
);
const bounds = fc.tuple(numeric, numeric, fc.boolean(), fc.boolean()).chain(([a, b, openLow, openHigh]) => {
  const [low, high] = a < b ? [a, b] : [b, a + 3];
  return merged(
    maybe(openLow ? 'exclusiveMinimum' : 'minimum', fc.constant(low)),
    maybe(openHigh ? 'exclusiveMaximum' : 'maximum', fc.constant(high)),
  );
});

const leaf: fc.Arbitrary<object> = fc.oneof(
  merged(fc.constant({ type: 'string' }), range('minLength', 'maxLength', 6)),
  fc.constantFrom(...patterns).map((pattern) => ({ type: 'string', pattern })),
  fc.constantFrom(...formats).map((format) => ({ type: 'string', format })),
  merged(fc.constant({ type: 'number' }), bounds),
  merged(fc.constant({ type: 'integer' }), bounds),
  fc.integer({ min: 2, max: 40 }).map((multipleOf) => ({ type: 'integer', multipleOf })),
  fc.constantFrom({ type: 'boolean' }, { type: 'null' }, { type: ['string', 'null'], maxLength: 3 }),
  fc
    .uniqueArray(fc.oneof(text, fc.integer(), fc.constant(null), fc.boolean()), { minLength: 1, maxLength: 4 })
    .map((values) => ({ enum: values })),
  text.map((value) => ({ const: value })),
);

const schema = fc.letrec<{ schema: object; object: object }>((tie) => ({
  object: fc
    .tuple(
      fc.uniqueArray(fc.tuple(key, tie('schema'), fc.boolean()), { maxLength: 4, selector: ([name]) => name }),
      fc.nat(3),
    )
    .chain(([members, kind]) =>
      merged(
        fc.constant({
          type: 'object',
          properties: Object.fromEntries(members.map(([name, value]) => [name, value])),
          required: members.filter(([, , required]) => required).map(([name]) => name),
        }),
        kind === 0
          ? tie('schema').map((additionalProperties) => ({ additionalProperties }))
          : fc.constant(kind === 1 ? {} : { additionalProperties: false }),
      ),
    ),
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    tie('object'),
    fc
      .tuple(tie('schema'), range('minItems', 'maxItems', 3))
      .map(([items, limits]) => ({ type: 'array', items, ...limits })),
    fc
      .tuple(tie('schema'), tie('schema'))
      .map((prefixItems) => ({ type: 'array', prefixItems, items: false, minItems: 1 })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    leaf.map((part) => ({ allOf: [part, { description: 'joined' }] })),
    fc.constantFrom({ $ref: '#/$defs/leaf' }, { $ref: '#/$defs/tree' }),
  ),
}));

/** The root is an object; its definitions hold a leaf and a tree, which refers to itself. */
export const schemas: fc.Arbitrary<object> = fc.tuple(schema.object, leaf).map(([root, found]) => ({
  ...root,
  $defs: {
    leaf: found,
    tree: {
      type: 'object',
      properties: {
        value: { $ref: '#/$defs/leaf' },
        children: { type: 'array', items: { $ref: '#/$defs/tree' }, maxItems: 2 },
      },
      required: ['value', 'children'],
      additionalProperties: false,
    },
  },
}));
