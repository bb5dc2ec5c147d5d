/** Whether two schemas can be told apart: `oneOf` wants exactly one of its branches to match. */

import { isDeepStrictEqual } from 'node:util';
import { isSchemaObject, type JsonSchema } from './conjoin.ts';

/** True when no value is valid for both; false when that cannot be shown. `resolve` follows a schema's `$ref`. */
export function areDisjoint(a: unknown, b: unknown, resolve: (schema: unknown) => unknown): boolean {
  const [first, second] = [resolve(a), resolve(b)];
  if (!isSchemaObject(first) || !isSchemaObject(second)) return false;
  const [values, others] = [valuesOf(first), valuesOf(second)];
  if (values !== null && others !== null)
    return !values.some((value) => others.some((other) => isDeepStrictEqual(value, other)));
  const [kinds, otherKinds] = [kindsOf(first), kindsOf(second)];
  if (kinds !== null && otherKinds !== null && !kinds.some((kind) => otherKinds.includes(kind))) return true;
  const bothObjects = [kinds, otherKinds].every((kind) => kind?.length === 1 && kind[0] === 'object');
  return bothObjects && (tellsApart(first, second, resolve) || tellsApart(second, first, resolve));
}

/** A property that `a` always has and that `b` does not allow, or not with these values. */
function tellsApart(a: JsonSchema, b: JsonSchema, resolve: (schema: unknown) => unknown): boolean {
  const [own, other] = [propertiesOf(a), propertiesOf(b)];
  return requiredOf(a).some((key) => {
    if (!(key in other)) return b['additionalProperties'] === false;
    return key in own && areDisjoint(own[key], other[key], resolve);
  });
}

const propertiesOf = (schema: JsonSchema): JsonSchema => (schema['properties'] ?? {}) as JsonSchema;
const requiredOf = (schema: JsonSchema): readonly string[] => (schema['required'] ?? []) as string[];

function valuesOf(schema: JsonSchema): readonly unknown[] | null {
  if ('const' in schema) return [schema['const']];
  return Array.isArray(schema['enum']) ? schema['enum'] : null;
}

/** JSON's kinds of values, integers being numbers; null when any kind will do. */
function kindsOf(schema: JsonSchema): readonly string[] | null {
  const values = valuesOf(schema);
  if (values !== null) return values.map(kindOf);
  if (schema['type'] === undefined) return null;
  const types = [schema['type']].flat().map((type) => (type === 'integer' ? 'number' : (type as string)));
  return schema['nullable'] === true ? [...types, 'null'] : types;
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
