/** Captures and the tasks that fill and read them, live. */

import type { UseQueryResult } from '@tanstack/react-query';
import type { OpenAICaptureDetails, OpenAICaptures } from '../../../../src/domain/openai-capture.ts';
import type { Task, TaskType } from '../../../../src/domain/task.ts';
import { type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { isOver } from '../../parts/task-progress.tsx';

export const usualName = 'openai';

export function useCaptures(): UseQueryResult<OpenAICaptures> {
  return useLive(['openai-captures'], (signal) => openai.get<OpenAICaptures>('/openai_captures', { signal }), {
    every: 2000,
  });
}

/** Asked for again only while something works with it. */
export function useCapture(name: string, isBusy: boolean): UseQueryResult<OpenAICaptureDetails> {
  return useLive(
    ['openai-capture', name],
    (signal) => openai.get<OpenAICaptureDetails>(`/openai_captures/${name}`, { signal }),
    { every: isBusy ? 2000 : 10_000, keepsPrevious: false },
  );
}

const tasksLooked = 50;

/** The newest task of this type on this capture; null while there is none. */
export function useNewest(type: TaskType, capture: string): Task | null {
  const { data } = useLive(
    ['tasks', type],
    (signal) => openai.get<ListOf<Task>>('/tasks', { query: { type, limit: tasksLooked }, signal }),
    { every: (tasks) => (tasks?.data.some((task) => !isOver(task)) === true ? 500 : 3000) },
  );
  const of = (task: Task): string => (task.request as { capture?: string | null }).capture ?? usualName;
  return data?.data.find((task) => of(task) === capture) ?? null;
}

export const isBusy = (task: Task | null): boolean => task !== null && !isOver(task);

/** Days from today to a date; negative when it has passed. */
export function daysUntil(date: string, nowMs = Date.now()): number {
  return Math.ceil((Date.parse(`${date}T00:00:00Z`) - nowMs) / 86_400_000);
}

/** "in 52 days", "tomorrow", "31 days ago". */
export function untilWords(date: string): string {
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(daysUntil(date), 'day');
}
