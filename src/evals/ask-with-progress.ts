/** A test put to a model, with progress, and what earlier runs were answered left unasked. */

import type OpenAI from 'openai';
import type { Answered } from './ask.ts';
import { askUnknown } from './remembered.ts';
import type { TestItem } from './task.ts';
import { wasStopped, type View } from './view.ts';

export interface AskingDesk {
  /** Where answers are remembered. */
  readonly answersFolder: string;
  readonly signal: AbortSignal;
  readonly view: View;
}

export interface AskingWishes {
  /** Asks again what was answered before. */
  readonly fresh?: boolean | undefined;
  readonly concurrency: number;
  readonly maxTokens?: number | undefined;
}

export interface Question {
  /** Whom the progress is of, where several are asked. */
  readonly name?: string;
  readonly openai: OpenAI;
  readonly model: string;
  readonly items: readonly TestItem[];
  readonly labels: readonly string[];
  /** Named in what is remembered. */
  readonly server: string;
  /** Awaited before the first question that is really asked. */
  readonly before?: () => Promise<void>;
}

export async function askWithProgress(
  { answersFolder, signal, view }: AskingDesk,
  { fresh, concurrency, maxTokens }: AskingWishes,
  { openai, model, items, labels, server, name, before }: Question,
): Promise<Answered[]> {
  const startedMs = Date.now();
  let known = 0;
  const remembering = {
    folder: answersFolder,
    // A model that was deleted and made anew under its name is another.
    server: `${server} ${await createdAt(openai, model, signal)}`,
    fresh: fresh === true,
    onKnown: (count: number) => {
      known = count;
      const whose = name === undefined ? '' : `${name}: `;
      if (count > 0) view.note(`${whose}${count} of them were answered in an earlier run; --fresh asks again.`);
    },
    ...(before !== undefined && { before }),
  };
  const onProgress = (done: number): void => {
    const left = items.length - known - done;
    view.asked?.(name ?? null, known + done, items.length, ((Date.now() - startedMs) / done) * left);
  };
  const asking = {
    concurrency,
    labels,
    signal,
    onProgress,
    ...(maxTokens !== undefined && { answerTokensMax: maxTokens }),
  };
  const answers: Answered[] = [];
  try {
    for await (const answered of askUnknown(openai, model, items, remembering, asking)) answers.push(answered);
  } finally {
    view.live('');
  }
  return answers;
}

/** Some servers do not tell of single models; the name has to do there. */
export async function createdAt(openai: OpenAI, model: string, signal: AbortSignal): Promise<number> {
  const found = await openai.models.retrieve(model, { signal }).catch((error: unknown) => {
    if (wasStopped(error)) throw error;
    return null;
  });
  return found?.created ?? 0;
}
