/**
 * A job's measured steps, kept up to date: only what came after the last known step is asked for, every second while
 * the job is unfinished. Steps come in order and each once, so what is here is never asked for or drawn twice,
 * whatever sleeps or restarts meanwhile.
 */

import { useQueries, type UseQueryResult } from '@tanstack/react-query';
import type { JobMetrics, MetricColumn } from '../../../../src/domain/job-metrics.ts';
import { openai } from '../../api.ts';
import { queries } from '../../live.ts';

/** A list per column, each as long as there are steps. */
export interface Curves {
  readonly steps: readonly number[];
  readonly columns: Readonly<Partial<Record<MetricColumn, readonly (number | null)[]>>>;
  readonly totalSteps: number | null;
  /** Whether they were asked for when the job was over, so that nothing can be missing. */
  readonly isWhole: boolean;
}

const nothing: Curves = { steps: [], columns: {}, totalSteps: null, isWhole: false };
const everyMs = 1000;

/** In the order of the ids. `isLive` says which of them may still grow. */
export function useCurves(ids: readonly string[], isLive: (id: string) => boolean): UseQueryResult<Curves>[] {
  return useQueries({
    queries: ids.map((id) => ({
      queryKey: keyOf(id),
      queryFn: ({ signal }: { signal: AbortSignal }) => fetchMore(id, !isLive(id), signal),
      // The last steps may have come between the last look at the curves and the first one at a finished job.
      refetchInterval: ({ state }: { state: { data?: Curves | undefined } }) =>
        state.data?.isWhole === true ? (false as const) : everyMs,
      refetchIntervalInBackground: false,
      // Two lists of a hundred thousand are not to be compared number by number.
      structuralSharing: false,
    })),
  });
}

const keyOf = (id: string): readonly string[] => ['job', id, 'curves'];

async function fetchMore(id: string, isOver: boolean, signal: AbortSignal): Promise<Curves> {
  let known = queries.getQueryData<Curves>(keyOf(id)) ?? nothing;
  for (;;) {
    const after = known.steps.at(-1) ?? 0;
    const answer = await openai.get<JobMetrics>(`/fine_tuning/jobs/${id}/metrics`, { query: { after }, signal });
    known = appended(known, answer);
    if (!answer.has_more) return known.isWhole === isOver ? known : { ...known, isWhole: isOver };
  }
}

/** The same object where nothing is new. */
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
