/** Conversations and bare prompts as the token ids that a runtime gets, and what is wrong with them. */

import { invalid } from '../domain/errors.ts';
import type { BaseModel } from '../models/base-models.ts';
import type { TextCodec } from '../text/codec.ts';
import type { CompletionRequest, Prompt } from './serving.ts';

export function conversationIds(codec: TextCodec, request: CompletionRequest): Int32Array {
  const prompt = codec.encodePrompt(request.messages, request);
  const { contextTokens } = request.model.base;
  if (prompt.length < contextTokens) return prompt;
  throw invalid(
    'messages',
    `This model's maximum context length is ${contextTokens} tokens. However, your messages resulted in ${prompt.length} tokens, and the answer needs room too. Please reduce the length of the messages.`,
    'context_length_exceeded',
  );
}

/** `param` is the prompt's place in the request. */
export function promptIds(codec: TextCodec, prompt: Prompt, param: string): Int32Array {
  if (prompt.type === 'tokens') return checkedIds(codec, prompt.ids, param);
  if (prompt.suffix === undefined) return codec.encodeText(prompt.text);
  const ids = codec.encodeGap(prompt.text, prompt.suffix);
  if (ids !== null) return ids;
  throw invalid(
    'suffix',
    "Unsupported parameter: 'suffix' is not supported with this model: it has no tokens for a gap in the text.",
    'unsupported_parameter',
  );
}

/** The prompt as text, for whoever wants it back. */
export function promptText(codec: TextCodec, prompt: Prompt): string {
  return prompt.type === 'text' ? prompt.text : codec.tokenizer.decode(prompt.ids, { special: true });
}

export function checkRoom({ contextTokens }: BaseModel, prompt: number, answer: number, param: string): void {
  if (prompt + answer <= contextTokens) return;
  throw invalid(
    param,
    `This model's maximum context length is ${contextTokens} tokens, however you requested ${prompt + answer} tokens (${prompt} in your prompt; ${answer} for the completion). Please reduce your prompt; or completion length.`,
    'context_length_exceeded',
  );
}

function checkedIds(codec: TextCodec, ids: readonly number[], param: string): Int32Array {
  const { vocabularySize } = codec.tokenizer;
  const at = ids.findIndex((id) => id < 0 || id >= vocabularySize);
  if (at < 0) return ids.length === 0 ? codec.encodeText('') : Int32Array.from(ids);
  throw invalid(
    param,
    `Invalid '${param}': ${ids[at]} is not a token of this model. Expected token ids from 0 to ${vocabularySize - 1}.`,
    'invalid_value',
  );
}
