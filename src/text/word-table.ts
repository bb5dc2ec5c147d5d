/**
 * A number for each of many words, found without cutting the word out of its text: a hash table over character codes.
 *
 * It is filled once with words that stay, and then learns others, which go again all together when there are too many.
 */

const learntMax = 200_000;
const wordLengthMax = 64;
/** Of all words together. */
const codesMax = 2 ** 22;

export class WordTable {
  /** Two numbers per slot: the word's hash, and its number plus 1 (0 is an empty slot). */
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #codes = new Uint16Array(codesMax);
  /** Where each word ends in `#codes`; it begins where the one before it ends. */
  readonly #ends: Int32Array;
  readonly #values: Int32Array;
  #words = 0;
  /** How many of the words stay. */
  #staying = 0;

  /** All that stay have the same number; numbers are 1 or more. */
  constructor(staying: Iterable<string> = [], value = 1) {
    const words = [...staying];
    const most = words.length + learntMax;
    this.#mask = 2 ** Math.ceil(Math.log2(2 * most)) - 1;
    this.#slots = new Int32Array(2 * (this.#mask + 1));
    this.#ends = new Int32Array(most + 1);
    this.#values = new Int32Array(most);
    const codes = new Uint16Array(words.reduce((longest, { length }) => Math.max(longest, length), 0));
    for (const word of words) {
      for (let i = 0; i < word.length; i++) codes[i] = word.charCodeAt(i);
      this.#insert(codes, 0, word.length, value);
    }
    this.#staying = words.length;
  }

  /** The number of the word between two places of a text, or 0 when it is not known. */
  get(codes: Uint16Array, start: number, end: number): number {
    const slot = this.#find(codes, start, end, hashOf(codes, start, end));
    const word = this.#slots[slot + 1]!;
    return word === 0 ? 0 : this.#values[word - 1]!;
  }

  get full(): boolean {
    return this.#words === this.#values.length || this.#ends[this.#words]! + wordLengthMax > codesMax;
  }

  /** Remembers the number of an unknown word, unless it is too long to come again. */
  learn(codes: Uint16Array, start: number, end: number, value: number): void {
    if (end - start > wordLengthMax) return;
    if (this.full) this.forget();
    this.#insert(codes, start, end, value);
  }

  /** Only the words that stay are left. */
  forget(): void {
    this.#slots.fill(0);
    this.#words = this.#staying;
    for (let word = 0; word < this.#words; word++) {
      const [start, end] = [this.#ends[word]!, this.#ends[word + 1]!];
      const hash = hashOf(this.#codes, start, end);
      const slot = this.#emptySlot(hash);
      this.#slots[slot] = hash;
      this.#slots[slot + 1] = word + 1;
    }
  }

  #insert(codes: Uint16Array, start: number, end: number, value: number): void {
    const hash = hashOf(codes, start, end);
    const slot = this.#find(codes, start, end, hash);
    const from = this.#ends[this.#words]!;
    this.#codes.set(codes.subarray(start, end), from);
    this.#values[this.#words] = value;
    this.#words += 1;
    this.#ends[this.#words] = from + end - start;
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = this.#words;
  }

  /** The word's slot, or the empty one where it belongs. */
  #find(codes: Uint16Array, start: number, end: number, hash: number): number {
    const slots = this.#slots;
    for (let at = hash; ; at++) {
      const slot = 2 * (at & this.#mask);
      const word = slots[slot + 1]!;
      if (word === 0 || (slots[slot] === hash && this.#holds(word - 1, codes, start, end))) return slot;
    }
  }

  #emptySlot(hash: number): number {
    for (let at = hash; ; at++) {
      const slot = 2 * (at & this.#mask);
      if (this.#slots[slot + 1] === 0) return slot;
    }
  }

  #holds(word: number, codes: Uint16Array, start: number, end: number): boolean {
    const from = this.#ends[word]!;
    if (this.#ends[word + 1]! - from !== end - start) return false;
    for (let i = start; i < end; i++) if (this.#codes[from + i - start] !== codes[i]) return false;
    return true;
  }
}

/** FNV-1a over character codes, its high bits mixed into the low ones that choose the slot. */
function hashOf(codes: Uint16Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ codes[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}
