/**
 * Embeddings: texts as vectors of length 1, in numbers or in base64.
 *
 * A vector is what the model's last layer holds about the text: the mean over its tokens, unless the model's file
 * names another way. Shorter vectors are the first dimensions, scaled to length 1 again, as OpenAI does it.
 */

import type OpenAI from 'openai';
import { z } from 'zod';
import type { Access } from '../access/keyring.ts';
import { invalid } from '../domain/errors.ts';
import type { House } from '../house.ts';
import type { Priority } from '../serving/serving.ts';
import { ofUnitLength } from '../serving/vectors.ts';
import { embeddingParameters, refuseUnsupported } from './parameters.ts';
import { promptField, promptsOf } from './prompt-field.ts';
import { unknownModel } from './reply.ts';
import { optional, parseBody } from './validation.ts';

const bodySchema = z.strictObject({
  model: z.string(),
  input: promptField,
  encoding_format: optional(z.enum(['float', 'base64'])),
  dimensions: optional(z.int().min(1)),
  user: z.unknown().optional(),
});

type Answer = OpenAI.CreateEmbeddingResponse;

/** The answer to the body of a request for embeddings. */
export async function answerEmbeddings(
  house: House,
  access: Access,
  body: unknown,
  signal: AbortSignal,
  priority: Priority = 'interactive',
): Promise<Answer> {
  const request = parseBody(bodySchema, body);
  refuseUnsupported(request, embeddingParameters);
  const inputs = promptsOf(request.input);
  if (inputs.some((input) => input.type === 'text' && input.text === ''))
    throw invalid('input', "Invalid 'input': an empty string cannot be embedded.", 'invalid_value');
  const model = await house.of(access.project).models.resolve(request.model);
  if (model === null) throw unknownModel(request.model);
  const { vectors, promptTokens } = await house.serving.embed({ model, inputs, priority }, signal);
  house.spend(access, { model: model.id, promptTokens, cachedTokens: 0, completionTokens: 0 });
  const { dimensions, encoding_format } = request;
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: encoded(shortened(vector, dimensions), encoding_format === 'base64'),
    })),
    model: model.id,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}

function shortened(vector: Float32Array, dimensions: number | undefined): Float32Array {
  if (dimensions === undefined || dimensions === vector.length) return vector;
  if (dimensions < vector.length) return ofUnitLength(vector.subarray(0, dimensions));
  throw invalid(
    'dimensions',
    `Invalid 'dimensions': this model's embeddings have ${vector.length} dimensions, so expected at most that, but got ${dimensions}.`,
    'invalid_value',
  );
}

/** The SDK asks for base64 by itself and turns it into numbers; its types know only those. */
function encoded(vector: Float32Array, asBase64: boolean): number[] {
  if (!asBase64) return [...vector];
  const bytes = Buffer.alloc(4 * vector.length);
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, 4 * i);
  return bytes.toString('base64') as unknown as number[];
}
