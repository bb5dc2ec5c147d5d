/**
 * JSON Schema as grammar: whatever the grammar matches is valid under the schema.
 *
 * The converse does not hold, and need not: of the valid texts those are left out that nobody would write, such as
 * members in another order than the schema's, or members that it does not name unless it asks for some. What cannot
 * be promised is refused with its place, never dropped: a schema that is only half obeyed is worse than none.
 *
 * Every schema object becomes one rule, so references may run in circles.
 */

import { isDeepStrictEqual } from 'node:util';
import { invalid, TunesmithError } from '../../domain/errors.ts';
import { annotations, conjoin, ConjoinProblem, isSchemaObject, type JsonSchema } from './conjoin.ts';
import { areDisjoint, kindOf } from './disjoint.ts';
import { formats } from './formats.ts';
import { choice, Grammar, literal } from './grammar.ts';
import { anyBoolean, anyCharacter, anyString, anyValue, quoted } from './json-text.ts';
import { type Bound, boundOf, multiplesOf, numberWithin } from './numbers.ts';
import { arrayExpression, objectExpression } from './objects.ts';
import { patternExpression, PatternProblem, readPattern, withLength } from './pattern.ts';

/** Adds the rules of a schema and gives the one that its values match; `param` is the schema's place in a request. */
export function schemaRule(grammar: Grammar, schema: unknown, param: string): string {
  return new SchemaReader(grammar, schema, param).rule(schema, '', []);
}

/** Whether a schema's promise can be kept. */
export function isExpressible(schema: unknown): boolean {
  try {
    schemaRule(new Grammar(), schema, 'schema');
    return true;
  } catch (error) {
    if (!(error instanceof TunesmithError)) throw error;
    return false;
  }
}

/** Keywords that no grammar here can enforce. */
const refused = [
  'not', 'if', 'dependentRequired', 'dependentSchemas', 'dependencies', 'patternProperties', 'propertyNames',
  'contains', 'unevaluatedProperties', 'unevaluatedItems', '$dynamicRef', '$recursiveRef',
]; // prettier-ignore

/** Which kind of value a keyword speaks of. */
const kindsOfKeywords: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
  array: ['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems', 'uniqueItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
};

/** Nobody writes more of anything than this. */
const countMax = 1_000_000;
const enumeratedMax = 1000;

/** Schemas joined in circles would be read for ever. */
const pathLettersMax = 4000;

class SchemaReader {
  readonly #grammar: Grammar;
  readonly #root: unknown;
  readonly #param: string;
  readonly #rules = new Map<JsonSchema, string>();

  constructor(grammar: Grammar, root: unknown, param: string) {
    this.#grammar = grammar;
    this.#root = root;
    this.#param = param;
  }

  /** `open` are the schemas being read whose values begin where this one's do. */
  rule(schema: unknown, path: string, open: readonly JsonSchema[] = []): string {
    if (schema === true) return anyValue(this.#grammar).value;
    if (schema === false) throw this.#problem(path, 'no value is allowed here');
    if (!isSchemaObject(schema)) throw this.#problem(path, `a schema is an object, and this is ${found(schema)}`);
    if (open.includes(schema)) throw this.#problem(path, 'this refers to itself and to nothing else');
    if (path.length > pathLettersMax) throw this.#problem(path.slice(0, 100), 'this is nested too deeply');
    const known = this.#rules.get(schema);
    if (known !== undefined) return known;
    const name = this.#grammar.reserve();
    this.#rules.set(schema, name);
    this.#grammar.define(name, this.#body(schema, path, [...open, schema]));
    return name;
  }

  #body(schema: JsonSchema, path: string, open: readonly JsonSchema[]): string {
    const keyword = refused.find((name) => name in schema);
    if (keyword !== undefined) throw this.#problem(`${path}.${keyword}`, `'${keyword}' is not supported`);
    const { $ref, allOf, anyOf, oneOf, ...rest } = schema;
    if ($ref !== undefined) {
      const target = this.#target($ref, `${path}.$ref`);
      const beside = { allOf, anyOf, oneOf, ...rest };
      return isEmpty(beside) ? this.rule(target, path, open) : this.#both([target, present(beside)], path, open);
    }
    if (allOf !== undefined) {
      const parts = this.#list(allOf, `${path}.allOf`);
      const beside = { anyOf, oneOf, ...rest };
      if (parts.length === 1 && isEmpty(beside)) return this.rule(parts[0], `${path}.allOf[0]`, open);
      return this.#both([...parts, present(beside)], `${path}.allOf`, open);
    }
    if (anyOf !== undefined && oneOf !== undefined)
      throw this.#problem(path, "'anyOf' and 'oneOf' at the same place are not supported");
    if (anyOf !== undefined) return this.#branches('anyOf', anyOf, rest, path, open);
    if (oneOf !== undefined) return this.#branches('oneOf', oneOf, rest, path, open);
    if ('enum' in rest) return this.#literals(this.#list(rest['enum'], `${path}.enum`), rest, `${path}.enum`);
    if ('const' in rest) return this.#literals([rest['const']], rest, `${path}.const`);
    return this.#typed(rest, path);
  }

