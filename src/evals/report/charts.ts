/** Pictures of a report as inline SVG: a reliability curve, and loss curves. */

import type { Calibration } from '../metrics/calibration.ts';
import { html, type Html } from './html.ts';

export interface LossPoint {
  readonly step: number;
  readonly train: number | null;
  readonly valid: number | null;
}

const [width, height, margin] = [420, 280, 44];
const pointsMarked = 12;

/** How far right and up a share of the axis is. */
const across = (part: number): number => round(margin + part * (width - margin - 12));
const up = (part: number): number => round(height - margin + 8 - part * (height - margin - 12));
const round = (value: number): number => Number(value.toFixed(1));

function frame(title: string, x: readonly string[], y: readonly string[], inside: readonly Html[]): Html {
  const place = (i: number, all: readonly string[]): number => (all.length === 1 ? 0.5 : i / (all.length - 1));
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">
    <title>${title}</title>
    ${y.map(
      (label, i) =>
        html`<line
            class="grid"
            x1="${across(0)}"
            x2="${across(1)}"
            y1="${up(place(i, y))}"
            y2="${up(place(i, y))}"
          /><text x="${across(0) - 6}" y="${up(place(i, y)) + 4}" text-anchor="end">${label}</text>`,
    )}
    ${x.map(
      (label, i) => html`<text x="${across(place(i, x))}" y="${up(0) + 18}" text-anchor="middle">${label}</text>`,
    )}
    ${inside}
  </svg>`;
}

/** Of each bin that has cases: how sure the model was, how often it was right, and that share's interval. */
export function reliabilityCurve({ bins }: Calibration): Html {
  const filled = bins.filter(({ count }) => count > 0);
  const quarters = ['0 %', '25 %', '50 %', '75 %', '100 %'];
  return frame('Right answers by confidence', quarters, quarters, [
    html`<line class="ideal" x1="${across(0)}" y1="${up(0)}" x2="${across(1)}" y2="${up(1)}" />`,
    ...filled.map(({ confidence, accuracy, count }) => {
      const x = across(confidence);
      const { low, high, value } = accuracy;
      return html`<g>
        <title>${count} answers, mean confidence ${percent(confidence)}, right ${percent(value)}</title>
        <line class="reach" x1="${x}" x2="${x}" y1="${up(low)}" y2="${up(high)}" />
      </g>`;
    }),
    line(
      'first',
      filled.map(({ confidence, accuracy }) => [confidence, accuracy.value]),
    ),
  ]);
}

/** Training and validation loss by step. */
export function lossCurves(points: readonly LossPoint[]): Html {
  const steps = points.map(({ step }) => step);
  const losses = points.flatMap(({ train, valid }) => [train, valid]).filter((loss) => loss !== null);
  const top = losses.reduce((most, loss) => Math.max(most, loss), 0) || 1;
  const last = steps.reduce((most, step) => Math.max(most, step), 1);
  const first = steps.reduce((least, step) => Math.min(least, step), last);
  const placed = (of: (point: LossPoint) => number | null): [number, number][] =>
    points.flatMap((point): [number, number][] => {
      const loss = of(point);
      return loss === null ? [] : [[last === first ? 0.5 : (point.step - first) / (last - first), loss / top]];
    });
  const marks = [0, 0.25, 0.5, 0.75, 1];
  return frame(
    'Loss by step',
    last === first ? [String(first)] : marks.map((part) => (first + part * (last - first)).toFixed(0)),
    marks.map((part) => (part * top).toPrecision(2)),
    [
      line(
        'first',
        placed(({ train }) => train),
      ),
      line(
        'second',
        placed(({ valid }) => valid),
      ),
    ],
  );
}

/** Few points are marked: one alone makes no line. */
function line(kind: string, points: readonly (readonly [number, number])[]): Html {
  const marks = points.length > pointsMarked ? [] : points;
  return html`<polyline
      class="${kind}"
      points="${points.map(([x, y]) => `${across(x)},${up(y)}`).join(' ')}"
    />${marks.map(([x, y]) => html`<circle class="${kind}" cx="${across(x)}" cy="${up(y)}" r="3" />`)}`;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
