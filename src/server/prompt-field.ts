/** A field that holds texts or token ids, one or many: `prompt` of completions, `input` of embeddings. */

import { z } from 'zod';
import type { Prompt } from '../serving/serving.ts';

const promptsMax = 2048;
const token = z.int().min(0);

export const promptField = z.union([
  z.string(),
  z.array(z.string()).min(1).max(promptsMax),
  z.array(token).min(1),
  z.array(z.array(token).min(1)).min(1).max(promptsMax),
]);

export function promptsOf(field: z.output<typeof promptField>): Prompt[] {
  if (typeof field === 'string') return [textPrompt(field)];
  if (isTokens(field)) return [tokenPrompt(field)];
  return field.map((each) => (typeof each === 'string' ? textPrompt(each) : tokenPrompt(each)));
}

const textPrompt = (text: string): Prompt => ({ type: 'text', text });
const tokenPrompt = (ids: readonly number[]): Prompt => ({ type: 'tokens', ids });

const isTokens = (field: readonly unknown[]): field is readonly number[] => typeof field[0] === 'number';
