/**
 * When more training only makes a model worse on what it has not seen, and which of its checkpoints was the best.
 *
 * Everything follows from the evaluations in their order, so whoever resumes shows the earlier ones again and knows
 * as much as before. Nothing here stops anything: it says what is so, in words for people.
 */

import type { EarlyStoppingPlan, ValidationMetrics } from './protocol.ts';

/** The whole validation set after a step, and how training went since the evaluation before. */
export interface Evaluation {
  readonly step: number;
  readonly validation: ValidationMetrics;
  /** Mean training loss of the steps since the last evaluation. */
  readonly trainingLoss: number;
}

interface Measure {
  readonly name: string;
  /** Larger is better. */
  goodness(metrics: ValidationMetrics): number;
}

const measures: Readonly<Record<EarlyStoppingPlan['metric'], Measure>> = {
  loss: { name: 'validation loss', goodness: ({ loss }) => -loss },
  token_accuracy: { name: 'token accuracy', goodness: ({ tokenAccuracy }) => tokenAccuracy },
  exact_answers: { name: 'share of exact answers', goodness: ({ exactAnswers }) => exactAnswers ?? 0 },
};

/** Chooses the best checkpoint by one measure and says when patience is at its end. */
export class EarlyStopping {
  readonly #plan: EarlyStoppingPlan;
  readonly #measure: Measure;
  #evaluations = 0;
  #best: Evaluation | null = null;
  /** From where improvement counts: gains smaller than `minDelta` in a row do not move it. */
  #mark = -Infinity;
  #last: Evaluation | null = null;
  #inVain = 0;

  constructor(plan: EarlyStoppingPlan) {
    this.#plan = plan;
    this.#measure = measures[plan.metric];
  }

  /** Whether the model is better than ever. */
  see(evaluation: Evaluation): boolean {
    const goodness = this.#measure.goodness(evaluation.validation);
    const better = this.#best === null || goodness > this.#measure.goodness(this.#best.validation);
    this.#evaluations += 1;
    this.#last = evaluation;
    if (better) this.#best = evaluation;
    if (goodness > this.#mark + (this.#mark === -Infinity ? 0 : this.#plan.minDelta)) {
      this.#mark = goodness;
      this.#inVain = 0;
    } else this.#inVain += 1;
    return better;
  }

  /** The step of the best checkpoint; null before the first evaluation. */
  get bestStep(): number | null {
    return this.#best?.step ?? null;
  }

  /** Why training should stop, or null while it may go on. */
  get verdict(): string | null {
    const { patience, minDelta } = this.#plan;
    if (this.#inVain < patience || this.#best === null) return null;
    const by = minDelta > 0 ? ` by more than ${minDelta}` : '';
    return (
      `Early stopping at step ${this.#last!.step}: the ${this.#measure.name} has not improved${by} in ` +
      `${counted(this.#inVain, 'evaluation')}; it was best at step ${this.#best.step} (${this.#shown(this.#best)}, now ${this.#shown(this.#last!)}).`
    );
  }

  /** Which checkpoint won and why; null when there is nothing to choose by. */
  get choice(): string | null {
    if (this.#best === null) return null;
    const last = this.#best === this.#last ? 'which was the last one' : `the last one had ${this.#shown(this.#last!)}`;
    return (
      `The checkpoint of step ${this.#best.step} becomes the model: its ${this.#measure.name} of ${this.#shown(this.#best)} ` +
      `is the best of ${counted(this.#evaluations, 'evaluation')}, ${last}.`
    );
  }

  #shown({ validation }: Evaluation): string {
    return Math.abs(this.#measure.goodness(validation)).toFixed(4);
  }
}

/** So many evaluations in a row must get worse while training gets better. */
const worseInARow = 2;

/** Says once when a model begins to learn its examples by heart. */
export class OverfittingWatch {
  readonly #seen: Evaluation[] = [];
  #told = false;

  see(evaluation: Evaluation): string | null {
    this.#seen.push(evaluation);
    if (this.#told || this.#seen.length <= worseInARow) return null;
    const tail = this.#seen.slice(-worseInARow - 1);
    const first = tail[0]!;
    const pairs = tail.slice(1).map((later, i) => [tail[i]!, later] as const);
    const worse = pairs.every(([a, b]) => b.validation.loss > a.validation.loss);
    if (!worse || evaluation.trainingLoss >= first.trainingLoss) return null;
    this.#told = true;
    return (
      `The model begins to overfit: since step ${first.step} the validation loss has risen from ${first.validation.loss.toFixed(4)} ` +
      `to ${evaluation.validation.loss.toFixed(4)} while the training loss fell from ${first.trainingLoss.toFixed(4)} to ` +
      `${evaluation.trainingLoss.toFixed(4)}. Fewer epochs, more examples or early stopping help.`
    );
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
