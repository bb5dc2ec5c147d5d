/** How uPlot is told to draw our lines: their colours and dashes, the axes, names of places, what is under the pointer. */

import uPlot from 'uplot';
import { decimal } from '../numbers.ts';
import { lineColours, lineDashes } from '../../theme.ts';
import { areColumns, drawColumns, pathOf, type Stroke } from './columns.ts';
import type { Line, Marker, Window } from './line.ts';

export interface Drawing {
  readonly lines: readonly Pick<Line, 'name'>[];
  readonly xName: string;
  readonly yName: string;
  readonly log: boolean;
  readonly height: number;
  readonly scheme: 'light' | 'dark';
  /** Whether each line stands a second time below itself, pale, as it was measured. */
  readonly raw: boolean;
  /** Dashes cost time where points are dense. */
  readonly dense: boolean;
}

interface Wishes {
  readonly markers: () => readonly Marker[];
  readonly onWindow: (window: Window) => void;
  /** Index of the point under the pointer. */
  readonly onPoint: (index: number | null) => void;
  readonly sync: string | null;
}

/** In pixels. */
export const narrowest = 120;
/** So few points are drawn as dots too. */
const dotsMax = 60;
const palest = 0.36;

export const colourOf = (scheme: 'light' | 'dark', i: number): string => lineColours[scheme][i % 6]!;
export const dashOf = (i: number): readonly number[] => lineDashes[i % 6]!;

export function draw(box: HTMLElement, drawing: Drawing, wishes: Wishes): uPlot {
  const { lines, xName, yName, log, height, scheme, raw, dense } = drawing;
  const style = getComputedStyle(box);
  const [quiet, faint] = [style.getPropertyValue('--mantine-color-dimmed'), style.getPropertyValue('--line')];
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: quiet, grid: { stroke: faint, width: 1 }, ticks: { show: false }, font, labelFont: font, labelSize: 20 }; // prettier-ignore
  const stroke = (i: number, isRaw: boolean): Stroke => {
    const colour = colourOf(scheme, i);
    return isRaw ? { colour: pale(colour), width: 1, pale: true } : { colour, width: 1.75, pale: false };
  };
  // In the order in which they are drawn: as measured first, then on top of it what is smoothed.
  const strokes = [...(raw ? lines.map((_, i) => stroke(i, true)) : []), ...lines.map((_, i) => stroke(i, false))];
  const series = (name: string, i: number, isRaw: boolean): uPlot.Series => ({
    label: name,
    stroke: stroke(i, isRaw).colour,
    dash: isRaw || dense ? [] : [...dashOf(i)],
    width: stroke(i, isRaw).width,
    spanGaps: true,
    paths: pathOf,
    points: { show: isRaw ? false : isSparse, size: 6, fill: colourOf(scheme, i) },
  });
  return new uPlot(
    {
      width: Math.max(narrowest, box.clientWidth),
      height,
      legend: { show: false },
      scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
      axes: [
        { ...axis, label: xName, size: 30, values: (_, marks) => marks.map((mark) => (Number.isInteger(mark) ? decimal(mark, 7) : ''))}, // prettier-ignore
        { ...axis, label: yName, size: 60, values: (_, marks) => marks.map((mark) => (mark === null ? '' : decimal(mark, 3)))}, // prettier-ignore
      ],
      series: [
        { label: xName },
        ...(raw ? lines.map(({ name }, i) => series(name, i, true)) : []),
        ...lines.map(({ name }, i) => series(name, i, false)),
      ],
      cursor: {
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        bind: { dblclick: () => () => (wishes.onWindow(null), null) },
        ...(wishes.sync !== null && { sync: { key: wishes.sync } }),
      },
      hooks: {
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < 4) return;
            wishes.onWindow({ from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') });
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
        setCursor: [(plot) => wishes.onPoint(plot.cursor.idx ?? null)],
        drawSeries: [(plot, i) => areColumns(plot) && drawColumns(plot, i, strokes[i - 1]!)],
        draw: [(plot) => drawMarkers(plot, wishes.markers(), style.getPropertyValue('--mantine-color-text'), font)],
      },
    },
    undefined,
    box,
  );
}

/** Few enough, of those that are looked at, to see them one by one. */
function isSparse(plot: uPlot, series: number, first: number, last: number): boolean {
  const ys = plot.data[series]!;
  let points = 0;
  for (let i = first; i <= last; i++) if (ys[i] != null && ++points > dotsMax) return false;
  return true;
}

const pale = (colour: string): string => `${colour}${Math.round(palest * 255).toString(16)}`;

/** The name stands beside its line, on the side where there is room, each lower than the one before it. */
function drawMarkers(plot: uPlot, markers: readonly Marker[], colour: string, font: string): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = ratio;
  ctx.font = font.replace(/^\d+px/, `${12 * ratio}px`);
  ctx.textBaseline = 'top';
  let row = 0;
  for (const { x, name } of markers) {
    const at = Math.round(plot.valToPos(x, 'x', true));
    if (at < bbox.left - 1 || at > bbox.left + bbox.width + 1) continue;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    const isLeft = at + ctx.measureText(name).width + 8 * ratio > bbox.left + bbox.width;
    ctx.textAlign = isLeft ? 'right' : 'left';
    ctx.fillText(name, at + (isLeft ? -5 : 5) * ratio, bbox.top + (3 + 16 * row) * ratio);
    row += 1;
  }
  ctx.restore();
}

/** The window applied, or all there is. */
export function look(plot: uPlot, window: Window): void {
  const xs = plot.data[0];
  if (xs === undefined || xs.length === 0) return;
  const [first, last] = [xs[0]!, xs.at(-1)!];
  const [from, to] = window === null ? [first, last] : [window.from, window.to];
  plot.setScale('x', from < to ? { min: from, max: to } : { min: from - 1, max: to + 1 });
}
