/** The newest attempt to fetch each model that is under way, or came to no good end lately. */

import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { PullTaskResult } from '../../../../src/domain/base-model.ts';
import type { Task } from '../../../../src/domain/task.ts';
import { type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { isOver } from '../../parts/task-progress.tsx';

interface PullRequest {
  readonly source: string;
  readonly id?: string | null;
}

export type PullTask = Task<PullRequest, PullTaskResult>;

/** How long a failure is shown. */
const shownSeconds = 24 * 60 * 60;

export function usePulls(): PullTask[] {
  const client = useQueryClient();
  const { data } = useLive(
    ['tasks', 'pull'],
    (signal) => openai.get<ListOf<PullTask>>('/tasks', { query: { type: 'pull', limit: 50 }, signal }),
    { every: (tasks) => (tasks?.data.some((task) => !isOver(task)) === true ? 500 : 1000) },
  );
  const done = data?.data.filter(({ status }) => status === 'succeeded').length;
  const doneBefore = useRef(done);
  useEffect(() => {
    // What has just arrived is asked about at once.
    if (done !== doneBefore.current) void client.invalidateQueries({ queryKey: ['base-models'] });
    doneBefore.current = done;
  }, [done]);
  const newest = new Map<string, PullTask>();
  for (const task of data?.data ?? []) if (!newest.has(task.request.source)) newest.set(task.request.source, task);
  return [...newest.values()].filter(
    ({ status, finished_at: finished }) =>
      status !== 'succeeded' && (finished === null || Date.now() / 1000 - finished < shownSeconds),
  );
}

export const labelOf = ({ request }: PullTask): string =>
  request.id == null ? request.source : `${request.source} as ${request.id}`;
