/** A comparison from beginning to end: who takes part, what they know of the test already, what they answer, who wins. */

import { invalid } from '../../domain/errors.ts';
import type { Answered } from '../ask.ts';
import { chosenTask, readTest, type Task } from '../task.ts';
import { askContenders } from './ask.ts';
import { compare, type Compared } from './compare.ts';
import { priceByName } from './costs.ts';
import { gather } from './gather.ts';
import { leaksBetween, type Leaks } from './leaks.ts';
import type { CompareDesk, CompareWishes, ElsewhereModel } from './wishes.ts';

export interface ComparisonRequest extends CompareWishes {
  /** The path of the test, and what people call it. */
  readonly test: string;
  readonly testName: string;
  readonly models: readonly string[];
  readonly elsewhere: readonly ElsewhereModel[];
  /** The contender that others are held against, by its name or its model. */
  readonly reference?: string | undefined;
  readonly task?: Task | undefined;
  /** The whole closed set, where the test does not show it. */
  readonly labels?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  readonly dropLeaks?: boolean | undefined;
  readonly watts?: number | undefined;
  readonly kilowattHourPrice?: number | undefined;
}

export interface ComparisonRun {
  readonly compared: Compared;
  /** By the contender's name. */
  readonly answersOf: ReadonlyMap<string, readonly Answered[]>;
  /** Why the test is taken for one of its kind. */
  readonly reason: string;
  /** What the training file is called; null where none is known. */
  readonly train: string | null;
  readonly leaks: readonly Leaks[];
  /** Lines of the test that a training file has as well. */
  readonly leaked: ReadonlySet<number>;
}

export async function runComparison(
  desk: CompareDesk,
  request: ComparisonRequest,
  onLeaks: (leaks: readonly Leaks[]) => void = () => {},
): Promise<ComparisonRun> {
  const { signal, view } = desk;
  const { test, testName, models, elsewhere, dropLeaks, limit } = request;
  const all = await readTest(test, { signal });
  const gathered = await gather(desk, request, models);
  await using _training = gathered;

  const leaks = await leaksBetween(gathered.trainingFiles, test, signal);
  onLeaks(leaks);
  const leaked = new Set(leaks.flatMap(({ findings }) => findings.flatMap(({ lines }) => lines)));
  const kept = dropLeaks === true ? all.filter(({ line }) => !leaked.has(line)) : all;
  const items = kept.slice(0, limit);
  if (items.length === 0) throw invalid('test', `Every question of ${testName} stands in the training file too.`);
  if (leaked.size > 0) view.note(leakNote(leaked.size, all.length, dropLeaks === true));

  const { task, labels, reason } = chosenTask(request, items);
  view.note(`${items.length} questions, ${task.replace('_', ' ')}: ${reason}.`);
  const asked = await askContenders(desk, request, elsewhere, { gathered, task, labels, items });
  const compared = compare(task, asked.contestants, {
    labels: labels.length > 0 ? asked.labels : undefined,
    reference: referenceOf(asked.contestants, request.reference),
    priceOf: priceByName(request.there),
    watts: request.watts,
    kilowattHourPrice: request.kilowattHourPrice,
  });
  const answersOf = new Map(asked.contestants.map(({ name, answers }) => [name, answers]));
  return { compared, answersOf, reason, train: gathered.training?.name ?? null, leaks, leaked };
}

/** By its name, or the model it asks. */
function referenceOf(
  contestants: readonly { readonly name: string; readonly model: string | null; readonly kind: string }[],
  wanted: string | undefined,
): string {
  const found =
    wanted === undefined
      ? (contestants.find(({ kind }) => kind === 'base') ?? contestants[0])
      : (contestants.find(({ name }) => name === wanted) ?? contestants.find(({ model }) => model === wanted));
  if (found !== undefined) return found.name;
  const names = contestants.map(({ name }) => name).join('; ');
  throw invalid('reference', `--reference ${wanted}: no such contender; there are: ${names}.`);
}

const leakNote = (count: number, of: number, dropped: boolean): string =>
  dropped
    ? `${count} of ${of} questions are left out: the training file has them.`
    : `${count} of ${of} questions are in the training file, which flatters whoever learnt from it; --drop-leaks leaves them out.`;
