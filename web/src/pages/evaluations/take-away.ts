/** A drawn picture and its numbers as files. */

import { saveFile } from '../../parts/save-file.ts';

export type Cell = string | number | null;

const scale = 2;
const copied = [
  'fill',
  'paint-order',
  'stroke-linejoin',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-opacity',
  'stroke-dasharray',
  'font-size',
  'font-family',
  'font-weight',
];

/** As it is seen: what the page's styles say is written into the copy, as the picture stands alone. */
export async function saveSvg(svg: SVGSVGElement, label: string): Promise<void> {
  const { width, height } = svg.viewBox.baseVal;
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [theirs, mine] = [svg.querySelectorAll('*'), copy.querySelectorAll('*')];
  for (const [i, element] of [...theirs].entries()) {
    const style = getComputedStyle(element);
    for (const name of copied) mine[i]!.setAttribute(name, style.getPropertyValue(name));
    mine[i]!.removeAttribute('class');
  }
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(width * scale));
  copy.setAttribute('height', String(height * scale));
  copy.removeAttribute('style');
  copy.removeAttribute('class');
  const url = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width * scale, height * scale];
    const context = canvas.getContext('2d')!;
    context.fillStyle = getComputedStyle(svg).getPropertyValue('--panel');
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0);
    canvas.toBlob((picture) => picture !== null && saveFile(`${fileName(label)}.png`, picture));
  } finally {
    URL.revokeObjectURL(url);
  }
}

export function saveRows(label: string, rows: readonly (readonly Cell[])[]): void {
  const text = rows.map((row) => row.map((cell) => quoted(cell ?? '')).join(',')).join('\r\n');
  saveFile(`${fileName(label)}.csv`, `${text}\r\n`, 'text/csv;charset=utf-8');
}

/** A spreadsheet must not take a text for a formula. */
function quoted(cell: string | number): string {
  if (typeof cell === 'number') return String(cell);
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const fileName = (label: string): string =>
  label
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 80)
    .toLowerCase() || 'table';
