/**
 * Answers that must have a form, from a model of random weights, which has no idea of any: the best adversary.
 *
 * Whatever the schema, an answer that ends with `stop` is valid under it, as ajv sees it.
 */

import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Constraint } from '../../src/serving/serving.ts';
import { schemas } from '../text/json-grammar/schema-generator.ts';
import { ask, openTinyServing, request, type TinyServing } from './tiny-serving.ts';

let tiny: TinyServing;
beforeAll(async () => {
  tiny = await openTinyServing({}, { contextTokens: 2048 });
});
afterAll(() => tiny[Symbol.asyncDispose]());

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajvFormats.default(ajv);

function constrained(constraint: Constraint, { seed = 1, temperature = 1, ...wishes } = {}) {
  const { sampling } = request(tiny.model);
  return ask(
    tiny.serving,
    request(tiny.model, { constraint, tokensMax: 600, ...wishes, sampling: { ...sampling, seed, temperature } }),
  );
}

const jsonSchema = (schema: unknown, strict = false): Constraint => ({ type: 'json_schema', schema, strict });

describe('an answer under a schema', () => {
  test('is valid whenever it is complete, whatever the schema', async () => {
    let complete = 0;
    await fc.assert(
      fc.asyncProperty(schemas, fc.nat(), async (schema, seed) => {
        const { texts, reasons } = await constrained(jsonSchema(schema), { seed });
        if (reasons[0] === 'length') return;
        complete += 1;
        const validate = ajv.compile(schema);
        const value: unknown = JSON.parse(texts[0]!);
        if (!validate(value))
          throw new Error(
            `${texts[0]}\nis not valid under\n${JSON.stringify(schema)}\n${ajv.errorsText(validate.errors)}`,
          );
      }),
      { numRuns: 60, seed: 5 },
    );
    expect(complete).toBeGreaterThan(40);
  }, 60_000);
});
