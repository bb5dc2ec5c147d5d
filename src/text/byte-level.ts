/** GPT-2's merging (SmolLM, Llama 3, Qwen): a word's bytes are its first symbols, the file's merges join them, earliest first. */

import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import { merge, MergeTable } from './merge.ts';
import { preTokenizers, type PreTokenizer } from './pre-tokenizers.ts';
import { broken, byteAlphabet, type Vocabulary } from './vocabulary.ts';
import { codesOf, WordIds, type PlainEncoder } from './words.ts';

export function preTokenizerOf(metadata: GgufMetadata): PreTokenizer {
  const name = metadata.string('tokenizer.ggml.pre', 'none');
  const found = preTokenizers.get(name);
  if (found !== undefined) return found;
  throw broken(`splits text by the rules "${name}"; expected one of ${[...preTokenizers.keys()].join(', ')}`);
}

export function byteLevelEncoder(
  vocabulary: Vocabulary,
  merges: readonly string[],
  preTokenizer: PreTokenizer,
): PlainEncoder {
  const { pattern, wordEnd, normalisation, wholeWords } = preTokenizer;
  const sticky = new RegExp(pattern, 'uy');
  const table = tableOf(merges, vocabulary);
  const byteIds = byteAlphabet.map((letter) => vocabulary.plainId(letter));
  const words = new WordIds((word) => {
    const bytes = Buffer.from(word);
    if (wholeWords) {
      const whole = vocabulary.plainId(Array.from(bytes, (byte) => byteAlphabet[byte]!).join(''));
      if (whole !== undefined) return [whole];
    }
    const symbols: number[] = [];
    for (const byte of bytes) {
      const id = byteIds[byte];
      if (id !== undefined) symbols.push(id); // like every other implementation, a byte without token is dropped
    }
    return merge(symbols, table);
  });
  return (text, _, ids) => {
    const normal = normalisation === null ? text : text.normalize(normalisation);
    const codes = codesOf(normal);
    for (let start = 0; start < normal.length;) {
      let end = wordEnd(codes, start, normal.length);
      if (end < 0) {
        sticky.lastIndex = start;
        sticky.test(normal);
        end = sticky.lastIndex;
      }
      words.append(normal, codes, start, end, ids);
      start = end;
    }
  };
}

/** Merges that name a token which text cannot become are never used. */
function tableOf(merges: readonly string[], vocabulary: Vocabulary): MergeTable {
  const table = new MergeTable(merges.length);
  for (const [rank, rule] of merges.entries()) {
    const gap = rule.indexOf(' ', 1);
    if (gap < 0) throw broken(`has the merge ${JSON.stringify(rule)}; expected two tokens with a space between`);
    const left = vocabulary.plainId(rule.slice(0, gap));
    const right = vocabulary.plainId(rule.slice(gap + 1));
    const result = vocabulary.plainId(rule.slice(0, gap) + rule.slice(gap + 1));
    if (left !== undefined && right !== undefined && result !== undefined) table.add(left, right, rank, result);
  }
  return table;
}
