/** What is told of a fine-tuned model in few words: its name without what all have in common, and how well it does. */

import type { FineTunedModelObject } from '../../../../src/domain/lineage.ts';
import { count, decimal, percent } from '../../parts/numbers.ts';

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
    interval: `${(low * 100).toFixed(1)} to ${percent(high)}`,
  }));
  const measured = metricNames.flatMap(([key, name, write]) =>
    metrics[key] === undefined ? [] : [{ name, value: write(metrics[key]), interval: null }],
  );
  return [...judged, ...measured];
}

/** Those whose name in the API does not say it in words. */
const titles: Readonly<Record<string, string>> = {
  f1_macro: 'F1, mean of the labels',
  precision_macro: 'Precision, mean of the labels',
  recall_macro: 'Recall, mean of the labels',
  f1_weighted: 'F1, weighted by label',
  f1_micro: 'F1, over all',
  rouge_l: 'ROUGE-L',
  rouge_1: 'ROUGE-1',
  rouge_2: 'ROUGE-2',
  bleu: 'BLEU',
  chrf: 'chrF',
  chrf_plus_plus: 'chrF++',
  meteor: 'METEOR',
  squad_em: 'SQuAD exact match',
  squad_f1: 'SQuAD F1',
  json_valid: 'Valid JSON',
};

/** `entity_f1` is "Entity F1". */
function inWords(name: string): string {
  const words = name.replaceAll('_', ' ').replaceAll(/\bf1\b/g, 'F1');
  return titles[name] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** "words, AbCd1234": what tells this model from others of its base. The whole name where it is not one of ours. */
export function shortName(id: string): string {
  const [ft, , , suffix, letters, checkpoint] = id.split(':');
  if (ft !== 'ft' || letters === undefined) return id;
  const step = checkpoint === undefined ? '' : `, ${checkpoint.replace('ckpt-step-', 'step ')}`;
  return `${suffix === '' || suffix === undefined ? letters : `${suffix}, ${letters}`}${step}`;
}

export function millions(parameters: number): string {
  if (parameters < 1e6) return count(parameters);
  if (parameters >= 1e9) return `${decimal(parameters / 1e9, 3)} billion`;
  return `${decimal(parameters / 1e6, 3)} million`;
}
