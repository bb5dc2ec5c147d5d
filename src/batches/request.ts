/** What a request for a new batch may say. */

import { z } from 'zod';
import { batchEndpoints } from '../domain/batch.ts';

/** Results are kept so long unless somebody says otherwise. */
const outputSeconds = 30 * 24 * 60 * 60;

export const batchRequestSchema = z.strictObject({
  input_file_id: z.string().min(1),
  endpoint: z.enum(batchEndpoints),
  completion_window: z.enum(['24h']),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .nullish()
    .refine((pairs) => Object.keys(pairs ?? {}).length <= 16, {
      message: "Invalid 'metadata': expected at most 16 pairs.",
      params: { code: 'object_above_max_properties' },
    }),
  output_expires_after: z
    .strictObject({ anchor: z.literal('created_at'), seconds: z.int().min(3600).max(outputSeconds) })
    .nullish()
    .transform((policy) => policy ?? { anchor: 'created_at' as const, seconds: outputSeconds }),
});

export type BatchRequest = z.output<typeof batchRequestSchema>;
