/**
 * Lists in OpenAI's envelope.
 *
 * Rooms are asked for one element more than the page holds: its presence is `has_more`, and it is not shown.
 */

import { z } from 'zod';
import { optional, queryInteger } from './validation.ts';

export interface ListPage<Item> {
  readonly object: 'list';
  readonly data: readonly Item[];
  readonly has_more: boolean;
}

export interface ListPageWithEnds<Item> extends ListPage<Item> {
  readonly first_id: string | null;
  readonly last_id: string | null;
}

/** The query fields that every paged list takes. */
export function pageFields(limitDefault: number, limitMax: number) {
  return {
    limit: optional(queryInteger(1, limitMax)).transform((limit) => limit ?? limitDefault),
    after: optional(z.string()).transform((after) => after ?? null),
  };
}

export function listPage<Item>(found: readonly Item[], limit: number): ListPage<Item> {
  return { object: 'list', data: found.slice(0, limit), has_more: found.length > limit };
}

/** For the lists that also name their first and last element. */
export function listPageWithEnds<Item extends { readonly id: string }>(
  found: readonly Item[],
  limit: number,
): ListPageWithEnds<Item> {
  const page = listPage(found, limit);
  return { ...page, first_id: page.data[0]?.id ?? null, last_id: page.data.at(-1)?.id ?? null };
}
