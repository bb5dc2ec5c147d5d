/** What is told of a fine-tuned model in few words: its name without what all have in common, and how well it does. */

import type { FineTunedModelObject } from '../../../../src/domain/lineage.ts';
import { decimal, percent } from '../../parts/numbers.ts';

export interface Figure {
  readonly name: string;
  readonly value: string;
  /** The interval, where there is one. */
  readonly interval: string | null;
}

const metricNames: readonly (readonly [string, string, (value: number) => string])[] = [
  ['full_valid_loss', 'Validation loss', (value) => decimal(value, 3)],
  ['full_valid_mean_token_accuracy', 'Validation tokens right', (value) => percent(value)],
  ['train_loss', 'Training loss', (value) => decimal(value, 3)],
  ['train_mean_token_accuracy', 'Training tokens right', (value) => percent(value)],
];

/** Of its task first, where it was judged; then what training measured at its step. */
export function figuresOf({ metrics, task_metrics: task }: FineTunedModelObject): Figure[] {
  const judged = Object.entries(task?.figures ?? {}).map(([name, { value, low, high }]) => ({
    name: inWords(name),
    value: percent(value),
    interval: `${percent(low)} to ${percent(high)}`,
  }));
  const measured = metricNames.flatMap(([key, name, write]) =>
    metrics[key] === undefined ? [] : [{ name, value: write(metrics[key]), interval: null }],
  );
  return [...judged, ...measured];
}

/** `macro_f1` is "Macro F1". */
function inWords(name: string): string {
  const words = name.replaceAll('_', ' ').replaceAll(/\bf1\b/g, 'F1');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** "words, AbCd1234": what tells this model from others of its base. The whole name where it is not one of ours. */
export function shortName(id: string): string {
  const [ft, , , suffix, letters, checkpoint] = id.split(':');
  if (ft !== 'ft' || letters === undefined) return id;
  const step = checkpoint === undefined ? '' : `, ${checkpoint.replace('ckpt-step-', 'step ')}`;
  return `${suffix === '' || suffix === undefined ? letters : `${suffix}, ${letters}`}${step}`;
}

export function millions(parameters: number): string {
  if (parameters >= 1e9) return `${decimal(parameters / 1e9, 3)} billion`;
  return `${decimal(parameters / 1e6, 3)} million`;
}
