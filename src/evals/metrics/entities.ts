/**
 * How well entities are found: precision, recall and F1 of whole entities, strict and partial.
 *
 * Strict: the same label and the same place (seqeval's measure); partial: the same label and places that overlap
 * count half (the "partial" of MUC and SemEval 2013, class by class, as nervaluate counts it). An entity is used once, equal
 * ones before overlapping ones. Places are compared where both sides give them, otherwise texts: equal after white
 * space is evened, overlapping when they share a word. An answer that could not be read (`null`) found nothing.
 *
 * Entities of one text stand or fall together, so all intervals draw texts and not entities.
 */

import type { Counts, Statistic } from './estimate.ts';
import {
  averageStatistic,
  qualities,
  type Average,
  type Qualities,
  type Quality,
  type QualityOptions,
  type Tally,
} from './quality.ts';

export interface Entity {
  readonly label: string;
  readonly text?: string | undefined;
  /** Places in characters or tokens, the end just behind the entity. */
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

export interface EntityCase {
  readonly actual: readonly Entity[];
  readonly predicted: readonly Entity[] | null;
}

export interface EntityQuality {
  readonly averages: Readonly<Record<Average, Quality>>;
  readonly perClass: ReadonlyMap<string, Quality & { readonly support: number; readonly answered: number }>;
}

export interface EntityScores {
  readonly strict: EntityQuality;
  readonly partial: EntityQuality;
  /** Texts whose entities are exactly the true ones: right or wrong per case, for McNemar's test. */
  readonly exact: readonly boolean[];
  readonly unparsed: number;
}

export type Matching = 'strict' | 'partial';

export function entityScores(cases: readonly EntityCase[], options: QualityOptions = {}): EntityScores {
  if (cases.length === 0) throw new Error('There is nothing to score: the test has no cases.');
  const labels = labelsOf(cases);
  const quality = (matching: Matching): EntityQuality => {
    const scored = qualities(cases.length, tallied(cases, labels, matching), options);
    return { averages: scored.averages, perClass: new Map(labels.map((label, i) => [label, ofClass(scored, i)])) };
  };
  return {
    strict: quality('strict'),
    partial: quality('partial'),
    exact: cases.map(({ actual, predicted }) => {
      if (predicted?.length !== actual.length) return false;
      const found = matched(actual, predicted);
      return found.reduce((hits, { strict }) => hits + strict, 0) === actual.length;
    }),
    unparsed: cases.filter(({ predicted }) => predicted === null).length,
  };
}

function ofClass({ classes }: Qualities, i: number): Quality & { support: number; answered: number } {
  const { quality, tally } = classes[i]!;
  return { ...quality, support: tally.support, answered: tally.answered };
}

/** The averaged F1 or F-beta of entities, for a paired comparison. */
export function entityStatistic(
  cases: readonly EntityCase[],
  { matching = 'strict', average = 'micro', beta }: { matching?: Matching; average?: Average; beta?: number } = {},
): Statistic {
  return averageStatistic(tallied(cases, labelsOf(cases), matching), average, beta);
}

const labelsOf = (cases: readonly EntityCase[]): string[] => [
  ...new Set(cases.flatMap(({ actual, predicted }) => [...actual, ...(predicted ?? [])].map(({ label }) => label))),
];

function tallied(
  cases: readonly EntityCase[],
  labels: readonly string[],
  matching: Matching,
): (counts: Counts) => Tally[] {
  const places = new Map(labels.map((label, i) => [label, i]));
  const found = cases.map(({ actual, predicted }) =>
    matched(actual, predicted ?? []).map((each) => ({ ...each, place: places.get(each.label)! })),
  );
  return (counts) => {
    const tallies = labels.map(() => ({ hits: 0, answered: 0, support: 0 }));
    for (const [i, classes] of found.entries()) {
      for (const { place, strict, overlapping, answered, support } of classes) {
        const tally = tallies[place]!;
        tally.hits += counts[i]! * (matching === 'strict' ? strict : strict + overlapping / 2);
        tally.answered += counts[i]! * answered;
        tally.support += counts[i]! * support;
      }
    }
    return tallies;
  };
}

interface Found {
  readonly label: string;
  readonly strict: number;
  readonly overlapping: number;
  readonly answered: number;
  readonly support: number;
}

/** What of one text's entities was found, label by label. */
function matched(actual: readonly Entity[], predicted: readonly Entity[]): Found[] {
  const labels = new Set([...actual, ...predicted].map(({ label }) => label));
  return [...labels].map((label) => {
    let open = actual.filter((each) => each.label === label).map(readable);
    const support = open.length;
    const answers = predicted.filter((each) => each.label === label).map(readable);
    const take = (answer: Readable, fits: (a: Readable, b: Readable) => boolean): boolean => {
      const place = open.findIndex((each) => fits(each, answer));
      if (place === -1) return false;
      open = open.toSpliced(place, 1);
      return true;
    };
    const rest = answers.filter((answer) => !take(answer, same));
    const overlapping = rest.filter((answer) => take(answer, overlap)).length;
    return { label, strict: answers.length - rest.length, overlapping, answered: answers.length, support };
  });
}

interface Readable {
  readonly place: readonly [start: number, end: number] | null;
  readonly text: string;
  readonly words: ReadonlySet<string>;
}

function readable({ start, end, text = '' }: Entity): Readable {
  const words = text.normalize('NFC').split(/\s+/u).filter(Boolean);
  return {
    place: start === undefined || end === undefined ? null : [start, end],
    text: words.join(' '),
    words: new Set(words),
  };
}

function same(a: Readable, b: Readable): boolean {
  if (a.place === null || b.place === null) return a.text === b.text;
  return a.place[0] === b.place[0] && a.place[1] === b.place[1];
}

function overlap(a: Readable, b: Readable): boolean {
  if (a.place === null || b.place === null) return [...a.words].some((word) => b.words.has(word));
  return a.place[0] < b.place[1] && b.place[0] < a.place[1];
}
