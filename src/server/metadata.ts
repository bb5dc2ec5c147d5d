/** Metadata on the wire: up to sixteen pairs of short texts in a body, and `metadata[key]=value` in a query. */

import { z } from 'zod';
import type { Metadata } from '../answers/metadata.ts';

export const metadataSchema = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, {
    message: `Invalid 'metadata': too many properties. Expected an object with at most 16 properties.`,
    params: { code: 'object_above_max_properties' },
  });

/** The pairs that a listed object must have. */
export function metadataPairs(query: unknown): Metadata {
  const fields = Object.entries((query ?? {}) as Record<string, string>);
  return Object.fromEntries(
    fields.flatMap(([field, value]) => {
      const key = /^metadata\[(.+)\]$/u.exec(field)?.[1];
      return key === undefined ? [] : [[key, value]];
    }),
  );
}
