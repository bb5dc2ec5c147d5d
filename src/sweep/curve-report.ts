/** A learning curve as a table, in sentences, and as a picture in one HTML file that needs nothing else. */

import { errorAt } from '../evals/learning-curve.ts';
import { html, type Html } from '../evals/report/html.ts';
import { pageHtml } from '../evals/report/page.ts';
import type { LearningCurve } from './learning-curve.ts';
import { figureInWords, smallNote, tableHtml, type Table } from './report.ts';
import { valuesInWords } from './trainings.ts';

export interface CurveRow {
  readonly examples: number;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly foretold: boolean;
}

/** What was measured, and then what is foretold. */
export function rowsOf({ means, extrapolation, metric }: LearningCurve): CurveRow[] {
  return [
    ...means.map((mean) => ({ ...mean, foretold: false })),
    ...extrapolation.foretold.map(({ examples, error, low, high }) => {
      if (metric.lowerIsBetter) return { examples, value: error, low, high, foretold: true };
      return { examples, value: 1 - error, low: 1 - high, high: 1 - low, foretold: true };
    }),
  ];
}

export function curveTable(curve: LearningCurve): Table {
  return {
    head: ['EXAMPLES', curve.metric.name.toUpperCase(), ''],
    rows: rowsOf(curve).map((row) => [
      row.examples,
      figureInWords(row, curve.metric),
      row.foretold ? 'foretold' : 'measured',
    ]),
  };
}

export function curveSentences(curve: LearningCurve): string[] {
  const { extrapolation, metric, means, points } = curve;
  const failed = points.filter(({ measured }) => measured === null);
  const single = points.every(({ repeat }) => repeat === 0);
  const [next] = extrapolation.foretold;
  return [
    extrapolation.law === null || next === undefined
      ? `What more data would bring cannot be told: ${extrapolation.reason}.`
      : `Twice the data, ${next.examples} examples, is foretold to give ${metric.name} ${figureInWords(rowsOf(curve)[means.length]!, metric)}, if the curve goes on as it began; now it is ${figureInWords(means.at(-1)!, metric)}.`,
    ...(extrapolation.caution === null ? [] : [extrapolation.caution]),
    ...(single
      ? ['One training per size: the intervals know of the luck of the questions, not of the training. --repeats 3 adds that.'] // prettier-ignore
      : []),
    ...smallNote(curve.validationExamples),
    ...failed.map(({ examples, reason }) => `The training on ${examples} examples failed: ${reason}`),
  ];
}

const [width, height, left, right, top, bottom] = [640, 380, 70, 20, 20, 56];

export function curvePicture(curve: LearningCurve): Html {
  const { metric, extrapolation } = curve;
  const rows = rowsOf(curve);
  const isLoss = metric.name === 'valid_loss';
  const sizes = rows.map(({ examples }) => Math.log(examples));
  const values = rows.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
  const [xLow, xHigh] = [Math.min(...sizes), Math.max(...sizes)];
  const [yLow, yHigh] = [Math.min(...values), Math.max(...values)];
  const round = (value: number): number => Number(value.toFixed(1));
  const x = (examples: number): number =>
    round(left + ((Math.log(examples) - xLow) / (xHigh - xLow || 1)) * (width - left - right));
  const y = (value: number): number =>
    round(height - bottom - ((value - yLow) / (yHigh - yLow || 1)) * (height - top - bottom));
  const told = (value: number): string => (isLoss ? value.toFixed(2) : (100 * value).toFixed(1));
  const marks = Array.from({ length: 5 }, (_, i) => yLow + (i / 4) * (yHigh - yLow));
  const steps = Array.from({ length: 60 }, (_, i) => Math.exp(xLow + (i / 59) * (xHigh - xLow)));
  const valueAt = (examples: number): number => {
    const error = errorAt(extrapolation.law!, examples);
    return metric.lowerIsBetter ? error : 1 - error;
  };
  return html`<svg class="curve" viewBox="0 0 ${width} ${height}" role="img" aria-label="Learning curve">
    <title>Learning curve</title>
    ${marks.map(
      (mark) =>
        html`<line class="grid" x1="${left}" x2="${width - right}" y1="${y(mark)}" y2="${y(mark)}" /><text
            x="${left - 8}"
            y="${y(mark) + 4}"
            text-anchor="end"
          >
            ${told(mark)}
          </text>`,
    )}
    ${rows.map(
      ({ examples }) =>
        html`<text x="${x(examples)}" y="${height - bottom + 18}" text-anchor="middle">${examples}</text>`,
    )}
    <text x="${(left + width - right) / 2}" y="${height - 12}" text-anchor="middle">training examples (log scale)</text>
    <text x="16" y="${height / 2}" text-anchor="middle" transform="rotate(-90 16 ${height / 2})">
      ${metric.name}, ${isLoss ? 'nats per token' : '%'}
    </text>
    ${
      extrapolation.law === null
        ? null
        : html`<polyline class="law" points="${steps.map((size) => `${x(size)},${y(valueAt(size))}`).join(' ')}" />`
    }
    ${rows.map(({ examples, value, low, high, foretold }) => {
      const kind = foretold ? 'foretold' : 'measured';
      return html`<g class="${kind}">
        <title>${examples} examples, ${kind}: ${figureInWords({ value, low, high }, metric)}</title>
        <line x1="${x(examples)}" x2="${x(examples)}" y1="${y(low ?? value)}" y2="${y(high ?? value)}" />
        <circle cx="${x(examples)}" cy="${y(value)}" r="5" />
      </g>`;
    })}
  </svg>`;
}

const style = `svg.curve { max-width: 44rem } .law { stroke: var(--soft); stroke-dasharray: 5 4 } .measured line, .foretold line { stroke-width: 2 }
.measured line { stroke: #0072b2 } .measured circle { fill: #0072b2 } .foretold line { stroke: #e69f00; stroke-dasharray: 3 3 } .foretold circle { fill: none; stroke: #e69f00; stroke-width: 2 }
.key.measured { background: #0072b2 } .key.foretold { background: #e69f00 }`;

export function curveHtml(curve: LearningCurve, createdAt: Date): string {
  const { head, rows } = curveTable(curve);
  const body = html`<style>
      ${{ html: style }}
    </style>
    <h1>Learning curve</h1>
    <p>
      ${valuesInWords(curve.values)}; ${curve.metric.name} on ${curve.validationExamples} validation examples,
      ${createdAt.toISOString()}.
    </p>
    ${curveSentences(curve).map((sentence) => html`<p>${sentence}</p>`)}
    <p class="soft">
      <span class="key measured"></span> measured, with its 95 % interval <span class="key foretold"></span> foretold;
      dashed: error = floor + scale · examples^-slope
    </p>
    ${curvePicture(curve)} ${tableHtml(head, rows)}`;
  return pageHtml('Learning curve', body);
}
