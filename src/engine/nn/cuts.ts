/** How finely steps are cut whose memory grows with the square of a row, or with the vocabulary. */

import type { Architecture } from './architecture.ts';

/** Attention probabilities of rows up to here are kept for the backward pass: 5 KB per token and layer of a 135M model. */
export const keptRowTokens = 256;

/** Chunks of attention are multiples of so many tokens. */
export const tokensPerChunkUnit = 8;

/** Into how many chunks attention cuts a row's queries. */
export function attentionChunksOf({ family }: Architecture, rowTokensMax: number, tokensPerRun: number): number {
  if (!family.design.causal || rowTokensMax <= keptRowTokens) return 1;
  return tokensPerRun > 1024 ? 8 : 4;
}

/**
 * The head computes at most so many judged positions at once, logits and probabilities: 200 MB at 49,152 words, and no
 * more than 512 MB for the largest vocabularies. Finer cuts would read the head's matrix more often.
 */
export const judgedPerChunk = ({ vocabulary }: Architecture): number =>
  Math.min(512, Math.max(1, Math.floor(2 ** 26 / vocabulary)));
