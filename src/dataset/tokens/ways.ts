/** The ways to count tokens: OpenAI's encodings by the cookbook's rules, or a base model of this machine. */

import { openCodec } from '../../text/open-codec.ts';
import { OpenAIEncoding, type OpenAIEncodingName } from '../../text/openai-encoding.ts';
import { BaseTokens } from './base-tokens.ts';
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
  return new BaseTokens(await openCodec(way.path));
}
