/**
 * Makes src/server/openapi/official.json: OpenAI's own OpenAPI document as plain JSON schemas, without its prose.
 *
 *   npx tsx tests/goldens/make-official-schemas.ts PATH/TO/openapi.yaml
 *
 * Descriptions, examples, defaults and vendor extensions go. What OpenAPI means and JSON schema does not know is said
 * in JSON schema: `nullable` becomes a choice with null, an exclusive bound a number, and `oneOf` becomes `anyOf`, since the document's alternatives
 * are told apart by a discriminator and not by excluding one another.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { parse } from 'yaml';

const [source] = process.argv.slice(2);
if (source === undefined) throw new Error('Which OpenAPI document? Give its path.');
const text = await readFile(source, 'utf8');
const { components, paths, info } = parse(text) as {
  components: { schemas: Record<string, unknown> };
  paths: Record<string, unknown>;
  info: { version: string };
};

const dropped = new Set(['description', 'example', 'examples', 'title', 'default', 'deprecated', 'tags', 'summary']);
/** Below these, keys are names of fields. */
const maps = new Set(['properties', 'schemas', 'patternProperties']);

function plain(value: unknown, under = ''): unknown {
  if (Array.isArray(value)) return value.map((each) => plain(each));
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value)
    .filter(([key]) => maps.has(under) || !(dropped.has(key) || key.startsWith('x-')))
    .map(([key, each]) => [key === 'oneOf' && !maps.has(under) ? 'anyOf' : key, plain(each, key)] as const);
  const { nullable, discriminator: _, ...schema } = Object.fromEntries(fields);
  if (maps.has(under)) return Object.fromEntries(fields);
  exclusive(schema, 'minimum', 'exclusiveMinimum');
  exclusive(schema, 'maximum', 'exclusiveMaximum');
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}

/** In OpenAPI 3.0 a bound is excluded by `true` beside it; JSON schema has a bound of its own for that. */
function exclusive(schema: Record<string, unknown>, bound: string, excluded: string): void {
  if (schema[excluded] === true) {
    schema[excluded] = schema[bound];
    delete schema[bound];
  } else if (schema[excluded] === false) delete schema[excluded];
}

const licence =
  'From the OpenAPI document of github.com/openai/openai-openapi. The MIT License, Copyright (c) OpenAI (https://openai.com).';
const target = new URL('../../src/server/openapi/official.json', import.meta.url);
const document = {
  $comment: licence,
  version: info.version,
  paths: plain(paths),
  components: plain(components),
};
await writeFile(target, `${JSON.stringify(document)}\n`);
