/**
 * What an encoder tells apart: labels of texts, or types of entities in them.
 *
 * Plans, model files and answers hold these; how they are read from a training file is `dataset/labelled`'s.
 */

export type LabelTask = 'classification' | 'multi_label' | 'token_classification';

export interface LabelSet {
  readonly task: LabelTask;
  /** In the order of the head's outputs; types of entities, where those are the task. */
  readonly labels: readonly string[];
  /** How entities are written; null unless they are the task. */
  readonly form: EntityForm | null;
}

/** How entities are written in JSON, so that answers look like what was taught. */
export interface EntityForm {
  readonly shape: 'by_type' | 'spans' | 'pairs';
  /** The key that the list lies under. */
  readonly wrapper: string | null;
  /** What the fields of a span are called; null for those it does not have. */
  readonly keys: {
    readonly text: string | null;
    readonly label: string;
    readonly start: string | null;
    readonly end: string | null;
  };
}

/** How many outputs a head has for these labels: a tag for no entity, and two for each type. */
export const outputCount = ({ task, labels }: LabelSet): number =>
  task === 'token_classification' ? 1 + 2 * labels.length : labels.length;

/** The names of the outputs, as Hugging Face's models have them. */
export const outputNames = ({ task, labels }: LabelSet): string[] =>
  task === 'token_classification' ? ['O', ...labels.flatMap((label) => [`B-${label}`, `I-${label}`])] : [...labels];

export const noEntity = 0;
/** The output for the first word of an entity of type number `label`; the one for its other words comes next. */
export const beginTag = (label: number): number => 1 + 2 * label;
