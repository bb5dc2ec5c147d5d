/** What graders work with, and what each kind of them finds out. */

import type OpenAI from 'openai';
import type { Grade } from '../domain/grader.ts';
import type { PythonGrading } from './python/grading.ts';

export interface GraderTools {
  chat(body: OpenAI.ChatCompletionCreateParamsNonStreaming, signal: AbortSignal): Promise<OpenAI.ChatCompletion>;
  /** One vector of length 1 per text. */
  embed(texts: readonly string[], signal: AbortSignal): Promise<readonly (readonly number[])[]>;
  readonly python: PythonGrading;
}

/** What one kind of grader finds out; the rest of a `Grade` is the same for all. */
export type Finding = Pick<Grade, 'score'> & Partial<Pick<Grade, 'errors' | 'problem' | 'parts' | 'label' | 'tokens'>>;
