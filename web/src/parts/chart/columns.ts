/**
 * A line with more points than a screen can tell apart: for each column of pixels the lowest and the highest point in
 * it, so that no peak is lost. Bars are put down several times as quickly as a line that goes up and down as often as
 * there are points; where points of a column lie together, a line through their middles is the curve itself.
 */

import uPlot from 'uplot';

/** Lines of fewer points a column are drawn point by point. */
const pointsPerColumn = 4;

/** How wide the line is, in pixels of the page, and whether what is below it shines through. */
export interface Stroke {
  readonly colour: string;
  readonly width: number;
  readonly pale: boolean;
}

const pointByPoint = uPlot.paths.linear!();

/** What uPlot draws; null where the columns are drawn instead. */
export const pathOf: uPlot.Series.PathBuilder = (plot, series, first, last) =>
  areColumns(plot) ? null : pointByPoint(plot, series, first, last);

export function areColumns(plot: uPlot): boolean {
  const [first, last] = plot.series[0]!.idxs!;
  return last - first >= pointsPerColumn * plot.bbox.width;
}

export function drawColumns(plot: uPlot, series: number, { colour, width, pale }: Stroke): void {
  const { ctx } = plot;
  const thick = width * devicePixelRatio;
  const columns = columnsOf(plot, series);
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = colour;
  ctx.lineWidth = thick;
  ctx.lineJoin = 'bevel';
  const wide = Math.max(1, Math.round(thick));
  const left = Math.floor(wide / 2);
  if (pale) drawBars();
  else drawMiddles();
  ctx.restore();

  /** Each from its top to its bottom and on to its neighbour: what shines through must not be drawn over itself. */
  function drawBars(): void {
    let before: Column | null = null;
    for (const { x, top, bottom } of columns) {
      const from: number = before === null ? top : Math.min(top, before.bottom);
      const to: number = before === null ? bottom : Math.max(bottom, before.top);
      ctx.fillRect(x, Math.floor(from), wide, Math.max(wide, Math.ceil(to) - Math.floor(from)));
      before = { x, top, bottom };
    }
  }

  function drawMiddles(): void {
    ctx.beginPath();
    for (const { x, top, bottom } of columns) {
      ctx.lineTo(x + 0.5, (top + bottom) / 2);
      if (bottom - top > thick) ctx.fillRect(x - left, top - thick / 2, wide, bottom - top + thick);
    }
    ctx.stroke();
  }
}

/** In pixels of the canvas, downwards. */
interface Column {
  readonly x: number;
  readonly top: number;
  readonly bottom: number;
}

/** Those that have a point, from left to right. */
function columnsOf(plot: uPlot, series: number): Column[] {
  const xs = plot.data[0];
  const ys = plot.data[series]!;
  const [first, last] = plot.series[0]!.idxs!;
  const { left, width } = plot.bbox;
  const { min, max } = plot.scales['x']! as { min: number; max: number };
  const columns: Column[] = [];
  let i = first;
  for (let column = 0; column <= width && i <= last; column++) {
    const end = column < width ? min + ((max - min) * (column + 1)) / width : Infinity;
    let [low, high] = [Infinity, -Infinity];
    for (; i <= last && xs[i]! < end; i++) {
      const y = ys[i];
      if (y == null) continue;
      if (y < low) low = y;
      if (y > high) high = y;
    }
    if (low > high) continue;
    columns.push({
      x: Math.round(left + column),
      top: plot.valToPos(high, 'y', true),
      bottom: plot.valToPos(low, 'y', true),
    });
  }
  return columns;
}
