/** The models of this machine, as every page asks for them: one question and one answer in the cache. */

import type { UseQueryResult } from '@tanstack/react-query';
import type OpenAI from 'openai';
import type { BaseModelObject } from '../../../src/domain/base-model.ts';
import { type ListOf, openai } from '../api.ts';
import { useLive } from '../live.ts';

interface Options {
  readonly enabled?: boolean;
  readonly every?: number | false;
}

/** Base models, those that are here and those that could be. */
export function useBases(options: Options = {}): UseQueryResult<readonly BaseModelObject[]> {
  const ask = async (signal: AbortSignal): Promise<readonly BaseModelObject[]> =>
    (await openai.get<ListOf<BaseModelObject>>('/base_models', { signal })).data;
  return useLive(['base-models', 'all'], ask, options);
}

/** Everything that answers under a name. */
export function useModels(options: Options = {}): UseQueryResult<readonly OpenAI.Model[]> {
  const ask = async (signal: AbortSignal): Promise<readonly OpenAI.Model[]> =>
    (await openai.models.list({ signal })).data;
  return useLive(['models'], ask, options);
}

/** Names of models that can answer, fine-tuned ones first. */
export function useModelNames({ every = 5000 }: Options = {}): readonly string[] {
  const names = (useModels({ every }).data ?? []).map(({ id }) => id);
  return [...names.filter((name) => name.startsWith('ft:')), ...names.filter((name) => !name.startsWith('ft:'))];
}
