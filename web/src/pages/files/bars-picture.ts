/** Bars as a PNG: the same counts drawn on a canvas, in the colours of the page, with their figures. */

import { count } from '../../parts/numbers.ts';
import { saveFile } from '../../parts/save-file.ts';
import type { Bar } from './bars.tsx';

interface Picture {
  readonly title: string;
  readonly axis: string;
  readonly unit: string;
  readonly bars: readonly Bar[];
}

const scale = 2;
const width = 760;
const rowHeight = 26;
const [left, right, top] = [200, 90, 64];
const namesMax = 28;

export async function saveBars(name: string, { title, axis, unit, bars }: Picture): Promise<void> {
  const style = getComputedStyle(document.body);
  const colour = (property: string): string => style.getPropertyValue(property).trim();
  const canvas = document.createElement('canvas');
  const height = top + bars.length * rowHeight + 16;
  [canvas.width, canvas.height] = [width * scale, height * scale];
  const ink = canvas.getContext('2d')!;
  ink.scale(scale, scale);
  ink.fillStyle = colour('--panel');
  ink.fillRect(0, 0, width, height);
  ink.fillStyle = colour('--mantine-color-text');
  ink.font = `600 15px ${style.fontFamily}`;
  ink.fillText(title, 16, 26);
  ink.font = `12px ${style.fontFamily}`;
  ink.fillStyle = colour('--mantine-color-dimmed');
  ink.fillText(`${axis} · ${unit}`, 16, 46);
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  for (const [i, bar] of bars.entries()) {
    const y = top + i * rowHeight;
    const length = ((width - left - right) * bar.count) / most;
    const short = bar.name.length > namesMax ? `${bar.name.slice(0, namesMax - 1)}…` : bar.name;
    ink.fillStyle = colour('--mantine-color-text');
    ink.textAlign = 'right';
    ink.fillText(short, left - 12, y + 14);
    ink.fillStyle = colour('--mantine-primary-color-filled');
    ink.fillRect(left, y, length, 18);
    ink.fillStyle = colour('--mantine-color-dimmed');
    ink.textAlign = 'left';
    ink.fillText(count(bar.count), left + length + 8, y + 14);
  }
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (blob !== null) saveFile(name, blob);
}
