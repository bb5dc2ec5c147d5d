/** The template and tokenizer of a base model, without its weights. */

import { openGguf } from '../../formats/gguf.ts';
import type { BaseModel } from '../../models/base-models.ts';
import { TextCodec } from '../../text/codec.ts';

export async function openCodec(base: BaseModel): Promise<TextCodec> {
  await using gguf = await openGguf(base.path);
  return TextCodec.fromGguf(gguf.metadata);
}
