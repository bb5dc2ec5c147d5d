/** What a file must be like to be taken in for its purpose, whichever way its bytes come. */

import { z } from 'zod';
import { invalid, TunesmithError } from '../domain/errors.ts';
import type { NewFile } from '../store/files.ts';
import { optional, queryInteger } from './validation.ts';

const batchBytesMax = 200 * 2 ** 20;
const batchExpirySeconds = 30 * 24 * 60 * 60;

/** `expires_after` of a form, where numbers are text, or of a JSON body. */
export const expiresAfter = optional(
  z.object({
    anchor: z.literal('created_at'),
    seconds: z.union([z.int().min(3600).max(batchExpirySeconds), queryInteger(3600, batchExpirySeconds)]),
  }),
);

export function assertName(purpose: NewFile['purpose'], filename: string, param: string): void {
  if (purpose === 'fine-tune' && !/\.jsonl$/i.test(filename))
    throw invalid(
      param,
      `Invalid file format: '${filename}' cannot be used for fine-tuning. Expected a .jsonl file, one JSON object per line.`,
      'invalid_file_format',
    );
}

export function assertSize(purpose: NewFile['purpose'], sizeBytes: number, param: string): void {
  if (purpose === 'batch' && sizeBytes > batchBytesMax)
    throw new TunesmithError(
      'too_large',
      `The file has ${sizeBytes} bytes; batch input may have ${batchBytesMax} (200 MB).`,
      { param },
    );
}

/** How long a file is kept: as long as was asked for; of batches a month; others for ever. */
export function expirySeconds(
  purpose: NewFile['purpose'],
  asked: { readonly seconds: number } | undefined,
): number | null {
  return asked?.seconds ?? (purpose === 'batch' ? batchExpirySeconds : null);
}
