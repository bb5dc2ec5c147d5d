/**
 * Tokens that would make a grammar see another text than the reader of the answer.
 *
 * llama.cpp's grammar reads a control token as its name, where an answer shows nothing. It looks at bytes only to
 * count them, so it takes for characters what UTF-8 forbids: bytes out of place, and characters spelled longer than
 * need be, which begin with E0 or F0 and one of the lowest continuations.
 */

import type { Tokenizer } from '../text/tokenizer.ts';
import type { TokenConstraint } from './protocol.ts';

type Forbidden = Omit<TokenConstraint, 'grammar'>;

const found = new WeakMap<Tokenizer, Forbidden>();

export function forbiddenTokens(tokenizer: Tokenizer): Forbidden {
  const known = found.get(tokenizer);
  if (known !== undefined) return known;
  const ids = Array.from({ length: tokenizer.vocabularySize }, (_, id) => id);
  const firstByte = (id: number): number => tokenizer.bytes(id)[0] ?? 0;
  const endingWith = (byte: number): number[] => ids.filter((id) => tokenizer.bytes(id).at(-1) === byte);
  const beginningWith = (first: number, last: number): number[] =>
    ids.filter((id) => firstByte(id) >= first && firstByte(id) <= last);
  const forbidden: Forbidden = {
    forbidden: ids.filter((id) => tokenizer.isControl(id) || !isText(tokenizer.bytes(id))),
    forbiddenAfter: [
      { first: endingWith(0xe0), second: beginningWith(0x80, 0x9f) },
      { first: endingWith(0xf0), second: beginningWith(0x80, 0x8f) },
    ],
  };
  found.set(tokenizer, forbidden);
  return forbidden;
}

const strict = new TextDecoder('utf-8', { fatal: true });

/** Whether bytes are a piece of some UTF-8 text: the end of a character, whole ones, the beginning of another. */
function isText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false; // where llama.cpp stops reading
  const start = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80);
  if (start < 0) return bytes.length <= 3;
  if (start > 3) return false;
  const whole = bytes.subarray(start);
  const last = whole.findLastIndex((byte) => (byte & 0xc0) !== 0x80);
  const missing = charLength(whole[last]!) - (whole.length - last);
  if (missing < 0 || charLength(whole[last]!) === 0) return false;
  try {
    strict.decode(missing > 0 ? whole.subarray(0, last) : whole);
    return true;
  } catch {
    return false;
  }
}

/** Bytes of the character that begins with this one; 0 for what begins none. */
function charLength(byte: number): number {
  if (byte < 0x80) return 1;
  if (byte >= 0xc2 && byte < 0xe0) return 2;
  if (byte >= 0xe0 && byte < 0xf0) return 3;
  return byte >= 0xf0 && byte < 0xf5 ? 4 : 0;
}
