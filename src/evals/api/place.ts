/**
 * Where an item stands among those of its run: the worst first, and of equally bad ones the one the model was surest of.
 *
 * Every criterion's score is brought to 0..1 by what it can give; their mean is the item's. What could not be judged
 * comes before all that could. An answer's tokens, as far as they are kept, tell how sure the model was, and what else
 * it might have said: that is where the probabilities of labels come from.
 */

import type { Criterion, OutputItem } from '../../domain/eval.ts';
import type { AnswerToken } from '../labels.ts';

export interface Place {
  readonly score: number;
  /** How improbable the model held its own answer; 1 where nobody knows. */
  readonly doubt: number;
  /** JSON of the answer's first tokens; null where there are none. */
  readonly tokens: string | null;
}

/** A label ends within so many tokens. */
const tokensKept = 12;
const improbable = Math.log(0.001);

export function placeOf(
  output: OutputItem,
  criteria: readonly Criterion[],
  tokens: readonly AnswerToken[] | null,
): Place {
  const first = tokens?.slice(0, tokensKept) ?? [];
  const doubt = first.length === 0 ? 1 : 1 - Math.exp(first.reduce((sum, { logprob }) => sum + logprob, 0));
  return {
    score: scoreOf(output, criteria),
    doubt,
    tokens: first.length === 0 ? null : JSON.stringify(first.map(lean)),
  };
}

function scoreOf({ status, results }: OutputItem, criteria: readonly Criterion[]): number {
  if (status === 'error') return -1;
  const shares = results.map(({ name, score }) => {
    const criterion = criteria.find(({ id }) => id === name);
    const [low, high] = criterion === undefined ? [0, 1] : rangeOf(criterion);
    const share = (score - low) / (high - low);
    return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  });
  return shares.length === 0 ? 0 : shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** What a criterion's scores lie between. */
export function rangeOf(criterion: Criterion): readonly [number, number] {
  const [low, high] = (criterion.type === 'score_model' ? criterion.range : undefined) ?? [0, 1];
  return low! < high! ? [low!, high!] : [0, 1];
}

function lean({ token, logprob, top_logprobs }: AnswerToken): AnswerToken {
  const rounded = (value: number): number => Number(value.toFixed(4));
  return {
    token,
    logprob: rounded(logprob),
    top_logprobs: top_logprobs
      .filter((other) => other.logprob > improbable && other.token !== token)
      .map((other) => ({ token: other.token, logprob: rounded(other.logprob) })),
  };
}
