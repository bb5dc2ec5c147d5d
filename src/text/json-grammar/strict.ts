/**
 * OpenAI's rules for strict schemas: every object closed, every property required, nothing too large or too deep.
 *
 * They are stricter than what our grammars can do; keeping them means that a program which works here works there.
 */

import { invalid, type TunesmithError } from '../../domain/errors.ts';
import { isSchemaObject, type JsonSchema } from './conjoin.ts';

const propertiesMax = 5000;
const depthMax = 10;
const enumValuesMax = 1000;
const lettersMax = 120_000;

const unsupported = [
  'allOf', 'not', 'dependentRequired', 'dependentSchemas', 'dependencies', 'if', 'then', 'else', 'patternProperties',
]; // prettier-ignore

interface Size {
  properties: number;
  enumValues: number;
  letters: number;
}

export function checkStrict(schema: unknown, param: string): void {
  if (!isSchemaObject(schema) || schema['type'] !== 'object')
    throw problem(param, "the root of a strict schema must have the type 'object'");
  if (schema['anyOf'] !== undefined)
    throw problem(`${param}.anyOf`, "the root of a strict schema must not be an 'anyOf'");
  const size: Size = { properties: 0, enumValues: 0, letters: 0 };
  check(schema, param, 1, size);
  const limits: readonly (readonly [found: number, max: number, what: string])[] = [
    [size.properties, propertiesMax, 'properties'],
    [size.enumValues, enumValuesMax, 'enum values'],
    [size.letters, lettersMax, 'characters of names and values'],
  ];
  for (const [found, max, what] of limits)
    if (found > max) throw problem(param, `${found} ${what} are more than the ${max} that a strict schema may have`);
}

function check(schema: unknown, path: string, depth: number, size: Size): void {
  if (!isSchemaObject(schema)) return;
  const keyword = unsupported.find((name) => name in schema);
  if (keyword !== undefined) throw problem(`${path}.${keyword}`, `'${keyword}' is not permitted in a strict schema`);
  if ([schema['type']].flat().includes('object')) checkObject(schema, path, depth, size);
  const values = [
    ...(Array.isArray(schema['enum']) ? schema['enum'] : []),
    ...('const' in schema ? [schema['const']] : []),
  ];
  size.enumValues += values.length;
  size.letters += values.reduce<number>((sum, value) => sum + String(value).length, 0);
  for (const [key, property] of entries(schema['properties']))
    check(property, `${path}.properties.${key}`, depth + 1, size);
  for (const [key, definition] of [...entries(schema['$defs']), ...entries(schema['definitions'])]) {
    size.letters += key.length;
    check(definition, `${path}.$defs.${key}`, 1, size);
  }
  check(schema['items'], `${path}.items`, depth + 1, size);
  for (const name of ['anyOf', 'oneOf', 'prefixItems'])
    if (Array.isArray(schema[name]))
      for (const [i, branch] of schema[name].entries()) check(branch, `${path}.${name}[${i}]`, depth, size);
}

function checkObject(schema: JsonSchema, path: string, depth: number, size: Size): void {
  if (depth > depthMax) throw problem(path, `objects are nested more than ${depthMax} deep`);
  if (schema['additionalProperties'] !== false)
    throw problem(path, "'additionalProperties' is required to be supplied and to be false");
  const keys = entries(schema['properties']).map(([key]) => key);
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const missing = keys.find((key) => !required.includes(key));
  if (missing !== undefined)
    throw problem(
      path,
      `'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'`,
    );
  size.properties += keys.length;
  size.letters += keys.reduce((sum, key) => sum + key.length, 0);
}

const entries = (value: unknown): [string, unknown][] => (isSchemaObject(value) ? Object.entries(value) : []);

function problem(path: string, message: string): TunesmithError {
  return invalid(path, `Invalid schema for '${path}': ${message}.`, 'invalid_json_schema');
}
