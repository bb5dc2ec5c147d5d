/**
 * Whether a model calls the right tools: names, arguments, the set of calls, their order.
 *
 *   decision    calls where there is something to call, and only there
 *   names       the same tools, as often, in any order
 *   set         the same calls with the same arguments, in any order
 *   order       the same calls in the same order
 *   arguments   of the calls whose tool is right, those whose arguments are too
 *   valid       of the calls made, those whose arguments are a JSON object
 *   calls       precision, recall and F1 of single calls, arguments included
 *
 * Arguments are compared as JSON: spaces and the order of names do not count. Arguments that are no JSON equal only
 * the same text. Shares of cases have Wilson's interval; shares of calls draw cases, since calls of one case go
 * together. An answer that never came (`null`) made no call and decided nothing.
 */

import { bootstrapAll, share, type BootstrapOptions, type Estimate, type Statistic } from './estimate.ts';
import { readJson, sameJson } from './json.ts';
import { averageStatistic, qualities, type Quality, type Tally } from './quality.ts';

export interface Call {
  readonly name: string;
  /** As the API has them: JSON in a text. */
  readonly arguments: string;
}

export interface CallCase {
  readonly predicted: readonly Call[] | null;
  readonly reference: readonly Call[];
}

export interface CallScores {
  readonly decision: Estimate;
  readonly names: Estimate;
  readonly set: Estimate;
  readonly order: Estimate;
  /** null where no call's tool is right, or no call was made. */
  readonly arguments: Estimate | null;
  readonly valid: Estimate | null;
  readonly calls: Quality;
  readonly perTool: ReadonlyMap<string, Quality & { readonly support: number; readonly answered: number }>;
  /** Per case, for McNemar's test: the set and the order are right. */
  readonly exact: readonly boolean[];
}

export function callScores(cases: readonly CallCase[], options: BootstrapOptions = {}): CallScores {
  if (cases.length === 0) throw new Error('There is nothing to score: the test has no cases.');
  const judged = cases.map(judge);
  const tools = toolsOf(judged);
  const { classes, averages } = qualities(cases.length, tallied(judged, tools), options);
  const exact = judged.map(({ order }) => order);
  return {
    decision: share(judged.map(({ decision }) => decision)),
    names: share(judged.map(({ names }) => names)),
    set: share(judged.map(({ set }) => set)),
    order: share(exact),
    arguments: shareOfCalls(judged, ({ hits, named }) => [hits, named], options),
    valid: shareOfCalls(judged, ({ valid, made }) => [valid, made], options),
    calls: averages.micro,
    perTool: new Map(
      tools.map((tool, i) => {
        const { quality, tally } = classes[i]!;
        return [tool, { ...quality, support: tally.support, answered: tally.answered }];
      }),
    ),
    exact,
  };
}

/** F1 of single calls, for a paired comparison. */
export function callStatistic(cases: readonly CallCase[]): Statistic {
  const judged = cases.map(judge);
  return averageStatistic(tallied(judged, toolsOf(judged)), 'micro', undefined);
}

interface JudgedCalls {
  readonly decision: boolean;
  readonly names: boolean;
  readonly set: boolean;
  readonly order: boolean;
  readonly hits: number;
  /** Calls whose tool is right, each wanted call used once. */
  readonly named: number;
  readonly valid: number;
  readonly made: number;
  readonly perTool: ReadonlyMap<string, Tally>;
}

function judge({ predicted, reference }: CallCase): JudgedCalls {
  const [made, wanted] = [(predicted ?? []).map(readCall), reference.map(readCall)];
  const perTool = new Map<string, Tally>();
  let named = 0;
  for (const name of new Set([...wanted, ...made].map((call) => call.name))) {
    const ofTool = made.filter((call) => call.name === name);
    let open = wanted.filter((call) => call.name === name);
    const support = open.length;
    named += Math.min(ofTool.length, support);
    for (const call of ofTool) {
      const place = open.findIndex((each) => sameCall(each, call));
      if (place !== -1) open = open.toSpliced(place, 1);
    }
    perTool.set(name, { hits: support - open.length, answered: ofTool.length, support });
  }
  const hits = [...perTool.values()].reduce((sum, tally) => sum + tally.hits, 0);
  const answered = predicted !== null;
  const asMany = answered && made.length === wanted.length;
  return {
    decision: answered && made.length > 0 === wanted.length > 0,
    names: asMany && named === wanted.length,
    set: asMany && hits === wanted.length,
    order: asMany && made.every((call, i) => sameCall(call, wanted[i]!)),
    hits,
    named,
    valid: made.filter(({ parsed }) => isObject(parsed?.value)).length,
    made: made.length,
    perTool,
  };
}

interface ReadCall extends Call {
  readonly parsed: { readonly value: unknown } | null;
}

/** A call without parameters may have empty arguments. */
const readCall = (call: Call): ReadCall => ({
  ...call,
  parsed: call.arguments.trim() === '' ? { value: {} } : readJson(call.arguments),
});

function sameCall(a: ReadCall, b: ReadCall): boolean {
  if (a.name !== b.name) return false;
  if (a.parsed === null || b.parsed === null) return a.arguments === b.arguments;
  return sameJson(a.parsed.value, b.parsed.value);
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const toolsOf = (judged: readonly JudgedCalls[]): string[] => [
  ...new Set(judged.flatMap(({ perTool }) => [...perTool.keys()])),
];

function tallied(judged: readonly JudgedCalls[], tools: readonly string[]): (counts: ArrayLike<number>) => Tally[] {
  const places = new Map(tools.map((tool, i) => [tool, i]));
  const cases = judged.map(({ perTool }) => [...perTool].map(([tool, tally]) => ({ place: places.get(tool)!, tally })));
  return (counts) => {
    const tallies = tools.map(() => ({ hits: 0, answered: 0, support: 0 }));
    for (const [i, calls] of cases.entries()) {
      for (const { place, tally } of calls) {
        tallies[place]!.hits += counts[i]! * tally.hits;
        tallies[place]!.answered += counts[i]! * tally.answered;
        tallies[place]!.support += counts[i]! * tally.support;
      }
    }
    return tallies;
  };
}

function shareOfCalls(
  judged: readonly JudgedCalls[],
  partOf: (each: JudgedCalls) => readonly [part: number, whole: number],
  options: BootstrapOptions,
): Estimate | null {
  const parts = judged.map(partOf);
  if (parts.every(([, whole]) => whole === 0)) return null;
  const statistic = (counts: ArrayLike<number>): number[] => {
    let [part, whole] = [0, 0];
    for (const [i, each] of parts.entries()) {
      part += counts[i]! * each[0];
      whole += counts[i]! * each[1];
    }
    return [part / whole];
  };
  return bootstrapAll(judged.length, { statistic }, options)[0]!;
}
