/** Examples counted as an encoder reads them: the text alone, with no template; its answers are labels, and no tokens. */

import type { AnyExample } from '../../domain/example.ts';
import type { EncoderCodec } from '../../text/encoder-codec.ts';
import { labelledText } from '../labelled/rows.ts';
import type { ExampleCounter, ExampleTokens } from './example-tokens.ts';

export class EncoderTokens implements ExampleCounter {
  readonly #codec: EncoderCodec;

  constructor(codec: EncoderCodec) {
    this.#codec = codec;
  }

  /** Null for what is no conversation, which encoders do not learn from. */
  count({ format, example }: AnyExample): ExampleTokens | null {
    if (format !== 'chat') return null;
    const { tokens } = this.#codec.encode(labelledText(example).text, 2);
    return { total: tokens, supervised: 0, parts: { user: tokens - 2 }, answers: [] };
  }
}
