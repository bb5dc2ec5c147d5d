/**
 * Data that keeps itself up to date: asked for again every second while somebody looks.
 *
 * What is shown stays while the server cannot be reached, and comes back by itself when it can. A hidden page asks
 * nothing, and asks at once when it is looked at again: a laptop that slept needs no reload.
 */

import {
  keepPreviousData,
  QueryCache,
  QueryClient,
  type QueryKey,
  useMutation,
  type UseMutationResult,
  useQuery,
  useQueryClient,
  type UseQueryResult,
} from '@tanstack/react-query';
import { isLockedOut } from './api.ts';

const everyMs = 1000;

const queryCache = new QueryCache({
  onError: (error) => {
    // The key was revoked or the session has ended: the question who is asking must be asked again.
    if (isLockedOut(error)) void queries.invalidateQueries({ queryKey: ['session'] });
  },
});

export const queries = new QueryClient({
  queryCache,
  defaultOptions: {
    // The server is on this machine more often than not: whether there is internet says nothing.
    queries: { networkMode: 'always', retry: false, staleTime: 0, gcTime: 5 * 60_000, refetchOnWindowFocus: 'always' },
    mutations: { networkMode: 'always', retry: false },
  },
});

type Ask<Answer> = (signal: AbortSignal) => Promise<Answer>;

interface Options<Answer> {
  /** False where there is nothing to ask yet. */
  readonly enabled?: boolean;
  /** How often; by default every second. A function may stop it: `(job) => (isOver(job) ? false : 1000)`. */
  readonly every?: number | false | ((answer: Answer | undefined) => number | false);
  /** Whether the answer to an earlier question stays while this one is asked, as in a filtered list. */
  readonly keepsPrevious?: boolean;
}

/** The answer as it is now, and in a second, and in two. */
export function useLive<Answer>(
  key: QueryKey,
  ask: Ask<Answer>,
  { enabled = true, every = everyMs, keepsPrevious = false }: Options<Answer> = {},
): UseQueryResult<Answer> {
  return useQuery({
    queryKey: key,
    queryFn: ({ signal }) => ask(signal),
    enabled,
    refetchInterval: typeof every === 'function' ? (query) => every(query.state.data as Answer | undefined) : every,
    refetchIntervalInBackground: false,
    ...(keepsPrevious && { placeholderData: keepPreviousData }),
  } as Parameters<typeof useQuery>[0]) as UseQueryResult<Answer>;
}

/** The answer once; for what cannot change. */
export function useOnce<Answer>(
  key: QueryKey,
  ask: Ask<Answer>,
  { enabled = true }: { enabled?: boolean } = {},
): UseQueryResult<Answer> {
  return useLive(key, ask, { enabled, every: false });
}

/** Something the user does. Afterwards the lists that `changes` names by the beginning of their keys are asked for again. */
export function useAct<Given, Answer>(
  act: (given: Given) => Promise<Answer>,
  { changes = [], onDone }: { changes?: readonly QueryKey[]; onDone?: (answer: Answer, given: Given) => void } = {},
): UseMutationResult<Answer, unknown, Given> {
  const client = useQueryClient();
  return useMutation<Answer, unknown, Given>({
    mutationFn: act,
    onSuccess: (answer, given) => {
      for (const queryKey of changes) void client.invalidateQueries({ queryKey });
      onDone?.(answer, given);
    },
  });
}
