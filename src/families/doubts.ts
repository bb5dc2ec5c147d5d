/** What a file's metadata says and our graph would not compute: llama.cpp may answer with such a model, nobody trains it. */

import type { Family } from './family.ts';
import type { ModelFile } from './sizes.ts';

/** Each a reason, as a clause after "the engine"; none where the model can be trained. */
export function doubtsAbout({ metadata }: Pick<ModelFile, 'metadata'>, { architecture, design }: Family): string[] {
  const doubts: string[] = [];
  const key = (name: string): string => `${architecture}.${name}`;
  const number = (name: string, absent: number): number => metadata.number(key(name), absent);
  if (design.positions === 'rotary') {
    const scaling = metadata.string(key('rope.scaling.type'), 'none');
    if (scaling !== 'none' && scaling !== 'linear') doubts.push(`does not know the position scaling "${scaling}"`);
    const width = number('embedding_length', 0);
    const headSize = number('attention.key_length', width / number('attention.head_count', 1));
    if (number('rope.dimension_count', headSize) !== headSize) doubts.push('does not rotate parts of a head');
    if (number('attention.value_length', headSize) !== headSize)
      doubts.push('does not know values of another size than keys');
  }
  for (const cap of ['attn_logit_softcapping', 'final_logit_softcapping'])
    if (number(cap, 0) !== 0) doubts.push(`does not know "${key(cap)}"`);
  if (design.globalEvery !== null) {
    if (!metadata.has(key('attention.sliding_window'))) doubts.push(`needs "${key('attention.sliding_window')}"`);
    const pattern = metadata.get(key('attention.sliding_window_pattern'));
    if (pattern !== undefined && (pattern.type === 'array' || Number(pattern.value) !== design.globalEvery))
      doubts.push(`knows only one layer in ${design.globalEvery} that sees everything`);
    // The largest Gemma 3 divides its scores by something else than the root of a head's size.
    if (architecture === 'gemma3' && number('block_count', 0) === 62)
      doubts.push('does not know how Gemma 3 27B scales');
  } else if (number('attention.sliding_window', 0) !== 0) doubts.push('does not know windows in this family');
  return doubts;
}
