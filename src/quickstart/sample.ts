/** The data of the quickstart as three files, for whoever wants to begin without data of their own. */

import { once } from 'node:events';
import { startThread } from '../programs.ts';
import type { SpamSizes } from './spam.ts';

/** What each file holds, as JSONL. */
export interface SampleTexts {
  readonly training: string;
  readonly validation: string;
  readonly test: string;
}

/** As `tunesmith quickstart` has them. */
const sizes: SpamSizes = { training: 400, validation: 50, test: 200 };

/** Real mails, half of them spam; the same ones every time. */
export async function spamTexts(): Promise<SampleTexts> {
  const thread = startThread('quickstart/sample-main', sizes);
  try {
    const [texts] = (await once(thread, 'message')) as [SampleTexts];
    return texts;
  } finally {
    await thread.terminate();
  }
}
