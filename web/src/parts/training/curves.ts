/**
 * A job's measured steps, kept up to date: only what came after the last known step is asked for, every second while
 * the job is unfinished. Steps come in order and each once, so what is here is never asked for or drawn twice,
 * whatever sleeps or restarts meanwhile.
 */

import { useQueries, type UseQueryResult } from '@tanstack/react-query';
import type { JobMetrics } from '../../../../src/domain/job-metrics.ts';
import { openai } from '../../api.ts';
import { queries } from '../../live.ts';
import { appended, type Curves, nothing } from './append.ts';

export type { Curves } from './append.ts';

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
