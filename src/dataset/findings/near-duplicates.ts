/**
 * Which texts say almost the same, found among hundreds of thousands without comparing each with each.
 *
 * A text is the set of its shingles, runs of five characters after case and punctuation are gone; two texts are as
 * similar as the part of their shingles that they share (Jaccard). A signature of 128 numbers estimates that part:
 * every shingle is hashed once, the hash names one of 128 bins, and each bin keeps its smallest (one-permutation
 * MinHash: Li, Owen and Zhang 2012; empty bins borrow from others by a fixed lot: Shrivastava 2017). Only texts that
 * agree in all six numbers of one of 21 bands are compared:
 *
 *   similarity   0.3   0.5   0.7   0.8   0.9
 *   compared     2 %  28 %  92 %  99.8 %  100 %
 *
 * An example is compared by its prompt, without what all prompts share, and its answer. It costs 256 bytes,
 * whatever its length.
 */

import { setImmediate } from 'node:timers/promises';
import { Clusters } from './clusters.ts';
import { frameOf, withoutFrame, type Frame } from './frame.ts';

const bins = 128;
const bandCount = 21;
const bandRows = 6;
const shingleLength = 5;
const chunkRows = 4096;
/** Of a crowd that agrees in a band, each text is compared with so many before it. */
const comparedMax = 256;
const empty = 0xffffffff;

export const defaultSimilarity = 0.8;

/** So many prompts tell what all of them share. */
const frameTexts = 256;

export interface Compared {
  readonly prompt: string;
  readonly answer: string;
}

/** Whether there is nothing to compare. */
export const isBlank = ({ prompt, answer }: Compared): boolean => prompt.trim() === '' && answer.trim() === '';

export class NearDuplicates {
  #length = 0;
  readonly #chunks: Uint16Array[] = [];
  #frame: Frame | null;
  /** Examples that came before the frame was known. */
  #waiting: Compared[] = [];

  /** A known frame makes two runs over parts of the same examples agree. */
  constructor(frame: Frame | null = null) {
    this.#frame = frame;
  }

  get length(): number {
    return this.#length + this.#waiting.length;
  }

  /** What all prompts so far share. */
  get frame(): Frame {
    this.#learnFrame();
    return this.#frame!;
  }

  /** Remembers an example; it is known by how many came before it. */
  add({ prompt, answer }: Compared): void {
    if (this.#frame !== null) {
      this.#sign(`${withoutFrame(prompt, this.#frame)}\n${answer}`);
      return;
    }
    this.#waiting.push({ prompt, answer });
    if (this.#waiting.length === frameTexts) this.#learnFrame();
  }

  #learnFrame(): void {
    if (this.#frame !== null) return;
    this.#frame = frameOf(this.#waiting.map(({ prompt }) => prompt));
    for (const waiting of this.#waiting.splice(0)) this.add(waiting);
  }

  #sign(text: string): void {
    const at = this.#length++;
    if (at % chunkRows === 0) this.#chunks.push(new Uint16Array(chunkRows * bins));
    writeSignature(text, this.#signature(at));
  }

  /** Examples by what they are like: each cluster holds together by pairs that are similar enough. */
  async clusters(similarityMin = defaultSimilarity, signal?: AbortSignal): Promise<Clusters> {
    this.#learnFrame();
    const clusters = new Clusters(this.#length);
    const missable = bins - Math.ceil(similarityMin * bins - 1e-9);
    for (let band = 0; band < bandCount; band++) {
      for (const crowd of this.#crowds(band)) this.#joinAlike(crowd, missable, clusters);
      await setImmediate();
      signal?.throwIfAborted();
    }
    return clusters;
  }

  /** Whoever is in one cluster already is not compared again, so that a crowd of copies costs little. */
  #joinAlike(crowd: readonly number[], missable: number, clusters: Clusters): void {
    const first = clusters.rootOf(crowd[0]!);
    if (crowd.every((each) => clusters.rootOf(each) === first)) return;
    for (const [i, one] of crowd.entries()) {
      const signature = this.#signature(one);
      let root = clusters.rootOf(one);
      for (let j = Math.max(0, i - comparedMax); j < i; j++) {
        const other = crowd[j]!;
        if (clusters.rootOf(other) === root || !agree(signature, this.#signature(other), missable)) continue;
        clusters.join(one, other);
        root = clusters.rootOf(one);
      }
    }
  }

  /** Texts that agree in a band, two or more at a time, ascending: sorted by the band's hash, they lie side by side. */
  *#crowds(band: number): Generator<number[]> {
    const rowBits = Math.max(1, Math.ceil(Math.log2(this.#length)));
    const hashShift = Math.max(0, rowBits - 21); // both together fit the 53 bits of a number
    const keys = new Float64Array(this.#length);
    for (let row = 0; row < keys.length; row++) {
      const signature = this.#signature(row);
      let hash = band;
      for (let i = band * bandRows; i < (band + 1) * bandRows; i++) hash = mix(hash ^ signature[i]!);
      keys[row] = (hash >>> hashShift) * 2 ** rowBits + row;
    }
    keys.sort();
    const rowOf = (key: number): number => key % 2 ** rowBits;
    for (let start = 0, end = 1; start < keys.length; start = end++) {
      const hash = Math.floor(keys[start]! / 2 ** rowBits);
      while (end < keys.length && Math.floor(keys[end]! / 2 ** rowBits) === hash) end++;
      if (end - start > 1) yield Array.from(keys.subarray(start, end), rowOf);
    }
  }

  #signature(row: number): Uint16Array {
    const start = (row % chunkRows) * bins;
    return this.#chunks[Math.floor(row / chunkRows)]!.subarray(start, start + bins);
  }
}

/** Case, punctuation and spacing do not make two texts different. A text of nothing else stays as it is. */
export function normalised(text: string): string {
  return (
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}]+/gu, ' ')
      .trim() || text.trim()
  );
}

const minima = new Uint32Array(bins);
const base = 0x01000193;
const basePower = Math.imul(Math.imul(base, base), Math.imul(base, base)); // base^(shingleLength - 1)

function writeSignature(text: string, signature: Uint16Array): void {
  const letters = ` ${normalised(text)} `;
  minima.fill(empty);
  let rolling = 0;
  for (let i = 0; i < letters.length; i++) {
    if (i >= shingleLength) rolling = (rolling - Math.imul(letters.charCodeAt(i - shingleLength), basePower)) | 0;
    rolling = (Math.imul(rolling, base) + letters.charCodeAt(i)) | 0;
    if (i < shingleLength - 1 && i < letters.length - 1) continue;
    const hash = mix(rolling);
    const bin = hash >>> 25;
    const value = hash & 0x1ffffff;
    if (value < minima[bin]!) minima[bin] = value;
  }
  for (let bin = 0; bin < bins; bin++) {
    let donor = bin;
    for (let attempt = 1; minima[donor] === empty; attempt++) donor = mix((bin << 16) + attempt) >>> 25;
    signature[bin] = Math.imul(minima[donor]!, 0x9e3779b1) >>> 16;
  }
}

/** Whether two signatures differ in so many bins at most. */
function agree(a: Uint16Array, b: Uint16Array, missable: number): boolean {
  let missed = 0;
  for (let i = 0; i < bins; i++) if (a[i] !== b[i] && ++missed > missable) return false;
  return true;
}

/** Every bit of the result depends on every bit of the number (the last step of MurmurHash3). */
function mix(number: number): number {
  let bits = number ^ (number >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
