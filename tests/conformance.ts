/**
 * Whether a body has the shape that OpenAI's own document gives it.
 *
 *   expectConforms('CreateChatCompletionResponse', completion);
 *
 * The document asks for little (of a response it requires the id), so that a test also says which fields it expects.
 */

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

const document = JSON.parse(readFileSync(new URL('../src/server/openapi/official.json', import.meta.url), 'utf8')) as {
  components: { schemas: Record<string, object> };
};

// OpenAI's formats (unixtime, binary) are its own, and its keywords stand beside `$ref` and without `type`.
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true, verbose: true });
ajv.addSchema(document, 'openai');

const compiled = new Map<string, ValidateFunction>();

/** Fails the test with what does not conform, and where. */
export function expectConforms(schemaName: string, body: unknown): void {
  const problems = nonconformities(schemaName, body);
  expect(problems, `${schemaName} does not describe ${JSON.stringify(body)?.slice(0, 2000)}`).toEqual([]);
}

/** Each as `path: what is wrong`; none where the body conforms. */
export function nonconformities(schemaName: string, body: unknown): string[] {
  if (!Object.hasOwn(document.components.schemas, schemaName))
    throw new Error(`OpenAI's document has no schema ${schemaName}.`);
  return problemsAt(['components', 'schemas', schemaName], body);
}

/** The same for a schema anywhere in OpenAI's document, or in another one that was added under a name. */
export function problemsAt(place: readonly string[], body: unknown, documentName = 'openai'): string[] {
  const pointer = place.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1')));
  const reference = `${documentName}#/${pointer.join('/')}`;
  let validate = compiled.get(reference);
  if (validate === undefined) {
    validate = ajv.compile({ $ref: reference });
    compiled.set(reference, validate);
  }
  if (validate(body)) return [];
  return validate.errors!.map(
    ({ instancePath, message, params, data }) =>
      `${instancePath || '/'}: ${message} ${JSON.stringify(params)}${data === null ? ', found null' : ''}`,
  );
}

export const addDocument = (name: string, other: object): void => void ajv.addSchema(other, name);
