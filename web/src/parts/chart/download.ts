/** A chart as a picture and as a table, saved on the user's machine. */

import type uPlot from 'uplot';
import { saveFile } from '../save-file.ts';
import { colourOf } from './drawing.ts';
import type { Line } from './line.ts';

const padding = 20;
const lineHeight = 22;

/** With its name and what its colours mean, on the ground that it is seen on. */
export function savePicture(
  plot: uPlot,
  label: string,
  lines: readonly Pick<Line, 'name'>[],
  scheme: 'light' | 'dark',
): void {
  const ratio = devicePixelRatio;
  const source = plot.ctx.canvas;
  const style = getComputedStyle(plot.root);
  const canvas = document.createElement('canvas');
  const top = padding + lineHeight + lineHeight * lines.length + 8;
  canvas.width = source.width + 2 * padding * ratio;
  canvas.height = source.height + (top + padding) * ratio;
  const context = canvas.getContext('2d')!;
  context.fillStyle = style.getPropertyValue('--panel');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(ratio, ratio);
  context.textBaseline = 'middle';
  context.fillStyle = style.getPropertyValue('--mantine-color-text');
  context.font = `600 15px ${style.fontFamily}`;
  context.fillText(label, padding, padding + lineHeight / 2);
  context.font = `13px ${style.fontFamily}`;
  for (const [i, { name }] of lines.entries()) {
    const y = padding + lineHeight * (i + 1.5);
    context.strokeStyle = colourOf(scheme, i);
    context.lineWidth = 3;
    context.beginPath();
    context.moveTo(padding, y);
    context.lineTo(padding + 22, y);
    context.stroke();
    context.fillText(name, padding + 30, y);
  }
  context.drawImage(source, padding, top, source.width / ratio, source.height / ratio);
  canvas.toBlob((picture) => picture !== null && saveFile(`${fileName(label)}.png`, picture));
}

/** Every point as it was measured, whatever is smoothed or zoomed. */
export function saveTable(label: string, xName: string, xs: readonly number[], lines: readonly Line[]): void {
  const rows = xs.map((x, i) => [x, ...lines.map(({ ys }) => ys[i] ?? '')].join(','));
  const head = [xName, ...lines.map(({ name }) => name)].map(cell).join(',');
  saveFile(`${fileName(label)}.csv`, `${[head, ...rows].join('\r\n')}\r\n`, 'text/csv;charset=utf-8');
}

/** A spreadsheet must not take a name for a formula. */
const cell = (text: string): string => {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const fileName = (label: string): string =>
  label
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 80)
    .toLowerCase() || 'chart';
