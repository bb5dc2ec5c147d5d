/** What the tasks have in common that ask a platform elsewhere with a key of the user's. */

import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import type { TaskProgress } from '../../domain/task.ts';
import type { Captures } from '../../leaving/captures.ts';
import { cleanBaseUrl, officialUrl, type SourceOptions } from '../../leaving/source.ts';

export const leavingFields = {
  /** In memory only, and gone with the task. */
  api_key: z.string().min(1).max(1000),
  /** The name of a capture, which is made where it is not there. */
  capture: z.string().nullish(),
  /** OpenAI's unless it is said, or the capture is from elsewhere. */
  base_url: z.string().min(1).max(2000).nullish(),
  /** Objects or questions under way at a time. */
  concurrency: z.int().min(1).max(16).nullish(),
};

/** Said without repeating it. */
export function assertKey(key: string): void {
  if (!/^[\x21-\x7e]+$/.test(key))
    throw invalid('api_key', 'The key has spaces or letters in it that no key has; copy it again.', 'invalid_value');
}

export async function placeOf(
  captures: Captures,
  name: string | null | undefined,
  baseUrl: string | null | undefined,
): Promise<string> {
  if (baseUrl != null) return cleanBaseUrl(baseUrl);
  return (await captures.placeOf(captures.nameOf(name))) ?? officialUrl;
}

const toldWaitMs = 2000;

/** Waits that a person would notice are told. */
export const waiting = (progress: (news: Partial<TaskProgress>) => void): Pick<SourceOptions, 'onWait'> => ({
  onWait: (ms, reason) => {
    if (ms >= toldWaitMs) progress({ message: `Waiting ${Math.round(ms / 1000)} s: ${reason}` });
  },
});
