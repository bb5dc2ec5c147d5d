/**
 * Any number of contenders on one test: each one's figures, what parts it from the reference, what it costs, and
 * which to use.
 *
 * Everything here is plain data that goes into JSON as it is. The answers are there already; who gave them does not
 * matter. Differences are of the main figure, tested in pairs under the same draws of questions. On a small test the
 * bootstrap sees too little of what might have been, so there McNemar's exact test has to agree as well.
 */

import type { Answered } from '../ask.ts';
import { evaluate, mainStatistic, type Evaluation, type EvaluateOptions } from '../evaluate.ts';
import type { Statistic } from '../metrics/estimate.ts';
import { compareFigures, compareRight, holm, significanceLevel, type Comparison } from '../metrics/paired.ts';
import type { Task } from '../task.ts';
import { priceHere, priceThere, type CostOptions, type PriceHere, type PriceThere } from './costs.ts';
import { verdictOf, type Kind, type Verdict } from './verdict.ts';

export interface Contender {
  readonly name: string;
  readonly kind: Kind;
  /** As requests name it; null where no model is asked. */
  readonly model: string | null;
  /** Examples before each question. */
  readonly shots: number;
  /** Whether it answers on this machine; else on somebody's who charges for it. */
  readonly isHere: boolean;
}

/** A contender with what it answered, in the order of the test. */
export interface Contestant extends Contender {
  readonly answers: readonly Answered[];
  /** What OpenAI counts of the prompts and answers, on average; null where there is nothing to buy. */
  readonly tokensThere: { readonly prompt: number; readonly answer: number } | null;
}

export interface Difference {
  readonly to: string;
  /** This contender's main figure less the reference's. */
  readonly comparison: Comparison;
  /** Corrected for all comparisons of the table (Holm). */
  readonly pAdjusted: number;
  readonly significant: boolean;
}

export interface ComparedRow extends Contender {
  readonly evaluation: Evaluation;
  /** Null of the reference itself. */
  readonly difference: Difference | null;
  readonly there: PriceThere | null;
  readonly here: PriceHere | null;
}

export interface Compared {
  readonly task: Task;
  readonly count: number;
  readonly reference: string;
  readonly rows: readonly ComparedRow[];
  readonly verdict: Verdict;
}

export interface CompareOptions extends EvaluateOptions, CostOptions {
  /** The name of the contender that the others are held against; without it, the first. */
  readonly reference?: string | undefined;
}

export function compare(task: Task, contestants: readonly Contestant[], options: CompareOptions = {}): Compared {
  const reference = contestants.find(({ name }) => name === options.reference) ?? contestants[0];
  if (reference === undefined) throw new Error('There is nobody to compare.');
  const pairs = new Pairs(task, contestants, options);
  const others = contestants.filter((each) => each !== reference);
  const comparisons = others.map(({ name }) => pairs.between(reference.name, name));
  const adjusted = holm(comparisons.map(({ pValue }) => pValue));
  const differenceOf = (contestant: Contestant): Difference | null => {
    const place = others.indexOf(contestant);
    const comparison = comparisons[place];
    if (comparison === undefined) return null;
    const pAdjusted = adjusted[place]!;
    return { to: reference.name, comparison, pAdjusted, significant: pAdjusted < significanceLevel };
  };
  const rows = contestants.map((contestant): ComparedRow => {
    const { name, kind, model, shots, isHere, answers, tokensThere } = contestant;
    return {
      name,
      kind,
      model,
      shots,
      isHere,
      evaluation: pairs.evaluationOf(name),
      difference: differenceOf(contestant),
      there: tokensThere === null ? null : priceThere(contestant, tokensThere, options),
      here: isHere ? priceHere(answers, options) : null,
    };
  });
  const entrants = rows.map(({ name, kind, evaluation }) => ({ name, kind, figure: evaluation.figures[0]!.estimate }));
  const { title } = rows[0]!.evaluation.figures[0]!;
  const verdict = verdictOf(entrants, (first, second) => pairs.between(first, second), title);
  return { task, count: rows[0]!.evaluation.count, reference: reference.name, rows, verdict };
}

/** Every contender's figures once, and every pair's comparison once. */
class Pairs {
  readonly #task: Task;
  readonly #contestants: ReadonlyMap<string, Contestant>;
  readonly #options: EvaluateOptions;
  readonly #evaluations = new Map<string, Evaluation>();
  readonly #statistics = new Map<string, Statistic>();
  readonly #comparisons = new Map<string, Comparison>();

  constructor(task: Task, contestants: readonly Contestant[], { labels }: EvaluateOptions) {
    this.#task = task;
    this.#contestants = new Map(contestants.map((each) => [each.name, each]));
    if (this.#contestants.size < contestants.length) throw new Error('Two contenders have the same name.');
    this.#options = { labels };
  }

  evaluationOf(name: string): Evaluation {
    const known = this.#evaluations.get(name);
    if (known !== undefined) return known;
    const evaluation = evaluate(this.#task, this.#answersOf(name), this.#options);
    this.#evaluations.set(name, evaluation);
    return evaluation;
  }

  /** Words are counted and aligned once, however many pairs there are. */
  #statisticOf(name: string): Statistic {
    const known = this.#statistics.get(name);
    if (known !== undefined) return known;
    const statistic = mainStatistic(this.#task, this.#answersOf(name), this.#options);
    this.#statistics.set(name, statistic);
    return statistic;
  }

  /** The second's main figure less the first's. */
  between(first: string, second: string): Comparison {
    const key = JSON.stringify([first, second]);
    const known = this.#comparisons.get(key);
    if (known !== undefined) return known;
    const count = this.#answersOf(first).length;
    const figures = compareFigures(count, this.#statisticOf(first), this.#statisticOf(second));
    const comparison = figures.difference.small ? this.#doubted(figures, first, second) : figures;
    this.#comparisons.set(key, comparison);
    return comparison;
  }

  #doubted(figures: Comparison, first: string, second: string): Comparison {
    const [a, b] = [first, second].map((name) => this.evaluationOf(name).verdicts.map(({ right }) => right));
    const pValue = Math.max(figures.pValue, compareRight(a!, b!).pValue);
    return { ...figures, pValue, significant: pValue < significanceLevel };
  }

  #answersOf(name: string): readonly Answered[] {
    return this.#contestants.get(name)!.answers;
  }
}
