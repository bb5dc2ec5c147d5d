/**
 * An evaluation as one HTML file that needs nothing else: tables, the confusion matrix, curves, the worst mistakes.
 *
 * Models and data write what they like, and all of it is escaped.
 */

import type { Evaluation, Figure, PartScores } from '../evaluate.ts';
import { smallBelow, type Estimate } from '../metrics/estimate.ts';
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
  const day = createdAt.toISOString().slice(0, 16).replace('T', ' ');
  const body = html`<h1>${model}</h1>
    <p>
      ${count} questions of <b>${test}</b>, asked at ${server}, ${day} UTC. Kind of task:
      <b>${task.replace('_', ' ')}</b> (${reason}). ${failed} without an answer, ${unparsed} that could not be read.
    </p>
    <h2>Figures</h2>
    ${figuresTable(figures)} ${smallNote(figures, count)} ${partsTable(task, parts)}
    ${confusion === null ? null : confusionTable(confusion)}
    ${
      calibration === null
        ? null
        : html`<h2>Reliability</h2>
            <p class="soft">
              How often the likeliest label was right, by how probable the model held it; the dashed line is an honest
              model. <span class="key share"></span> share of the answers.
              ${calibration.skipped === 0 ? null : `${calibration.skipped} answers came without probabilities.`}
            </p>
            ${reliabilityCurve(calibration)}`
    }
    ${
      losses.length === 0
        ? null
        : html`<h2>Loss of the job that made it</h2>
            <p class="soft"><span class="key first"></span> training <span class="key second"></span> validation</p>
            ${lossCurves(losses)}`
    }
    <h2>Worst mistakes</h2>
    ${mistakes.length === 0 ? html`<p>None.</p>` : mistakes.map(mistake)} ${costsTable(costs)}`;
  return pageHtml(`${model} on ${test}`, body);
}

export function figuresTable(figures: readonly Figure[]): Html {
  return html`<div class="scroll">
    <table>
      <tr>
        <th>Figure</th>
        <th class="number">Value</th>
        <th class="number">95 % interval</th>
        <th></th>
      </tr>
      ${figures.map(
        ({ title, estimate }) =>
          html`<tr>
            <td>${title}</td>
            <td class="number">${percent(estimate.value)}</td>
            <td class="number">${interval(estimate)}</td>
            <td>${intervalBar(estimate)}</td>
          </tr>`,
      )}
    </table>
  </div>`;
}

export const interval = ({ low, high }: Estimate): string => `${(100 * low).toFixed(1)} – ${percent(high)}`;

/** The interval from 0 to 1, and the value in it. */
function intervalBar({ value, low, high }: Estimate): Html {
  const at = (share: number): string => (100 * Math.min(1, Math.max(0, share))).toFixed(1);
  return html`<span class="bar"
    ><i style="left: ${at(low)}%; width: ${at(high - low)}%"></i><b style="left: ${at(value)}%"></b
  ></span>`;
}

function smallNote(figures: readonly Figure[], count: number): Html | null {
  if (figures[0]?.estimate.small !== true) return null;
  return html`<p class="soft">Only ${count} questions: take the intervals as hints.</p>`;
}

type PartFigure = 'precision' | 'recall' | 'f1' | 'fBeta' | 'f1Partial' | 'accuracy' | 'rocAuc' | 'prAuc';

const partFigures: Readonly<Record<PartFigure, string>> = {
  precision: 'Precision',
  recall: 'Recall',
  f1: 'F1',
  fBeta: 'F-beta',
  f1Partial: 'F1, partial',
  accuracy: 'Accuracy',
  rocAuc: 'ROC AUC',
  prAuc: 'PR AUC',
};

const partTitles: Readonly<Record<Evaluation['task'], string>> = {
  classification: 'Label by label',
  extraction: 'Field by field',
  tool_calls: 'Tool by tool',
  text: 'Part by part',
};

/** Only figures that some part has. */
function partsTable(task: Evaluation['task'], parts: readonly PartScores[]): Html | null {
  if (parts.length === 0) return null;
  const shown = (Object.keys(partFigures) as PartFigure[]).filter((name) => parts.some((each) => each[name] !== null));
  const withAnswers = parts.some(({ answered }) => answered !== null);
  const cell = (estimate: Estimate | null): Html =>
    estimate === null
      ? html`<td class="number soft">–</td>`
      : html`<td class="number">${percent(estimate.value)} <span class="soft">${interval(estimate)}</span></td>`;
  const few = parts.filter(({ support }) => support < smallBelow).length;
  return html`<h2>${task === 'extraction' && withAnswers ? partTitles.classification : partTitles[task]}</h2>
    <div class="scroll">
      <table>
        <tr>
          <th></th>
          <th class="number">True</th>
          ${withAnswers ? html`<th class="number">Answered</th>` : null}
          ${shown.map((name) => html`<th class="number">${partFigures[name]}</th>`)}
        </tr>
        ${parts.map(
          (each) =>
            html`<tr>
              <td>${each.name}</td>
              <td class="number">${each.support}</td>
              ${withAnswers ? html`<td class="number">${each.answered ?? '–'}</td>` : null}
              ${shown.map((name) => cell(each[name]))}
            </tr>`,
        )}
      </table>
    </div>
    ${few === 0 ? null : html`<p class="soft">${few === parts.length ? 'All' : few} of these stand in fewer than ${smallBelow} references: take their intervals as hints.</p>`}`;
}

/** Each cell as dark as its share of the row; what is off the diagonal in the colour of mistakes. */
function confusionTable({ labels, rows }: NonNullable<Evaluation['confusion']>): Html {
  const shade = (count: number, row: readonly number[]): string => {
    const total = row.reduce((sum, each) => sum + each, 0);
    return total === 0 ? '0' : ((0.65 * count) / total).toFixed(3);
  };
  return html`<h2>Confusion matrix</h2>
    <p class="soft">
      Rows are what is true, columns what was answered. <span class="key first"></span> right
      <span class="key second"></span> wrong, the darker the larger the share of its row.
    </p>
    <div class="scroll">
      <table class="matrix">
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
                (count, k) =>
                  html`<td style="background: rgb(var(--${i === k ? 'heat' : 'amiss'}) / ${shade(count, rows[i]!)})">
                    ${count}
                  </td>`,
              )}
            </tr>`,
        )}
      </table>
    </div>`;
}

function costsTable({ latencyMs, promptTokens, cachedTokens, completionTokens }: Evaluation['costs']): Html {
  const rows = [
    ['Latency, median', `${latencyMs.p50.toFixed(0)} ms`],
    ['Latency, 95 of 100 within', `${latencyMs.p95.toFixed(0)} ms`],
    ['Prompt tokens', promptTokens.toFixed(1)],
    ['of these cached', cachedTokens.toFixed(1)],
    ['Answer tokens', completionTokens.toFixed(1)],
  ] as const;
  return html`<h2>Costs per question</h2>
    <table>
      ${rows.map(
        ([what, much]) =>
          html`<tr>
            <td>${what}</td>
            <td class="number">${much}</td>
          </tr>`,
      )}
    </table>`;
}

export function mistake({ line, input, expected, answered, error, confidence }: Mistake): Html {
  const sure = confidence === null ? '' : `, ${percent(confidence)} sure`;
  return html`<details open>
    <summary>Line ${line}${sure}</summary>
    <pre>${input}</pre>
    <table class="answers">
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
