/**
 * Whether an item is what the eval's `item_schema` says: the first thing that is not, with its place.
 *
 * Of JSON Schema it knows what describes plain data: types, fields, lists, choices, bounds and local references.
 * Keywords that it does not know, and `pattern` and `format` among them, ask for nothing: patterns are programs of
 * strangers, and one of them could hold the server up for hours.
 */

type Schema = Readonly<Record<string, unknown>>;

/** Null for a value that fits; else a sentence without its full stop. */
export function misfit(schema: unknown, value: unknown, path = 'item'): string | null {
  const look: Look = { root: schema, stepsLeft: stepsMax };
  const found = misfitIn(look, schema, value, path, 0);
  if (look.stepsLeft >= 0) return found;
  return `${path} takes too long to check: its schema refers to itself again and again`;
}

/** One check of a whole item; a schema that refers to itself twice over could otherwise take for ever. */
interface Look {
  readonly root: unknown;
  stepsLeft: number;
}

const stepsMax = 100_000;
const depthMax = 64;

function misfitIn(look: Look, schema: unknown, value: unknown, path: string, depth: number): string | null {
  if (--look.stepsLeft < 0) return null;
  if (schema === false) return `${path} is not allowed`;
  if (!isObject(schema) || depth > depthMax) return null;
  const check = (inner: unknown, part: unknown, at: string) => misfitIn(look, inner, part, at, depth + 1);
  const { $ref, type, enum: allowed, const: only } = schema;
  if (typeof $ref === 'string') {
    const found = check(referred(look.root, $ref), value, path);
    if (found !== null) return found;
  }
  if (type !== undefined) {
    const types = [type].flat().filter((name) => typeof name === 'string');
    if (types.length > 0 && !types.some((name) => isOf(name, value)))
      return `${path} is ${kindOf(value)}, expected ${types.join(' or ')}`;
  }
  if (Array.isArray(allowed) && !allowed.some((each) => same(each, value)))
    return `${path} is ${shown(value)}, expected one of ${allowed.map(shown).join(', ')}`;
  if (Object.hasOwn(schema, 'const') && !same(only, value))
    return `${path} is ${shown(value)}, expected ${shown(only)}`;
  return bounds(schema, value, path) ?? branches(schema, value, path, check) ?? parts(schema, value, path, check);
}

type Check = (schema: unknown, value: unknown, path: string) => string | null;

function bounds(schema: Schema, value: unknown, path: string): string | null {
  const size = typeof value === 'number' ? value : typeof value === 'string' ? Array.from(value).length : null;
  const length = Array.isArray(value) ? value.length : null;
  const rules: readonly [string, number | null, (found: number, limit: number) => boolean, string][] = [
    [typeof value === 'number' ? 'minimum' : 'minLength', size, (found, limit) => found >= limit, 'at least'],
    [typeof value === 'number' ? 'maximum' : 'maxLength', size, (found, limit) => found <= limit, 'at most'],
    ['exclusiveMinimum', typeof value === 'number' ? value : null, (found, limit) => found > limit, 'more than'],
    ['exclusiveMaximum', typeof value === 'number' ? value : null, (found, limit) => found < limit, 'less than'],
    ['minItems', length, (found, limit) => found >= limit, 'at least'],
    ['maxItems', length, (found, limit) => found <= limit, 'at most'],
  ];
  for (const [keyword, found, fits, words] of rules) {
    const limit = schema[keyword];
    if (typeof limit === 'number' && found !== null && !fits(found, limit)) {
      const of = typeof value === 'number' ? '' : Array.isArray(value) ? ' elements' : ' characters';
      return `${path} has ${found}${of}, expected ${words} ${limit}`.replace('has', of === '' ? 'is' : 'has');
    }
  }
  return null;
}

function branches({ anyOf, oneOf, allOf, not }: Schema, value: unknown, path: string, check: Check): string | null {
  for (const each of Array.isArray(allOf) ? allOf : []) {
    const found = check(each, value, path);
    if (found !== null) return found;
  }
  for (const choices of [anyOf, oneOf]) {
    if (!Array.isArray(choices) || choices.length === 0) continue;
    const found = choices.map((each) => check(each, value, path));
    const fitting = found.filter((problem) => problem === null).length;
    if (fitting === 0) return found[0]!;
    if (choices === oneOf && fitting > 1) return `${path} fits ${fitting} choices, expected one`;
  }
  if (not !== undefined && check(not, value, path) === null) return `${path} is what it must not be`;
  return null;
}

function parts(schema: Schema, value: unknown, path: string, check: Check): string | null {
  if (Array.isArray(value)) {
    const { items, prefixItems } = schema;
    const first = Array.isArray(prefixItems) ? prefixItems : [];
    for (const [i, element] of value.entries()) {
      const found = check(first[i] ?? items, element, `${path}[${i}]`);
      if (found !== null) return found;
    }
    return null;
  }
  if (!isObject(value)) return null;
  const { properties, required, additionalProperties } = schema;
  for (const name of Array.isArray(required) ? required : [])
    if (typeof name === 'string' && !Object.hasOwn(value, name)) return `${path}.${name} is missing`;
  const known = isObject(properties) ? properties : {};
  for (const [name, field] of Object.entries(value)) {
    const found = check(Object.hasOwn(known, name) ? known[name] : additionalProperties, field, `${path}.${name}`);
    if (found !== null) return found;
  }
  return null;
}

/** `#/$defs/name`; what is not there, or not here, asks for nothing. */
function referred(root: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  const steps = reference.slice(1).split('/').slice(1);
  return steps.reduce<unknown>((at, step) => {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    return isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }, root);
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  return type === kindOf(value) || !kinds.has(type);
}

const kinds: ReadonlySet<string> = new Set(['object', 'array', 'string', 'number', 'boolean', 'null']);

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
const isObject = (value: unknown): value is Schema => kindOf(value) === 'object';

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, i) => same(each, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]))
  );
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
