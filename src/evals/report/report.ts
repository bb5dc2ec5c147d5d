/**
 * An evaluation as one HTML file that needs nothing else: tables, the confusion matrix, curves, the worst mistakes.
 *
 * Models and data write what they like, and all of it is escaped.
 */

import type { Evaluation, Figure, PartScores } from '../evaluate.ts';
import type { Estimate } from '../metrics/estimate.ts';
import type { Mistake } from '../mistakes.ts';
import { lossCurves, percent, reliabilityCurve, type LossPoint } from './charts.ts';
import { html, type Html } from './html.ts';
import { pageHtml } from './page.ts';

export interface ReportFacts {
  readonly model: string;
  readonly test: string;
  readonly server: string;
  readonly createdAt: Date;
  readonly reason: string;
  readonly evaluation: Evaluation;
  readonly mistakes: readonly Mistake[];
  /** Of the job that made the model; empty where there is none to be found. */
  readonly losses: readonly LossPoint[];
}

export function reportHtml(facts: ReportFacts): string {
  const { model, test, server, createdAt, reason, evaluation, mistakes, losses } = facts;
  const { task, count, failed, unparsed, figures, calibration, confusion, parts, costs } = evaluation;
  const body = html`<h1>${model}</h1>
    <p>
      ${count} questions of <b>${test}</b>, asked at ${server}, ${createdAt.toISOString()}. Kind of task:
      <b>${task.replace('_', ' ')}</b> (${reason}). ${failed} without an answer, ${unparsed} that could not be read.
    </p>
    <h2>Figures</h2>
    ${figuresTable(figures)}
    ${figures[0]?.estimate.small === true ? html`<p class="soft">Only ${count} questions: take the intervals as hints.</p>` : null}
    <h2>Costs per question</h2>
    <table>
      <tr>
        <td>Latency, median</td>
        <td class="number">${costs.latencyMs.p50.toFixed(0)} ms</td>
      </tr>
      <tr>
        <td>Latency, 95 of 100 within</td>
        <td class="number">${costs.latencyMs.p95.toFixed(0)} ms</td>
      </tr>
      <tr>
        <td>Prompt tokens</td>
        <td class="number">${costs.promptTokens.toFixed(1)}</td>
      </tr>
      <tr>
        <td>of these cached</td>
        <td class="number">${costs.cachedTokens.toFixed(1)}</td>
      </tr>
      <tr>
        <td>Answer tokens</td>
        <td class="number">${costs.completionTokens.toFixed(1)}</td>
      </tr>
    </table>
    ${parts.length === 0 ? null : partsTable(parts)} ${confusion === null ? null : confusionTable(confusion)}
    ${
      calibration === null
        ? null
        : html`<h2>Reliability</h2>
            <p class="soft">
              How often answers were right, by how sure the model was; the dashed line is an honest model.
            </p>
            ${reliabilityCurve(calibration)}`
    }
    ${
      losses.length === 0
        ? null
        : html`<h2>Loss</h2>
            <p class="soft"><span class="key first"></span> training <span class="key second"></span> validation</p>
            ${lossCurves(losses)}`
    }
    <h2>Worst mistakes</h2>
    ${mistakes.length === 0 ? html`<p>None.</p>` : mistakes.map(mistake)}`;
  return pageHtml(`${model} on ${test}`, body);
}

export function figuresTable(figures: readonly Figure[]): Html {
  return html`<table>
    <tr>
      <th>Figure</th>
      <th class="number">Value</th>
      <th class="number">95 % interval</th>
    </tr>
    ${figures.map(
      ({ title, estimate }) =>
        html`<tr>
          <td>${title}</td>
          <td class="number">${percent(estimate.value)}</td>
          <td class="number">${interval(estimate)}</td>
        </tr>`,
    )}
  </table>`;
}

export const interval = ({ low, high }: Estimate): string => `${percent(low)} – ${percent(high)}`;

function partsTable(parts: readonly PartScores[]): Html {
  const cell = (estimate: Estimate | null): Html =>
    html`<td class="number">
      ${estimate === null ? '–' : html`${percent(estimate.value)} <span class="soft">${interval(estimate)}</span>`}
    </td>`;
  return html`<h2>Part by part</h2>
    <div class="scroll">
      <table>
        <tr>
          <th></th>
          <th class="number">In references</th>
          <th class="number">In answers</th>
          <th class="number">Precision</th>
          <th class="number">Recall</th>
          <th class="number">F1</th>
          <th class="number">Accuracy</th>
        </tr>
        ${parts.map(
          (each) =>
            html`<tr>
              <td>${each.name}</td>
              <td class="number">${each.support}</td>
              <td class="number">${each.answered ?? '–'}</td>
              ${[each.precision, each.recall, each.f1, each.accuracy].map(cell)}
            </tr>`,
        )}
      </table>
    </div>`;
}

/** Each cell as dark as its share of the row. */
function confusionTable({ labels, rows }: NonNullable<Evaluation['confusion']>): Html {
  const shade = (count: number, row: readonly number[]): string =>
    (
      count /
      Math.max(
        1,
        row.reduce((sum, each) => sum + each, 0),
      ) /
      2
    ).toFixed(3);
  return html`<h2>Confusion matrix</h2>
    <p class="soft">Rows are what is true, columns what was answered.</p>
    <div class="scroll">
      <table>
        <tr>
          <th></th>
          ${labels.map((label) => html`<th class="number">${label}</th>`)}
          <th class="number soft">no label</th>
        </tr>
        ${labels.map(
          (label, i) =>
            html`<tr>
              <th>${label}</th>
              ${rows[i]!.map(
                (count) =>
                  html`<td class="number" style="background: rgb(var(--heat) / ${shade(count, rows[i]!)})">
                    ${count}
                  </td>`,
              )}
            </tr>`,
        )}
      </table>
    </div>`;
}

export function mistake({ line, input, expected, answered, error, confidence }: Mistake): Html {
  const sure = confidence === null ? '' : `, ${percent(confidence)} sure`;
  return html`<details open>
    <summary>Line ${line}${sure}</summary>
    <pre>${input}</pre>
    <table>
      <tr>
        <th>Expected</th>
        <td><pre>${expected}</pre></td>
      </tr>
      <tr>
        <th>Answered</th>
        <td><pre>${answered ?? `nothing: ${error ?? 'unknown'}`}</pre></td>
      </tr>
    </table>
  </details>`;
}
