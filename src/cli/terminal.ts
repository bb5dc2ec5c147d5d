/**
 * Where a command writes: data on stdout, everything said to a person beside it on stderr.
 *
 * A live line (progress) is redrawn in place on a terminal and is not written at all anywhere else, where
 * each event is a plain line instead. Tests pass their own streams.
 */

import Table from 'cli-table3';
import pico from 'picocolors';

export interface OutputStream {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Streams {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

export type Cell = string | number | null | undefined;

export class Terminal {
  readonly json: boolean;
  readonly #streams: Streams;
  #live = '';

  constructor(streams: Streams, options: { json: boolean }) {
    this.#streams = streams;
    this.json = options.json;
  }

  /** Whether a person watches: both streams end at a terminal, and it is not a build machine's. */
  get isInteractive(): boolean {
    return this.#streams.stdout.isTTY === true && this.#streams.stderr.isTTY === true && !process.env['CI'];
  }

  get columns(): number {
    return this.#streams.stdout.columns ?? 100;
  }

  get paint(): ReturnType<typeof pico.createColors> {
    return pico.createColors(this.isInteractive && pico.isColorSupported);
  }

  /** A line of data. */
  data(text: string): void {
    this.#clearLive();
    this.#streams.stdout.write(`${text}\n`);
    this.#drawLive();
  }

  /** A piece of data as it comes, with no line end of its own. */
  raw(text: string | Uint8Array): void {
    this.#streams.stdout.write(text);
  }

  /** A line said to a person. */
  note(text: string): void {
    this.#clearLive();
    this.#streams.stderr.write(`${text}\n`);
    this.#drawLive();
  }

  /** The line that shows where things stand; empty takes it away. */
  live(text: string): void {
    if (!this.isInteractive) return;
    this.#clearLive();
    this.#live = text.slice(0, this.columns - 1);
    this.#drawLive();
  }

  /** The value itself with `--json`, otherwise what `show` makes of it. */
  result(value: unknown, show: () => string): void {
    this.data(this.json ? JSON.stringify(value, null, 2) : show());
  }

  #clearLive(): void {
    if (this.#live !== '') this.#streams.stderr.write('\r\u001b[2K');
  }

  #drawLive(): void {
    if (this.#live !== '') this.#streams.stderr.write(this.#live);
  }
}

const edges = ['', '-mid', '-left', '-right'];
const noBorders = Object.fromEntries([
  ...['top', 'bottom'].flatMap((side) => edges.map((edge) => [side + edge, ''])),
  ...['left', 'right', 'mid'].flatMap((side) => [side, `${side}-mid`].map((name) => [name, ''])),
]);

/** Rows under a head, columns aligned with two spaces between; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const numeric = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  const grid = new Table({
    head: [...head],
    chars: { ...noBorders, middle: '  ' },
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  grid.push(...rows.map((row) => row.map((cell) => (cell === null || cell === undefined ? '-' : String(cell)))));
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** One thing as `name  value` lines; what is null or absent is left out. */
export function record(fields: Readonly<Record<string, Cell>>): string {
  const entries = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

export function formatBytes(count: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** Unix seconds → `2026-03-01 12:30`, in the reader's own time zone. */
export function formatTime(seconds: number | null | undefined): string | null {
  if (seconds === null || seconds === undefined) return null;
  const date = new Date(seconds * 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `45 s`, `3:05`, `1:02:10`. */
export function formatDuration(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  if (total < 60) return `${total} s`;
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}
