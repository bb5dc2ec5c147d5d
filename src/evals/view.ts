/** Where long work tells how things stand: a terminal, or a task that somebody watches in a browser. */

import { APIUserAbortError } from 'openai';

export interface View {
  note(text: string): void;
  /** Replaced by the next one; empty takes it away. */
  live(text: string): void;
  /** How many of so many questions are answered, and by whom; `leftMs` is a guess. */
  asked?(who: string | null, done: number, total: number, leftMs: number): void;
}

/** Whether work ended because somebody wanted it to. */
export const wasStopped = (error: unknown): boolean =>
  error instanceof APIUserAbortError || (error instanceof Error && error.name === 'AbortError');
