/** Figures of data as text: numbers with their thousands apart, bars, and histograms of one line or of many. */

import type { Bin, Distribution } from '../../dataset/statistics/tally.ts';
import { table, type Cell } from '../terminal.ts';

const levels = '▁▂▃▄▅▆▇█';
const barWidth = 40;

/** `86,120`; a fraction keeps one digit where it is small enough to matter. */
export function figure(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 });
}

/** `12.5 %`; what is not nothing never reads as 0 %. */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) return '<0.1 %';
  return `${(100 * share).toFixed(share >= 0.1 || share === 0 ? 0 : 1)} %`;
}

/** A table whose numbers are written as figures, still to the right. */
export function figures(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const written = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? figure(cell) : (cell ?? '-'))));
  const columns = head.map((name, i) => {
    if (!rows.some((row) => typeof row[i] === 'number')) return null;
    return Math.max(name.length, ...written.map((row) => row[i]!.length));
  });
  const right = (cells: readonly string[]): string[] =>
    cells.map((cell, i) => (columns[i] === null ? cell : cell.padStart(columns[i]!)));
  return table(right(head), written.map(right));
}

export const distributionHead = ['MIN', 'P5', 'P50', 'P95', 'MAX', 'MEAN', 'TOTAL', ''];

export function distributionCells(distribution: Distribution): Cell[] {
  const { min, p5, p50, p95, max, mean, total, histogram } = distribution;
  return [min, p5, p50, p95, max, mean, total, sparkline(histogram)];
}

/** A histogram in one line, a letter for each bin: `▁▃█▅·▁`. */
export function sparkline(bins: readonly Bin[]): string {
  const most = Math.max(...bins.map(({ count }) => count));
  return bins.map(({ count }) => (count === 0 ? '·' : levels[Math.ceil((count / most) * levels.length) - 1]!)).join('');
}

/** A histogram with a line for each bin. */
export function histogram(bins: readonly Bin[]): string {
  const most = Math.max(...bins.map(({ count }) => count));
  const fromWidth = Math.max(...bins.map(({ from }) => figure(from).length));
  const toWidth = Math.max(...bins.map(({ to }) => figure(to - 1).length));
  return bins
    .map(({ from, to, count }) => {
      const range = `${figure(from).padStart(fromWidth)} – ${figure(to - 1).padStart(toWidth)}`;
      return `  ${range}  ${bar(count / most)} ${figure(count)}`;
    })
    .join('\n');
}

/** As long as the share of the longest bar. */
export function bar(share: number): string {
  return share === 0 ? '' : '█'.repeat(Math.round(share * barWidth)) || '▏';
}
