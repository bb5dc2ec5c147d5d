/** The text side of an encoder: its tokenizer, what its head tells apart, and what of a request it cannot do. */

import { invalid, TunesmithError } from '../domain/errors.ts';
import { normalises, readHead, type HeadFacts } from '../families/label-head.ts';
import { isEncoder } from '../families/table.ts';
import { openGguf } from '../formats/gguf.ts';
import type { BaseModel } from '../models/base-models.ts';
import { EncoderCodec } from '../text/encoder-codec.ts';
import type { CompletionRequest, Prompt } from './serving.ts';

export { isEncoder };

export interface EncoderText {
  readonly codec: EncoderCodec;
  /** Null for one that was taught no labels. */
  readonly head: HeadFacts | null;
  /** Whether its vectors are meant to have length 1. */
  readonly normalises: boolean;
}

export async function openEncoderText(base: BaseModel): Promise<EncoderText> {
  try {
    await using file = await openGguf(base.path);
    const { metadata } = file;
    return { codec: EncoderCodec.fromGguf(metadata), head: readHead(metadata), normalises: normalises(metadata) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `The model '${base.id}' cannot be loaded: ${reason}`;
    throw new TunesmithError('internal', message, { code: 'model_unloadable', cause });
  }
}

/** The head that answers; throws where there is none, and for what an answer of labels cannot be. */
export function answeringHead({ head }: EncoderText, request: CompletionRequest): HeadFacts {
  const { id } = request.model;
  if (head === null)
    throw invalid(
      'model',
      `The model '${id}' is an encoder that was taught no labels, so it cannot answer. Fine-tune it on labelled chats, or ask it for embeddings.`,
      'model_not_supported',
    );
  if (request.tools !== undefined) throw noTools(id);
  const { constraint } = request;
  if (constraint == null || (constraint.type !== 'json_schema' && head.task !== 'classification')) return head;
  throw invalid(
    'response_format',
    `Unsupported value: 'response_format' cannot be held to by '${id}', which answers with the labels that it was taught.`,
    'unsupported_value',
  );
}

export const noTools = (id: string): TunesmithError =>
  invalid(
    'tools',
    `Unsupported parameter: 'tools' is not supported with '${id}', which is an encoder and calls nothing.`,
    'unsupported_parameter',
  );

export const writesNothing = (id: string): TunesmithError =>
  invalid(
    'model',
    `The model '${id}' is an encoder: it reads texts and writes none. Use /v1/chat/completions for its labels or /v1/embeddings for vectors.`,
    'model_not_supported',
  );

/** A text, or tokens of one, as the encoder reads it, however long that is. */
export function encoderIds({ codec }: EncoderText, input: Prompt, param: string): Int32Array {
  if (input.type === 'text') return codec.encode(input.text, Infinity).ids;
  const { vocabularySize } = codec.tokenizer;
  const unknown = input.ids.find((id) => id < 0 || id >= vocabularySize);
  if (unknown === undefined) return codec.around(input.ids);
  throw invalid(
    param,
    `Invalid '${param}': ${unknown} is not a token of this model. Expected token ids from 0 to ${vocabularySize - 1}.`,
    'invalid_value',
  );
}
