/** What a comparison is to be of, and what it works with: the same for a command and for a task. */

import type OpenAI from 'openai';
import type { AskingDesk, AskingWishes } from '../ask-with-progress.ts';
import type { ShotChoice } from './shots.ts';

export interface CompareWishes extends AskingWishes {
  /** The path of a training file: examples are chosen from it, baselines learn from it. */
  readonly train?: string | undefined;
  /** What people call it, where that is not its path. */
  readonly trainName?: string | undefined;
  /** How many examples stand in prompts of base models, a contender each. */
  readonly shots: readonly number[];
  readonly choose: ShotChoice;
  readonly seed: number;
  readonly checkpoints?: boolean | undefined;
  readonly baselines: boolean;
  /** Whose embeddings find neighbours. */
  readonly embeddings?: string | undefined;
  /** The model whose price list "there" is. */
  readonly there: string;
}

/** A model behind any OpenAI-compatible address. */
export interface ElsewhereModel {
  readonly model: string;
  readonly url: string;
  /** Examples in its prompts. */
  readonly shots: number;
  readonly client: OpenAI;
}

export interface CompareDesk extends AskingDesk {
  readonly openai: OpenAI;
  /** Named in what is remembered of answers. */
  readonly server: string;
  /** Whether that server is this machine's, so that one question at a time tells how long it takes. */
  readonly isHere: boolean;
  /** Whether it is our own, which tells of single models. */
  readonly isOurs: boolean;
}
