/** What every page asks about jobs: one, several, what they are called. */

import type { UseQueryResult } from '@tanstack/react-query';
import type { Hyperparameters, Job, MethodType } from '../../../../src/domain/job.ts';
import { openai, type ListOf } from '../../api.ts';
import { useLive } from '../../live.ts';

export const isOver = ({ status }: Job): boolean => ['succeeded', 'failed', 'cancelled'].includes(status);

export function useJob(id: string): UseQueryResult<Job> {
  return useLive(['job', id], (signal) => openai.get<Job>(`/fine_tuning/jobs/${encodeURIComponent(id)}`, { signal }));
}

/** The newest first. */
export function useJobs(limit: number, every = 1000): UseQueryResult<ListOf<Job>> {
  return useLive(
    ['jobs', limit],
    (signal) => openai.get<ListOf<Job>>('/fine_tuning/jobs', { query: { limit }, signal }),
    { keepsPrevious: true, every },
  );
}

/** Its suffix where it has one: people know their jobs by what they called them. */
export const nameOf = ({ id, user_provided_suffix: suffix }: Job): string => suffix ?? id;

export const methodOf = ({ method }: Job): MethodType => method.type;

export const hyperParametersOf = ({ method }: Job): Hyperparameters =>
  method.type === 'dpo' ? method.dpo.hyperparameters : method.supervised.hyperparameters;

export const methodWords: Readonly<Record<MethodType, string>> = {
  supervised: 'Supervised: learn to answer as the examples do',
  dpo: 'Preferences: learn which of two answers is better',
};
