import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { chatParameters, refuseUnsupported, responseParameters, type Treatment } from '../../src/server/parameters.ts';

type Schema = { readonly properties?: object; readonly allOf?: readonly Schema[]; readonly $ref?: string };

const official = JSON.parse(
  readFileSync(new URL('../../src/server/openapi/official.json', import.meta.url), 'utf8'),
) as {
  components: { schemas: Record<string, Schema> };
};

/** The fields of a schema and of all that it is made of. */
function fieldsOf({ properties = {}, allOf = [], $ref }: Schema): string[] {
  const referred = $ref === undefined ? [] : fieldsOf(official.components.schemas[$ref.split('/').at(-1)!]!);
  return [...Object.keys(properties), ...allOf.flatMap(fieldsOf), ...referred];
}

test.each([
  ['CreateChatCompletionRequest', chatParameters],
  ['CreateResponse', responseParameters],
])('every parameter of %s has its fate', (name, treatments) => {
  const fields = new Set(fieldsOf(official.components.schemas[name]!));
  expect([...fields].sort()).toEqual(Object.keys(treatments).sort());
});

test('what is refused passes where it asks for nothing', () => {
  const treatments: Record<string, Treatment> = {
    audio: { fate: 'refused', note: 'no voice' },
    modalities: { fate: 'refused', note: 'text only', harmless: (value) => String(value) === 'text' },
    user: { fate: 'no effect', note: 'nobody' },
  };
  for (const body of [{}, { audio: null }, { audio: false }, { audio: [] }, { modalities: ['text'] }, { user: 'u' }])
    expect(() => refuseUnsupported(body, treatments as never)).not.toThrow();
  for (const body of [{ audio: {} }, { modalities: ['audio'] }])
    expect(() => refuseUnsupported(body, treatments as never)).toThrow(/Unsupported parameter: '(audio|modalities)'/);
});
