/** The template and tokenizer of a model's GGUF, without its weights. */

import { openGguf } from '../formats/gguf.ts';
import { TextCodec } from './codec.ts';

export async function openCodec(path: string): Promise<TextCodec> {
  await using gguf = await openGguf(path);
  return TextCodec.fromGguf(gguf.metadata);
}
