/** What an answer's text must look like: `response_format` of chat completions, `text.format` of responses. */

import { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import type { Message } from '../domain/example.ts';
import type { Constraint } from '../serving/serving.ts';
import { isExpressible } from '../text/json-grammar/schema.ts';
import { optional } from './validation.ts';

export type AnswerFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | {
      readonly type: 'json_schema';
      readonly name: string;
      readonly schema: Record<string, unknown>;
      readonly strict: boolean;
      /** Where the request has the schema. */
      readonly param: string;
    };

export const schemaFields = {
  name: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[a-zA-Z0-9_-]+$/),
  description: optional(z.string()),
  strict: optional(z.boolean()),
};

/** What OpenAI's fine-tuned models refuse in strict schemas, beside what all models refuse. */
const refusedByFineTunes = [
  'minLength', 'maxLength', 'pattern', 'format', 'minimum', 'maximum', 'multipleOf', 'patternProperties', 'minItems', 'maxItems',
]; // prettier-ignore

/** The words of a JSON answer are the model's own, so that it must have been told to write JSON. */
export function checkJsonIsMentioned(messages: readonly Message[], problem: { param: string; message: string }): void {
  const texts = messages.flatMap(({ content }) =>
    typeof content === 'string' ? content : (content ?? []).map((part) => part.text),
  );
  if (!texts.some((text) => /json/iu.test(text))) throw invalid(problem.param, problem.message);
}

/** What the runtime holds the answer to. */
export function constraintOf(format: AnswerFormat, isFineTuned: boolean): Constraint | null {
  if (format.type === 'text') return null;
  if (format.type === 'json_object') return format;
  const { schema, strict, param } = format;
  if (strict && isFineTuned) checkForFineTune(schema, param);
  // Without `strict` a schema is a wish; one that no grammar can express still asks for JSON.
  if (!strict && !isExpressible(schema)) return { type: 'json_object' };
  return { type: 'json_schema', schema, strict, param };
}

function checkForFineTune(schema: unknown, path: string): void {
  if (typeof schema !== 'object' || schema === null) return;
  if (Array.isArray(schema)) return schema.forEach((each, i) => checkForFineTune(each, `${path}[${i}]`));
  for (const [key, value] of Object.entries(schema)) {
    const at = `${path}.${key}`;
    if (['properties', '$defs', 'definitions'].includes(key)) {
      for (const [name, each] of Object.entries((value ?? {}) as object)) checkForFineTune(each, `${at}.${name}`);
    } else if (refusedByFineTunes.includes(key))
      throw invalid(
        at,
        `Invalid schema for '${path}': '${key}' is not permitted in a strict schema for a fine-tuned model.`,
        'invalid_json_schema',
      );
    else if (!['enum', 'const', 'default', 'examples'].includes(key)) checkForFineTune(value, at);
  }
}
