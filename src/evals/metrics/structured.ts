/**
 * Answers that should be JSON: whether they are, whether they fit, and which fields are right.
 *
 * A field is a path to a value (`address.city`); a list is one field, right as a whole. Per field the accuracy is the
 * share of references with this field whose answer has the same value there. All fields together have precision (of
 * those answered), recall (of those wanted) and F1. Text around the JSON, such as a code fence, makes it no JSON: a
 * program that reads the answer would say the same. An answer that is no JSON has no field.
 */

import { bootstrapAll, share, wilson, type BootstrapOptions, type Estimate, type Statistic } from './estimate.ts';
import { fieldsOf, readJson, sameJson } from './json.ts';
import { averageStatistic, qualities, type Quality, type Tally } from './quality.ts';

export interface StructuredCase {
  readonly predicted: string | null;
  readonly reference: string;
}

export interface FieldScores {
  /** Of the references with this field. */
  readonly accuracy: Estimate;
  /** Answers that have the field with another value; and those that lack it. */
  readonly wrong: number;
  readonly missing: number;
  /** Answers that have the field where the reference has none. */
  readonly unexpected: number;
}

export interface StructuredScores {
  readonly valid: Estimate;
  /** Of all answers those that also pass `fits`; null without it. */
  readonly fitting: Estimate | null;
  /** Wholly equal to the reference. */
  readonly equal: Estimate;
  readonly fields: Quality;
  readonly perField: ReadonlyMap<string, FieldScores>;
  /** The mean over fields of their accuracies. */
  readonly fieldAccuracy: Estimate;
  /** Per case, for McNemar's test: equal to the reference. */
  readonly exact: readonly boolean[];
}

export interface StructuredOptions extends BootstrapOptions {
  /** Whether a value keeps its schema. */
  readonly fits?: ((value: unknown) => boolean) | undefined;
}

export function structuredScores(
  cases: readonly StructuredCase[],
  { fits, ...options }: StructuredOptions = {},
): StructuredScores {
  const read = cases.map(readCase);
  const values = read.map(({ answer }) => answer);
  const exact = read.map(({ answer, wanted }) => answer !== null && sameJson(answer.value, wanted));
  const perField = new Map<string, FieldScores>();
  for (const name of new Set(read.flatMap(({ fields }) => [...fields.keys()]))) {
    const outcomes = read.flatMap(({ fields }) => fields.get(name) ?? []);
    const count = (outcome: Outcome): number => outcomes.filter((each) => each === outcome).length;
    perField.set(name, {
      accuracy: wilson(count('right'), outcomes.length - count('unexpected')),
      wrong: count('wrong'),
      missing: count('missing'),
      unexpected: count('unexpected'),
    });
  }
  return {
    valid: share(values.map((answer) => answer !== null)),
    fitting: fits === undefined ? null : share(values.map((answer) => answer !== null && fits(answer.value))),
    equal: share(exact),
    fields: qualities(cases.length, tallied(read), options).averages.micro,
    perField,
    fieldAccuracy: meanFieldAccuracy(read, options),
    exact,
  };
}

/** F1 of all fields together, for a paired comparison. */
export const fieldStatistic = (cases: readonly StructuredCase[]): Statistic =>
  averageStatistic(tallied(cases.map(readCase)), 'micro', undefined);

type Outcome = 'right' | 'wrong' | 'missing' | 'unexpected';

interface Read {
  readonly answer: { readonly value: unknown } | null;
  readonly wanted: unknown;
  readonly fields: ReadonlyMap<string, Outcome>;
}

function readCase({ predicted, reference }: StructuredCase, i: number): Read {
  const wanted = readJson(reference);
  if (wanted === null) throw new Error(`The reference of case ${i + 1} is not JSON: ${reference.slice(0, 80)}`);
  const answer = readJson(predicted);
  const [expected, answered] = [fieldsOf(wanted.value), answer === null ? new Map() : fieldsOf(answer.value)];
  const fields = new Map<string, Outcome>();
  for (const [name, value] of expected)
    fields.set(name, !answered.has(name) ? 'missing' : sameJson(answered.get(name), value) ? 'right' : 'wrong');
  for (const name of answered.keys()) if (!expected.has(name)) fields.set(name as string, 'unexpected');
  return { answer, wanted: wanted.value, fields };
}

function tallied(read: readonly Read[]): (counts: ArrayLike<number>) => Tally[] {
  const each = read.map(({ fields }): Tally => {
    const outcomes = [...fields.values()];
    return {
      hits: outcomes.filter((one) => one === 'right').length,
      answered: outcomes.filter((one) => one !== 'missing').length,
      support: outcomes.filter((one) => one !== 'unexpected').length,
    };
  });
  return (counts) => {
    const sum = (of: (tally: Tally) => number): number =>
      each.reduce((total, tally, i) => total + counts[i]! * of(tally), 0);
    return [{ hits: sum((one) => one.hits), answered: sum((one) => one.answered), support: sum((one) => one.support) }];
  };
}

function meanFieldAccuracy(read: readonly Read[], options: BootstrapOptions): Estimate {
  const names = [...new Set(read.flatMap(({ fields }) => [...fields.keys()]))];
  const places = new Map(names.map((name, i) => [name, i]));
  const outcomes = read.map(({ fields }) => [...fields].map(([name, one]) => [places.get(name)!, one] as const));
  const statistic = (counts: ArrayLike<number>): number[] => {
    const [right, wanted] = [new Float64Array(names.length), new Float64Array(names.length)];
    for (const [i, fields] of outcomes.entries()) {
      for (const [place, outcome] of fields) {
        if (outcome === 'right') right[place]! += counts[i]!;
        if (outcome !== 'unexpected') wanted[place]! += counts[i]!;
      }
    }
    let [sum, seen] = [0, 0];
    for (const [place, total] of wanted.entries()) {
      if (total === 0) continue;
      sum += right[place]! / total;
      seen += 1;
    }
    return [sum / seen];
  };
  return bootstrapAll(read.length, { statistic }, options)[0]!;
}
