/** The base models as they are now, and how one leaves. */

import type { UseQueryResult } from '@tanstack/react-query';
import type { BaseModelObject } from '../../../../src/domain/base-model.ts';
import { type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';

export function useBases(): UseQueryResult<ListOf<BaseModelObject>> {
  return useLive(['base-models'], (signal) => openai.get<ListOf<BaseModelObject>>('/base_models', { signal }));
}

export const removeBase = (id: string, force: boolean): Promise<unknown> =>
  openai.delete(`/base_models/${encodeURIComponent(id)}`, { query: force ? { force: 'true' } : {} });
