/** The result file of a job: one row per step, five decimals, empty cells where nothing was validated. */

import type { StepMetrics } from '../domain/job.ts';

const columns = [
  ['step', (metrics) => metrics.step],
  ['train_loss', (metrics) => metrics.train_loss],
  ['train_accuracy', (metrics) => metrics.train_mean_token_accuracy],
  ['valid_loss', (metrics) => metrics.valid_loss],
  ['valid_mean_token_accuracy', (metrics) => metrics.valid_mean_token_accuracy],
] as const satisfies readonly (readonly [string, (metrics: StepMetrics) => number | undefined])[];

export function resultsCsv(steps: readonly StepMetrics[]): string {
  const rows = steps.map((metrics) => columns.map(([, read]) => cell(read(metrics))).join(','));
  return `${[columns.map(([name]) => name).join(','), ...rows].join('\n')}\n`;
}

const cell = (value: number | undefined): string =>
  value === undefined ? '' : String(Number.isInteger(value) ? value : Number(value.toFixed(5)));
