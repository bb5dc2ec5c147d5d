/** A sweep as a table for the terminal and as one HTML file that needs nothing else. */

import { smallBelow, smallSampleNote } from '../evals/metrics/estimate.ts';
import { percent } from '../evals/report/charts.ts';
import { html, type Html } from '../evals/report/html.ts';
import { pageHtml } from '../evals/report/page.ts';
import { costOf } from './halving.ts';
import type { Measured, Metric } from './measure.ts';
import { parallelCoordinates, pictureStyle, variedNames } from './picture.ts';
import { standings, type SweepState, type Trial } from './trials.ts';

export type Cell = string | number | null;

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** The best first; a column for each rung, empty where the trial did not get there. */
export function sweepTable(state: SweepState): Table {
  const { rungs, metric, parts, trials, winner } = state;
  const varied = variedNames(trials);
  return {
    head: [
      'TRIAL',
      ...varied.map((name) => name.toUpperCase()),
      ...rungs.map((_, i) => `${metric.name.toUpperCase()} ON ${parts[i]!.examples}`),
      'VALIDATION LOSS',
      'JOB',
    ],
    rows: standings(state).map((trial) => [
      `${trial.id}${trial.id === winner ? ' *' : ''}`,
      ...varied.map((name) => {
        const value = trial.values[name] ?? null;
        return typeof value === 'boolean' ? String(value) : value;
      }),
      ...rungs.map((_, i) => cell(trial, i, metric)),
      trial.results.at(-1)?.measured?.validationLoss?.toFixed(4) ?? null,
      trial.results.at(-1)?.job ?? null,
    ]),
  };
}

function cell({ results }: Trial, rung: number, metric: Metric): string | null {
  const result = results[rung];
  if (result === undefined) return null;
  return result.measured === null ? 'failed' : figureInWords(result.measured, metric);
}

export function figureInWords(
  { value, low, high }: Pick<Measured, 'value' | 'low' | 'high'>,
  { name }: Metric,
): string {
  if (name === 'valid_loss') return value.toFixed(4);
  const told = (share: number): string => (100 * share).toFixed(1);
  return low === null || high === null ? told(value) : `${told(value)} (${told(low)} - ${told(high)})`;
}

/** What came out, a sentence each. */
export function conclusions(state: SweepState): string[] {
  const { trials, winner, metric, comparison, test, rungs, validationExamples } = state;
  const best = trials.find(({ id }) => id === winner);
  const measured = best?.results.at(-1)?.measured;
  if (best === undefined || measured == null) return [];
  const second = standings(state)[1];
  const full = costOf(rungs);
  return [
    `${best.id} is best: ${variedNames(trials).flatMap((name) => (best.values[name] === undefined ? [] : [`${name} ${best.values[name]}`])).join(', ')}; ${metric.name} ${figureInWords(measured, metric)}${metric.name === 'valid_loss' ? '' : ' %'} on ${validationExamples} validation examples.`, // prettier-ignore
    ...(comparison === null || second === undefined
      ? []
      : [
          comparison.significant
            ? `It is better than ${second.id} by more than chance would part them (paired test, p = ${comparison.pValue.toFixed(3)}).`
            : `Whether it is better than ${second.id} cannot be told from this validation set (paired test, p = ${comparison.pValue.toFixed(3)}).`,
        ]),
    test === null
      ? `The best of ${trials.length} looks better on the set that chose it than it is; a test set kept back tells how good it is (--test).`
      : `On the ${test.n} test questions, put to no model before: ${percent(test.value)} (${percent(test.low)} - ${percent(test.high)}). This is the figure to tell; the validation figure was picked as the best of ${trials.length}.`,
    ...smallNote(validationExamples),
    ...(rungs.length === 1
      ? []
      : [`The rungs cost as much as ${full.toFixed(1)} trainings on the whole set, in place of ${trials.length}.`]),
  ];
}

/** What to say of a validation set of so many; nothing where they are enough. */
export function smallNote(count: number): string[] {
  const note = smallSampleNote({ n: count, small: count < smallBelow });
  return note === null ? [] : [`Of the validation set there are ${note}.`];
}

export function sweepHtml(state: SweepState, createdAt: Date): string {
  const { head, rows } = sweepTable(state);
  const body = html`<style>
      ${{ html: pictureStyle }}
    </style>
    <h1>Sweep ${state.id}</h1>
    <p>
      ${state.trials.length} trials, ranked by <b>${state.metric.name}</b>
      (${state.metric.lowerIsBetter ? 'lower' : 'higher'} is better) on ${state.validationExamples} validation examples,
      ${createdAt.toISOString()}.
    </p>
    ${conclusions(state).map((sentence) => html`<p>${sentence}</p>`)}
    <h2>Trials</h2>
    <p class="soft">
      <span class="key winner"></span> best <span class="key final"></span> trained on everything
      <span class="key stopped"></span> stopped earlier
    </p>
    <div class="picture scroll">${parallelCoordinates(state)}</div>
    <div class="scroll">${tableHtml(head, rows)}</div>
    ${failures(state)}`;
  return pageHtml(`Sweep ${state.id}`, body);
}

export function tableHtml(head: readonly string[], rows: Table['rows']): Html {
  return html`<table>
    <tr>
      ${head.map((name) => html`<th>${name.toLowerCase()}</th>`)}
    </tr>
    ${rows.map(
      (row) =>
        html`<tr>
          ${row.map((each) => html`<td>${each ?? '–'}</td>`)}
        </tr>`,
    )}
  </table>`;
}

function failures({ trials }: SweepState): Html | null {
  const failed = trials.flatMap(({ id, results }) => results.flatMap(({ reason }) => (reason === null ? [] : [{ id, reason }]))); // prettier-ignore
  if (failed.length === 0) return null;
  return html`<h2>Failed</h2>
    <ul>
      ${failed.map(({ id, reason }) => html`<li>${id}: ${reason}</li>`)}
    </ul>`;
}
