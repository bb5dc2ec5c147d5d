/**
 * Answers that must have a form, from a model of random weights, which has no idea of any: the best adversary.
 *
 * Whatever the schema, an answer that ends with `stop` is valid under it, as ajv sees it.
 */

import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CompletionRequest, Constraint } from '../../src/serving/serving.ts';
import { schemas } from '../text/json-grammar/schema-generator.ts';
import { addTinyModel, ask, openTinyServing, request, type TinyServing } from './tiny-serving.ts';

let tiny: TinyServing;
beforeAll(async () => {
  tiny = await openTinyServing({}, { contextTokens: 2048 });
});
afterAll(() => tiny[Symbol.asyncDispose]());

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajvFormats.default(ajv);

interface Wishes extends Partial<CompletionRequest> {
  readonly seed?: number;
  readonly temperature?: number;
}

function constrained(constraint: Constraint, { seed = 1, temperature = 1, ...wishes }: Wishes = {}) {
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

  const form = {
    type: 'object',
    properties: { label: { enum: ['spam', 'ham'] }, score: { type: 'number', minimum: 0, maximum: 1 } },
    required: ['label', 'score'],
    additionalProperties: false,
  };

  test('is the same again for the same seed, alone or beside others, whole or in pieces', async () => {
    const seeds = [1, 2, 3, 4, 5, 6];
    const alone = [];
    for (const seed of seeds) alone.push(await constrained(jsonSchema(form, true), { seed }));
    const together = await Promise.all(seeds.map((seed) => constrained(jsonSchema(form), { seed, streaming: true })));
    expect(together.map(({ texts }) => texts)).toEqual(alone.map(({ texts }) => texts));
    expect(new Set(alone.map(({ texts }) => texts[0])).size).toBe(6);
    const choices = await constrained(jsonSchema(form), { choices: 3 });
    expect(choices.texts).toEqual(alone.slice(0, 3).map(({ texts }) => texts[0]));
  });

  test('is cut where its tokens are used up, and says so', async () => {
    const { texts, reasons, completionTokens } = await constrained(jsonSchema(form), { tokensMax: 4 });
    expect(reasons).toEqual(['length']);
    expect(completionTokens).toBe(4);
    expect(() => JSON.parse(texts[0]!)).toThrow(SyntaxError);
  });

  test('has the log-probabilities that the model itself gave its tokens', async () => {
    const { texts, tokens } = await constrained(jsonSchema(form), { topLogprobs: 5 });
    expect(tokens.map(({ token }) => token).join('')).toBe(texts[0]);
    for (const { logprob, top } of tokens) expect(logprob).toBeLessThanOrEqual(top[0]![1]);
    expect(tokens.some(({ logprob, top }) => logprob < top.at(-1)![1])).toBe(true); // what it would not have said
  });

  test('keeps to it under penalties, bias and greed', async () => {
    const sampling = { ...request(tiny.model).sampling, temperature: 0, frequencyPenalty: 2, presencePenalty: 2 };
    const bias = Array.from({ length: 100 }, (_, i) => [i * 4, 100] as const);
    const wishes = { constraint: jsonSchema(form), tokensMax: 100, sampling: { ...sampling, logitBias: bias } };
    const { texts, reasons } = await ask(tiny.serving, request(tiny.model, wishes));
    expect(reasons).toEqual(['stop']);
    expect(ajv.validate(form, JSON.parse(texts[0]!))).toBe(true);
  });

  test('can be had from a vocabulary with white space in its tokens, and from a fine-tune', async () => {
    const { sampling } = request(tiny.model);
    const piece = await addTinyModel(tiny.bases, tiny.folder, 'piece', { tokenizer: 'sentence-piece' });
    for (const model of [piece, tiny.tuned])
      for (const seed of [1, 2, 3]) {
        const wishes = {
          constraint: jsonSchema(form),
          tokensMax: 200,
          sampling: { ...sampling, seed, temperature: 1 },
        };
        const { texts } = await ask(tiny.serving, request(model, wishes));
        expect(ajv.validate(form, JSON.parse(texts[0]!))).toBe(true);
      }
  });

  test('is refused before anything is said, when the schema cannot be kept', async () => {
    const constraint = { type: 'json_schema', schema: { not: {} }, param: 'response_format.schema' } as const;
    await expect(constrained(constraint)).rejects.toMatchObject({
      kind: 'invalid',
      param: 'response_format.schema.not',
    });
  });
});

describe('an answer of another form', () => {
  test('is one of the choices, and each of them may come', async () => {
    const choices = ['spam', 'ham', 'no "spam"', 'grün 😀', 'ham and eggs'];
    const found = new Set<string>();
    for (let seed = 0; seed < 60 && found.size < choices.length; seed++) {
      const { texts, reasons } = await constrained({ type: 'choices', choices }, { seed, temperature: 2 });
      expect(reasons).toEqual(['stop']);
      found.add(texts[0]!);
    }
    expect([...found].filter((text) => !choices.includes(text))).toEqual([]);
    expect(found.size).toBeGreaterThan(3);
  });

  test('is a JSON object of any kind', async () => {
    let complete = 0;
    for (let seed = 0; seed < 12; seed++) {
      const { texts, reasons } = await constrained({ type: 'json_object' }, { seed });
      if (reasons[0] === 'length') continue;
      complete += 1;
      expect(JSON.parse(texts[0]!)).toBeTypeOf('object');
      expect(texts[0]).toMatch(/^\{/);
    }
    expect(complete).toBeGreaterThan(3);
  });

  test('follows a grammar of llama.cpp, and a broken one harms nobody else', async () => {
    const { texts } = await constrained({ type: 'grammar', gbnf: 'root ::= "a" [0-9]{3} "z"' });
    expect(texts[0]).toMatch(/^a\d{3}z$/);
    const other = constrained({ type: 'choices', choices: ['fine'] });
    await expect(constrained({ type: 'grammar', gbnf: 'root ::= (' })).rejects.toMatchObject({ code: 'model_failed' });
    expect((await other).texts).toEqual(['fine']);
  });

  test('never hides control tokens in its text', async () => {
    const bias = Array.from({ length: 5 }, (_, token) => [token, 50] as const);
    const sampling = { ...request(tiny.model).sampling, temperature: 1, logitBias: bias };
    const constraint = jsonSchema({ type: 'string', minLength: 5, maxLength: 5 });
    for (const seed of [1, 2, 3, 4]) {
      const { texts } = await ask(tiny.serving, request(tiny.model, { constraint, sampling: { ...sampling, seed } }));
      expect(Array.from(JSON.parse(texts[0]!) as string)).toHaveLength(5);
    }
  });
});
