/** The ways to count tokens: OpenAI's encodings by the cookbook's rules, or a base model of this machine. */

import { openGguf } from '../../formats/gguf.ts';
import { TextCodec } from '../../text/codec.ts';
import { EncoderCodec } from '../../text/encoder-codec.ts';
import { OpenAIEncoding, type OpenAIEncodingName } from '../../text/openai-encoding.ts';
import { BaseTokens } from './base-tokens.ts';
import { EncoderTokens } from './encoder-tokens.ts';
import type { ExampleCounter } from './example-tokens.ts';
import { OpenAITokens } from './openai-tokens.ts';

export type CountingWay =
  | { readonly kind: 'openai'; readonly encoding: OpenAIEncodingName }
  /** `path` is the model's GGUF. */
  | { readonly kind: 'base'; readonly path: string };

export async function openCounters(ways: readonly CountingWay[]): Promise<ExampleCounter[]> {
  return await Promise.all(ways.map(openOne));
}

async function openOne(way: CountingWay): Promise<ExampleCounter> {
  if (way.kind === 'openai') return new OpenAITokens(await OpenAIEncoding.load(way.encoding));
  await using gguf = await openGguf(way.path);
  const codec = TextCodec.fromGguf(gguf.metadata);
  const isEncoder = codec.tokenizer.vocabulary.kind === 'word-piece';
  return isEncoder ? new EncoderTokens(EncoderCodec.fromGguf(gguf.metadata)) : new BaseTokens(codec);
}
