/** Pictures of a report as inline SVG: a reliability curve, and loss curves. */

import type { Calibration } from '../metrics/calibration.ts';
import { html, type Html } from './html.ts';

export interface LossPoint {
  readonly step: number;
  readonly train: number | null;
  readonly valid: number | null;
}

const [width, height] = [460, 300];
const [left, right, top, bottom] = [58, 24, 12, 46];
const pointsMarked = 12;

/** How far right and up a share of the axis is. */
const across = (part: number): number => round(left + part * (width - left - right));
const up = (part: number): number => round(height - bottom - part * (height - bottom - top));
const round = (value: number): number => Number(value.toFixed(1));

interface Axis {
  readonly title: string;
  /** At even distances. */
  readonly marks: readonly string[];
}

function frame(title: string, x: Axis, y: Axis, inside: readonly Html[]): Html {
  const place = (i: number, { marks }: Axis): number => (marks.length === 1 ? 0.5 : i / (marks.length - 1));
  const middle = up(0.5);
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">
    <title>${title}</title>
    ${y.marks.map((mark, i) => {
      const at = up(place(i, y));
      return html`<line class="grid" x1="${across(0)}" x2="${across(1)}" y1="${at}" y2="${at}" /><text
          x="${across(0) - 6}"
          y="${at + 4}"
          text-anchor="end"
          >${mark}</text
        >`;
    })}
    ${x.marks.map((mark, i) => html`<text x="${across(place(i, x))}" y="${up(0) + 17}" text-anchor="middle">${mark}</text>`)}
    <text x="${across(0.5)}" y="${height - 8}" text-anchor="middle">${x.title}</text>
    <text x="12" y="${middle}" text-anchor="middle" transform="rotate(-90 12 ${middle})">${y.title}</text>
    ${inside}
  </svg>`;
}

/**
 * Of each bin that has cases: how sure the model was, how often it was right, and that share's interval. Behind them
 * the share of answers in each bin: what a point weighs.
 */
export function reliabilityCurve({ bins }: Calibration): Html {
  const filled = bins.filter(({ count }) => count > 0);
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  const marks = ['0 %', '25 %', '50 %', '75 %', '100 %'];
  return frame(
    'Right answers by confidence',
    { title: 'how probable the model held its label', marks },
    { title: 'how often it was right', marks },
    [
      ...filled.map(({ from, to, count }) => {
        const [x, y] = [across(from) + 1, up(count / total)];
        return html`<rect
          class="share"
          x="${x}"
          y="${y}"
          width="${round(across(to) - x - 1)}"
          height="${round(up(0) - y)}"
        >
          <title>${count} of ${total} answers</title>
        </rect>`;
      }),
      html`<line class="ideal" x1="${across(0)}" y1="${up(0)}" x2="${across(1)}" y2="${up(1)}" />`,
      ...filled.map(({ confidence, accuracy: { low, high } }) => {
        const x = across(confidence);
        return html`<line class="reach" x1="${x}" x2="${x}" y1="${up(low)}" y2="${up(high)}" />`;
      }),
      html`<polyline
        class="first"
        points="${filled.map(({ confidence, accuracy }) => `${across(confidence)},${up(accuracy.value)}`).join(' ')}"
      />`,
      ...filled.map(({ confidence, accuracy: { value }, count }) => {
        const words = `${count} answers, held ${percent(confidence)} probable, right ${percent(value)}`;
        return html`<circle class="first" cx="${across(confidence)}" cy="${up(value)}" r="4"
          ><title>${words}</title></circle
        >`;
      }),
    ],
  );
}

export interface LossCurvesOptions {
  /** A step to mark, and what to say of it. */
  readonly mark?: { readonly step: number; readonly title: string };
  /** The greatest loss that has room, so that pictures can be compared. */
  readonly lossMax?: number;
}

/** Training and validation loss by step. */
export function lossCurves(points: readonly LossPoint[], { mark, lossMax }: LossCurvesOptions = {}): Html {
  const steps = points.map(({ step }) => step);
  const losses = points.flatMap(({ train, valid }) => [train, valid]).filter((loss) => loss !== null);
  const most = roundUp(losses.reduce((greatest, loss) => Math.max(greatest, loss), lossMax ?? 0) || 1);
  const last = steps.reduce((most, step) => Math.max(most, step), 1);
  const first = steps.reduce((least, step) => Math.min(least, step), last);
  const along = (step: number): number => (last === first ? 0.5 : (step - first) / (last - first));
  const placed = (of: (point: LossPoint) => number | null): [number, number][] =>
    points.flatMap((point): [number, number][] => {
      const loss = of(point);
      return loss === null ? [] : [[along(point.step), loss / most]];
    });
  const marks = [0, 0.25, 0.5, 0.75, 1];
  return frame(
    'Loss by step',
    {
      title: 'step',
      marks: last === first ? [String(first)] : marks.map((part) => (first + part * (last - first)).toFixed(0)),
    },
    { title: 'loss', marks: marks.map((part) => String(Number((part * most).toPrecision(3)))) },
    [
      mark === undefined ? html`` : markedStep(along(mark.step), mark.title),
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

/** Its words stand on the side that has room. */
function markedStep(at: number, title: string): Html {
  const [x, towards] = at > 0.5 ? [across(at) - 5, 'end'] : [across(at) + 5, 'start'];
  return html`<line class="ideal" x1="${across(at)}" x2="${across(at)}" y1="${up(0)}" y2="${up(1)}" /><text
      x="${x}"
      y="${up(1) + 12}"
      text-anchor="${towards}"
      >${title}</text
    >`;
}

/** To the next number that a quarter of reads well: 1, 2, 4 or 8 times a power of ten. */
function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 8].find((each) => each * unit >= value) ?? 10) * unit;
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
