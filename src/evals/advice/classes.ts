/**
 * What a run's errors advise: which class (label, entity, field, tool) is weak beyond chance, and whether the training
 * file has little of it or another class stands in its way.
 */

import { labelsOf, callsOf, textOf, type TestItem } from '../task.ts';
import type { Evaluation, PartScores } from '../evaluate.ts';
import type { Estimate } from '../metrics/estimate.ts';
import type { Advice } from './advice.ts';

/** Fewer cases of a class prove nothing. */
const supportMin = 5;
const classesTold = 5;

/** `training` is null where the file is not there; then nothing is said of how much of a class there is. */
export function adviceOfClasses(evaluation: Evaluation, training: readonly TestItem[] | null): Advice[] {
  const graded = evaluation.parts.flatMap((part) => {
    const estimate = part.recall ?? part.accuracy;
    return estimate === null ? [] : [{ part, estimate }];
  });
  const total = graded.reduce((sum, { part }) => sum + part.support, 0);
  if (graded.length < 2 || total === 0) return [];
  const overall = graded.reduce((sum, { part, estimate }) => sum + estimate.value * part.support, 0) / total;
  const counts = training === null ? null : countsIn(training, evaluation);
  return graded
    .filter(({ part, estimate }) => part.support >= supportMin && estimate.high < overall)
    .sort((a, b) => a.estimate.value - b.estimate.value)
    .slice(0, classesTold)
    .map(({ part, estimate }) => adviceOf(part, estimate, overall, evaluation, counts));
}

type Counts = ReadonlyMap<string, number>;

function adviceOf(
  part: PartScores,
  estimate: Estimate,
  overall: number,
  evaluation: Evaluation,
  counts: Counts | null,
): Advice {
  const rival = rivalOf(part.name, evaluation);
  const found = part.recall === null ? 'right' : 'found';
  const evidence = [
    `Of ${part.support} cases of "${part.name}" ${percent(estimate.value)} were ${found} (${percent(estimate.low)} - ${percent(estimate.high)}); of all together ${percent(overall)}.`,
    ...(rival === null ? [] : [`${rival.count} of its ${rival.wrong} misses were answered "${rival.name}".`]),
  ];
  const own = counts?.get(part.name) ?? (counts === null ? null : 0);
  if (counts !== null && own !== null) {
    const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const even = all / Math.max(1, counts.size);
    evidence.push(`The training file has ${own} of it among ${all}; an even share would be ${even.toFixed(0)}.`);
    if (own >= even && rival !== null && rival.count * 2 >= rival.wrong)
      return {
        kind: 'confused_classes',
        text: `Tell "${part.name}" and "${rival.name}" apart more clearly, in the system message or by examples that lie near the border: there are enough examples of "${part.name}".`,
        evidence,
      };
  }
  return { kind: 'more_of_class', text: `Bring more examples of "${part.name}".`, evidence };
}

/** What a class is taken for most often. */
function rivalOf(name: string, { confusion }: Evaluation): { name: string; count: number; wrong: number } | null {
  const at = confusion?.labels.indexOf(name) ?? -1;
  if (confusion === null || at === -1) return null;
  const row = confusion.rows[at]!.map((count, i) => (i === at ? 0 : count));
  const wrong = row.reduce((sum, count) => sum + count, 0);
  const most = row
    .slice(0, confusion.labels.length)
    .reduce((best, count, i, all) => (count > all[best]! ? i : best), 0);
  if (wrong === 0 || row[most] === 0 || most === at) return null;
  return { name: confusion.labels[most]!, count: row[most]!, wrong };
}

/** How often the training file has each class; null where the kind of task has none to count. */
function countsIn(training: readonly TestItem[], { task }: Evaluation): Counts | null {
  if (task !== 'classification' && task !== 'tool_calls') return null;
  const names = training.flatMap(({ reference }) =>
    task === 'classification' ? [textOf(reference)] : callsOf(reference).map((call) => call.name),
  );
  const counts = new Map(labelsOf(names).map((name) => [name, 0]));
  for (const name of names) counts.set(name, counts.get(name)! + 1);
  return counts;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
