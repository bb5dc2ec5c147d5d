/** What is worth knowing about a file that is correct and may still train badly: one finding, with its lines. */

import type { ExampleFormat } from '../../domain/example.ts';
import type { Parts } from '../parts.ts';

export type DataRole = 'training' | 'validation' | 'test';

/** `error`: training on it is in vain or its measure is false. `warning`: look at it. `note`: good to know. */
export type FindingSeverity = 'error' | 'warning' | 'note';

export type FindingCode =
  | 'exact_duplicates'
  | 'near_duplicates'
  | 'contradicting_answers'
  | 'varying_answers'
  | 'leakage'
  | 'near_leakage'
  | 'prompt_leakage'
  | 'echoed_prompt'
  | 'class_imbalance'
  | 'one_class'
  | 'length_outliers'
  | 'language_outliers'
  | 'mojibake'
  | 'invisible_characters'
  | 'personal_data'
  | 'truncated_answers'
  | 'refusals'
  | 'boilerplate'
  | 'drift';

export interface Finding {
  readonly code: FindingCode;
  readonly severity: FindingSeverity;
  readonly file: DataRole;
  /** One sentence: what there is, and how much of it. */
  readonly message: string;
  /** Every line concerned, ascending; empty where the finding is the whole file's. */
  readonly lines: readonly number[];
  /** Lines that belong together (copies of one another), where that is the point; else empty. */
  readonly groups: readonly (readonly number[])[];
  /** Of a leak: the lines of the other file, one for each of `lines`. */
  readonly counterparts: { readonly file: DataRole; readonly lines: readonly number[] } | null;
  readonly samples: readonly Sample[];
  /** Numbers behind the sentence: shares, statistics, counts by kind. */
  readonly figures: Readonly<Record<string, number | string>>;
  /** What to do about it. */
  readonly advice: string;
}

/** A piece of an example, to see what is meant. */
export interface Sample {
  readonly line: number;
  readonly text: string;
}

/** An example as the detectors see it. */
export interface Observed {
  readonly file: DataRole;
  readonly line: number;
  readonly format: ExampleFormat;
  readonly parts: Parts;
}

/** Looks at one file's examples, one after the other, and says in the end what it thinks. */
export interface Detector {
  see(example: Observed): void;
  findings(): readonly Finding[] | Promise<readonly Finding[]>;
}

type Optional = 'lines' | 'groups' | 'counterparts' | 'samples' | 'figures';

export const finding = (fields: Omit<Finding, Optional> & Partial<Pick<Finding, Optional>>): Finding => ({
  lines: [],
  groups: [],
  counterparts: null,
  samples: [],
  figures: {},
  ...fields,
});

const samplesMax = 3;

/** The lines on which something was seen, each once, and the first few pieces as samples. */
export class Sightings {
  readonly lines: number[] = [];
  readonly samples: Sample[] = [];

  add(line: number, text: string): void {
    if (this.lines.at(-1) === line) return;
    this.lines.push(line);
    if (this.samples.length < samplesMax) this.samples.push({ line, text: excerpt(text) });
  }

  get count(): number {
    return this.lines.length;
  }

  /** What was seen as a finding, or none when nothing was. */
  told(fields: Pick<Finding, 'code' | 'severity' | 'file' | 'message' | 'advice'> & Partial<Finding>): Finding[] {
    return this.count === 0 ? [] : [finding({ lines: this.lines, samples: this.samples, ...fields })];
  }
}

const excerptLength = 100;

/** One line of a text, cut in the middle of what is too long; `from` moves its start near what is meant. */
export function excerpt(text: string, from = 0): string {
  const start = from < excerptLength / 2 ? 0 : from - 20;
  const cut = text.slice(start, start + excerptLength);
  const shown = cut.replaceAll(/\s+/g, ' ').trim();
  return ownCopy(`${start > 0 ? '…' : ''}${shown}${start + excerptLength < text.length ? '…' : ''}`);
}

/** Characters of its own: a mere slice keeps all of the text that it is from in memory. */
export const ownCopy = (text: string): string => Buffer.from(text).toString();

export const countOf = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? noun : plural}`;

export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
