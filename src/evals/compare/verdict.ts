/**
 * Which contender to use, in one sentence, and whether fine-tuning was worth it. The rule:
 *
 *   1. Of the contenders on this machine, the one with the highest main figure is held against every other one, and
 *      the p-values are corrected for so many comparisons (Holm).
 *   2. Those that are not significantly worse are as good, as far as this test can tell. Of them the one that takes
 *      least is the one to use: a constant answer, words, a neighbour, the base as it is, the base with examples, a
 *      fine-tune, a checkpoint of one. Among equals the higher figure decides.
 *   3. Fine-tuning was worth it when that is a fine-tune: then all that takes less is significantly worse.
 *   4. An endpoint elsewhere is to be used only where it is significantly better than that.
 *   5. A small test can hardly show a difference, so on one the best is used for the time being, and the sentence
 *      says that this is all it is.
 */

import type { Estimate } from '../metrics/estimate.ts';
import { holm, significanceLevel, type Comparison } from '../metrics/paired.ts';

/** From what takes least to what takes most. */
export const kinds = [
  'majority',
  'bag_of_words',
  'nearest_neighbour',
  'base',
  'few_shot',
  'fine_tune',
  'checkpoint',
  'endpoint',
] as const;

export type Kind = (typeof kinds)[number];

export interface Entrant {
  readonly name: string;
  readonly kind: Kind;
  readonly figure: Estimate;
}

export interface Verdict {
  /** The one to use. */
  readonly use: string;
  /** The one with the highest figure. */
  readonly best: string;
  /** Null where no fine-tune took part, or nothing that it could have been spared for. */
  readonly fineTuningWorthIt: boolean | null;
  /** Too few questions for the difference that decided: it may be there all the same. */
  readonly unsure: boolean;
  readonly sentence: string;
}

/** A contender that takes less is used in spite of a difference that may be as great as this; the sentence says so. */
const differenceTolerated = 0.1;

/** `compare` gives the second's figure less the first's; `title` is the figure's. */
export function verdictOf(
  entrants: readonly Entrant[],
  compare: (first: string, second: string) => Comparison,
  title: string,
): Verdict {
  const here = entrants.filter(({ kind }) => kind !== 'endpoint');
  const elsewhere = entrants.filter(({ kind }) => kind === 'endpoint');
  const best = highest(here.length > 0 ? here : elsewhere);
  if (best === null) throw new Error('There is nobody to compare.');
  if (here.length === 0) return onlyElsewhere(elsewhere, best, compare, title);

  const others = here.filter((each) => each !== best);
  const worse = significantly(others.map(({ name }) => compare(name, best.name)));
  const asGood = [best, ...others.filter((_, i) => !worse[i])].sort(leastFirst);
  const chosen = asGood[0]!;
  const fineTunes = here.filter(isFineTuned);
  const rivals = here.filter((each) => !isFineTuned(each));
  const worthIt = fineTunes.length === 0 || rivals.length === 0 ? null : isFineTuned(chosen);

  // Too few questions to give up the best for.
  const forNow = best.figure.small && chosen !== best;
  const local = forNow ? best : chosen;
  const better = significantly(elsewhere.map(({ name }) => compare(local.name, name)));
  const away = highest(elsewhere.filter((each, i) => better[i]! && each.figure.value > local.figure.value));
  const use = away ?? local;
  const lead = local === best ? null : compare(local.name, best.name);
  const unsure = best.figure.small || (lead !== null && lead.difference.high > differenceTolerated);

  const reached = `${title} ${percent(use.figure.value)} %`;
  const clauses = [
    ...(away !== null
      ? [`Use ${use.name}: ${reached}, significantly better than the best of this machine (${shown(local)})`]
      : forNow
        ? [`Use ${use.name} for now: ${reached}, the best, but ${use.figure.n} questions are too few to show it`]
        : [`Use ${use.name}: ${reached}, ${reasonFor(use, best, lead, others)}`]),
    ...(worthIt === false ? [notWorthIt(highest(fineTunes)!, highest(rivals)!, compare, forNow)] : []),
    ...(unsure && lead !== null ? [doubt(best, lead)] : []),
    ...(best.figure.small && !forNow ? [`only ${best.figure.n} questions, so ask more to be sure`] : []),
  ];
  return {
    use: use.name,
    best: highest(entrants)!.name,
    fineTuningWorthIt: worthIt,
    unsure,
    sentence: `${clauses.join('; ')}.`,
  };
}

function reasonFor(use: Entrant, best: Entrant, lead: Comparison | null, others: readonly Entrant[]): string {
  if (lead !== null)
    return `and nothing that takes more is significantly better (${best.name} is ahead by ${points(lead)})`;
  if (others.length === 0) return 'with nobody against it';
  const cheaper = highest(others.filter((each) => effort(each) < effort(use)));
  if (cheaper === null) return 'the best, and nothing takes less';
  return `significantly better than all that takes less (the best of that is ${shown(cheaper)})`;
}

function notWorthIt(
  fineTune: Entrant,
  rival: Entrant,
  compare: (first: string, second: string) => Comparison,
  open: boolean,
): string {
  const comparison = compare(rival.name, fineTune.name);
  const said = open ? 'that fine-tuning was worth it is not shown' : 'fine-tuning was not worth it';
  return `${said}: ${fineTune.name} is not significantly better than what takes less (${points(comparison)} against ${rival.name}, p = ${probability(comparison.pValue)})`;
}

const doubt = (best: Entrant, { difference }: Comparison): string =>
  `but ${difference.n} questions cannot rule out that ${best.name} is up to ${percent(difference.high)} points better`;

function onlyElsewhere(
  elsewhere: readonly Entrant[],
  best: Entrant,
  compare: (first: string, second: string) => Comparison,
  title: string,
): Verdict {
  const others = elsewhere.filter((each) => each !== best);
  const worse = significantly(others.map(({ name }) => compare(name, best.name)));
  const equal = others.filter((_, i) => !worse[i]).map(({ name }) => name);
  const rest = equal.length === 0 ? '' : `; not significantly better than ${equal.join(', ')}`;
  return {
    use: best.name,
    best: best.name,
    fineTuningWorthIt: null,
    unsure: best.figure.small,
    sentence: `Use ${best.name}: ${title} ${percent(best.figure.value)} %${rest}.`,
  };
}

/** Of comparisons made together: which of them show that the second is better. */
function significantly(comparisons: readonly Comparison[]): boolean[] {
  const adjusted = holm(comparisons.map(({ pValue }) => pValue));
  return comparisons.map(({ difference }, i) => adjusted[i]! < significanceLevel && difference.value > 0);
}

const effort = ({ kind }: Entrant): number => kinds.indexOf(kind);
const isFineTuned = ({ kind }: Entrant): boolean => kind === 'fine_tune' || kind === 'checkpoint';
const leastFirst = (a: Entrant, b: Entrant): number => effort(a) - effort(b) || b.figure.value - a.figure.value;

/** The first of equal ones that takes least. */
function highest(entrants: readonly Entrant[]): Entrant | null {
  return entrants.toSorted((a, b) => b.figure.value - a.figure.value || effort(a) - effort(b))[0] ?? null;
}

const shown = ({ name, figure }: Entrant): string => `${name}, ${percent(figure.value)} %`;
const percent = (share: number): string => (100 * share).toFixed(1);
const points = ({ difference: { value, low, high } }: Comparison): string =>
  `${percent(value)} points, ${percent(low)} to ${percent(high)}`;
export const probability = (p: number): string => (Number.isNaN(p) ? '?' : p < 0.001 ? '< 0.001' : p.toFixed(3));