  /** What all of several schemas allow. */
  #both(parts: readonly unknown[], path: string, open: readonly JsonSchema[]): string {
    try {
      const resolved = parts.map((part) => this.#resolve(part)).filter((part) => part !== true);
      const objects = resolved.map((part) => {
        if (isSchemaObject(part)) return part;
        throw new ConjoinProblem('allows nothing');
      });
      return this.#body(objects.reduce(conjoin, {}), path, open);
    } catch (error) {
      if (error instanceof ConjoinProblem) throw this.#problem(path, `this ${error.message}`);
      throw error;
    }
  }

  #branches(
    keyword: 'anyOf' | 'oneOf',
    value: unknown,
    beside: JsonSchema,
    path: string,
    open: readonly JsonSchema[],
  ): string {
    const place = `${path}.${keyword}`;
    const branches = this.#list(value, place).filter((branch) => branch !== false);
    if (branches.length === 0) throw this.#problem(place, 'none of the branches allows anything');
    const shared = branches.some((a, i) => branches.some((b, j) => j > i && !this.#areDisjoint(a, b)));
    if (keyword === 'oneOf' && shared)
      throw this.#problem(place, 'a value could match two branches, which oneOf forbids; expected anyOf');
    const rules = branches.map((branch, i) => {
      if (isEmpty(beside)) return this.rule(branch, `${place}[${i}]`, open);
      return this.#grammar.rule(this.#both([present(beside), branch], `${place}[${i}]`, open));
    });
    return choice([...new Set(rules)]);
  }

  #areDisjoint(a: unknown, b: unknown): boolean {
    return areDisjoint(a, b, (schema) => this.#resolve(schema));
  }

  #literals(values: readonly unknown[], schema: JsonSchema, path: string): string {
    const { type, const: _, enum: __, nullable: ___, ...rest } = schema;
    if (!isEmpty(rest)) {
      const keyword = Object.keys(rest).find((name) => !annotations.has(name))!;
      throw this.#problem(path, `'${keyword}' beside a list of values is not supported`);
    }
    const types = type === undefined ? null : [type].flat();
    const allowed = values.filter(
      (value) =>
        (types === null || types.includes(kindOf(value)) || (types.includes('integer') && Number.isInteger(value))) &&
        (!('const' in schema) || isDeepStrictEqual(value, schema['const'])),
    );
    if (allowed.length === 0) throw this.#problem(path, 'none of the values has the type that is asked for');
    return choice(allowed.map((value) => literal(JSON.stringify(value))));
  }

  #typed(schema: JsonSchema, path: string): string {
    const types = this.#types(schema, path);
    if (types === null) return anyValue(this.#grammar).value;
    return choice([...new Set(types.map((type) => this.#ofType(type, schema, path)))]);
  }

  /** The types a value may have; null for all of them. Without `type`, those that the keywords speak of will do. */
  #types(schema: JsonSchema, path: string): string[] | null {
    const { type, nullable } = schema;
    const kinds = Object.keys(kindsOfKeywords).filter((kind) => kindsOfKeywords[kind]!.some((name) => name in schema));
    if (type === undefined) return kinds.length === 0 ? null : kinds;
    const types = this.#list([type].flat(), `${path}.type`).map(String);
    const unknown = types.find((name) => !typeNames.has(name));
    if (unknown !== undefined)
      throw this.#problem(`${path}.type`, `'${unknown}' is no type; expected ${[...typeNames].join(', ')}`);
    const whole = types.includes('number') ? types.filter((name) => name !== 'integer') : types;
    return nullable === true && !whole.includes('null') ? [...whole, 'null'] : whole;
  }

  #ofType(type: string, schema: JsonSchema, path: string): string {
    switch (type) {
      case 'object':
        return this.#object(schema, path);
      case 'array':
        return this.#array(schema, path);
      case 'string':
        return this.#string(schema, path);
      case 'number':
      case 'integer':
        return this.#number(type === 'integer', schema, path);
      case 'boolean':
        return anyBoolean;
      default:
        return '"null"';
    }
  }

  #object(schema: JsonSchema, path: string): string {
    const { properties = {}, required = [], additionalProperties } = schema;
    if (!isSchemaObject(properties))
      throw this.#problem(`${path}.properties`, `expected an object, found ${found(properties)}`);
    const needed = this.#list(required, `${path}.required`).map(String);
    const isOpen = Object.keys(properties).length === 0 && needed.length === 0;
    const others = additionalProperties ?? (isOpen ? true : undefined);
    const closed = others === undefined || others === false;
    const unnamed = needed.filter((key) => !(key in properties));
    if (additionalProperties === false && unnamed.length > 0)
      throw this.#problem(`${path}.required`, `'${unnamed[0]}' is required, but not among the properties`);
    const all = { ...properties, ...Object.fromEntries(unnamed.map((key) => [key, additionalProperties ?? true])) };
    const written = Object.entries(all).filter(([key, value]) => value !== false || needed.includes(key));
    this.#checkCount(schema, needed.length, closed ? written.length : Infinity, path);
    return objectExpression(
      this.#grammar,
      written.map(([key, value]) => ({
        key,
        value: this.rule(value, `${path}.properties.${key}`),
        required: needed.includes(key),
      })),
      closed ? null : this.rule(others, `${path}.additionalProperties`),
    );
  }

  #checkCount({ minProperties = 0, maxProperties = Infinity }: JsonSchema, least: number, most: number, path: string) {
    if (Number(minProperties) > least)
      throw this.#problem(`${path}.minProperties`, 'this is supported up to the number of required properties');
    if (Number(maxProperties) < most)
      throw this.#problem(`${path}.maxProperties`, 'this is supported from the number of properties on');
  }

  #array(schema: JsonSchema, path: string): string {
    const { items, prefixItems, additionalItems, uniqueItems } = schema;
    const [min, max] = this.#range(schema, 'minItems', 'maxItems', path);
    if (uniqueItems === true && (max === null || max > 1))
      throw this.#problem(`${path}.uniqueItems`, "'uniqueItems' is not supported");
    const isTuple = Array.isArray(items);
    const first = isTuple ? items : this.#list(prefixItems ?? [], `${path}.prefixItems`);
    const others = (isTuple ? additionalItems : items) ?? true;
    const place = `${path}.${isTuple ? 'items' : 'prefixItems'}`;
    const used = max === null ? first : first.slice(0, max);
    const expression = arrayExpression(this.#grammar, {
      prefix: used.map((item, i) => this.rule(item, `${place}[${i}]`)),
      rest: others === false ? null : this.rule(others, `${path}.items`),
      min,
      max,
    });
    if (expression === null) throw this.#problem(`${path}.minItems`, 'no array is that long');
    return expression;
  }

  #string(schema: JsonSchema, path: string): string {
    const { pattern, format } = schema;
    const [min, max] = this.#range(schema, 'minLength', 'maxLength', path);
    if (pattern !== undefined && format !== undefined)
      throw this.#problem(`${path}.format`, "'format' beside 'pattern' is not supported");
    if (format !== undefined) {
      const known = typeof format === 'string' && Object.hasOwn(formats, format) ? formats[format] : undefined;
      if (known === undefined)
        throw this.#problem(
          `${path}.format`,
          `the format ${JSON.stringify(format)} is not supported; expected one of ${Object.keys(formats).join(', ')}`,
        );
      return this.#matching(known, [min, max], `${path}.format`);
    }
    if (typeof pattern === 'string') return this.#matching(pattern, [min, max], `${path}.pattern`);
    if (pattern !== undefined) throw this.#problem(`${path}.pattern`, `expected a string, found ${found(pattern)}`);
    if (min === 0 && max === null) return anyString(this.#grammar);
    return quoted(this.#grammar.repeat(anyCharacter(this.#grammar), min, max));
  }

  #matching(source: string, [min, max]: readonly [number, number | null], path: string): string {
    try {
      const pattern = withLength(readPattern(source), min, max);
      return quoted(patternExpression(this.#grammar, pattern));
    } catch (error) {
      if (error instanceof PatternProblem) throw this.#problem(path, `the pattern ${error.message}`);
      throw error;
    }
  }

  #number(isInteger: boolean, schema: JsonSchema, path: string): string {
    const { multipleOf } = schema;
    const low = boundOf(schema['minimum'], schema['exclusiveMinimum'], Math.max);
    const high = boundOf(schema['maximum'], schema['exclusiveMaximum'], Math.min);
    if (multipleOf !== undefined && multipleOf !== 1)
      return this.#multiples(Number(multipleOf), low, high, `${path}.multipleOf`);
    const whole = isInteger || multipleOf === 1;
    const expression = numberWithin(this.#grammar, { whole, low, high });
    if (expression === null) throw this.#problem(path, 'no number lies within these bounds');
    return expression;
  }

  #multiples(divisor: number, low: Bound | null, high: Bound | null, path: string): string {
    if (!Number.isInteger(divisor) || divisor < 1)
      throw this.#problem(path, "'multipleOf' is supported for whole numbers only");
    if (low === null && high === null && divisor <= 100) return multiplesOf(this.#grammar, divisor);
    const count = low === null || high === null ? Infinity : (high.value - low.value) / divisor;
    if (low === null || high === null || count > enumeratedMax)
      throw this.#problem(path, `'multipleOf' is supported up to 100, or between bounds with ${enumeratedMax} values`);
    const first = Math.ceil(low.value / divisor);
    const values = Array.from({ length: Math.floor(count) + 2 }, (_, i) => (first + i) * divisor).filter(
      (value) =>
        (low.inclusive ? value >= low.value : value > low.value) &&
        (high.inclusive ? value <= high.value : value < high.value),
    );
    if (values.length === 0) throw this.#problem(path, 'no multiple lies within these bounds');
    return choice(values.map((value) => literal(String(value + 0))));
  }

  /** How many there may be; no limit where nobody would reach it. */
  #range(schema: JsonSchema, least: string, most: string, path: string): readonly [number, number | null] {
    const read = (name: string): number | null => {
      const value = schema[name];
      if (value === undefined) return null;
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
      throw this.#problem(`${path}.${name}`, `expected a whole number from 0, found ${found(value)}`);
    };
    const [min, max] = [read(least) ?? 0, read(most)];
    if (min > countMax) throw this.#problem(`${path}.${least}`, `this is supported up to ${countMax}`);
    if (max !== null && max < min) throw this.#problem(`${path}.${most}`, `this is less than ${least}`);
    return [min, max === null || max > countMax ? null : max];
  }

  /** The schema a chain of bare references leads to. */
  #resolve(schema: unknown): unknown {
    const seen = new Set<unknown>();
    let found = schema;
    while (isSchemaObject(found) && found['$ref'] !== undefined) {
      const { $ref, ...beside } = found;
      if (!isEmpty(beside)) return { allOf: [this.#target($ref, '.$ref'), beside] };
      if (seen.has(found)) throw this.#problem('.$ref', 'this refers to itself and to nothing else');
      seen.add(found);
      found = this.#target($ref, '.$ref');
    }
    return found;
  }

  /** What a JSON pointer within this schema names. */
  #target(ref: unknown, path: string): unknown {
    if (typeof ref !== 'string' || !/^#(\/|$)/.test(ref))
      throw this.#problem(path, `expected a reference within this schema, such as "#/$defs/name", found ${found(ref)}`);
    const keys = ref
      .slice(2)
      .split('/')
      .filter((_, i) => ref.length > 1 || i > 0)
      .map((key) => decoded(key).replaceAll('~1', '/').replaceAll('~0', '~'));
    const target = keys.reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? (value as Record<string, unknown>)[key]
          : undefined,
      this.#root,
    );
    if (target === undefined) throw this.#problem(path, `'${ref}' names nothing in this schema`);
    return target;
  }

  #list(value: unknown, path: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    throw this.#problem(path, `expected an array, found ${found(value)}`);
  }

  #problem(path: string, message: string): TunesmithError {
    const place = this.#param + path;
    return invalid(place, `Invalid schema for '${place}': ${message}.`, 'invalid_json_schema');
  }
}

const typeNames: ReadonlySet<string> = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);

/** Whether nothing here restricts a value. */
const isEmpty = (schema: JsonSchema): boolean =>
  Object.entries(schema).every(([keyword, value]) => value === undefined || annotations.has(keyword));

const present = (schema: JsonSchema): JsonSchema =>
  Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function found(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
