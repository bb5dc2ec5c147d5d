/** A piece of advice after a run: what to do, and what it was seen from. Nothing is advised without evidence. */

export type AdviceKind =
  | 'fewer_epochs'
  | 'more_epochs'
  | 'lower_learning_rate'
  | 'higher_learning_rate'
  | 'higher_rank'
  | 'more_data'
  | 'more_of_class'
  | 'confused_classes'
  | 'wrong_labels';

export interface Advice {
  readonly kind: AdviceKind;
  /** What to do, in a sentence. */
  readonly text: string;
  /** What it was seen from, a fact each. */
  readonly evidence: readonly string[];
}
