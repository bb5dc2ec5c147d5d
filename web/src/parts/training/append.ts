/** A job's steps as columns, and how what is new is put to what is known. */

import type { JobMetrics, MetricColumn } from '../../../../src/domain/job-metrics.ts';

/** A list per column, each as long as there are steps. */
export interface Curves {
  readonly steps: readonly number[];
  readonly columns: Readonly<Partial<Record<MetricColumn, readonly (number | null)[]>>>;
  readonly totalSteps: number | null;
  /** Whether they were asked for when the job was over, so that nothing can be missing. */
  readonly isWhole: boolean;
}

export const nothing: Curves = { steps: [], columns: {}, totalSteps: null, isWhole: false };

/** Steps that are known already are passed over; the same object comes back where nothing is new. */
export function appended(known: Curves, { columns: names, data, total_steps: totalSteps }: JobMetrics): Curves {
  const last = known.steps.at(-1) ?? 0;
  const fresh = data.filter(([step]) => step !== null && step !== undefined && step > last);
  if (fresh.length === 0) return totalSteps === known.totalSteps ? known : { ...known, totalSteps };
  const columns: Partial<Record<MetricColumn, readonly (number | null)[]>> = {};
  for (const [i, name] of names.entries()) {
    const before = known.columns[name];
    if (before === undefined && fresh.every((row) => row[i] == null)) continue;
    const earlier = before ?? known.steps.map(() => null);
    columns[name] = [...earlier, ...fresh.map((row) => row[i] ?? null)];
  }
  return { ...known, steps: [...known.steps, ...fresh.map(([step]) => step!)], columns, totalSteps };
}
