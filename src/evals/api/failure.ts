/** How an item fails that could not be judged, and how a run fails as a whole. */

import type { EvalError } from '../../domain/eval.ts';

export class ItemFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What is wrong with the run itself, and would be so with every item of it. */
export class RunFailure extends ItemFailure {}

export const asEvalError = ({ code, message }: ItemFailure): EvalError => ({ code, message });
