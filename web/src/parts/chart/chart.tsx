/**
 * Lines over a common axis, drawn by uPlot on a canvas: crisp on every screen, and quick with a hundred thousand points.
 *
 * Dragging zooms, a double click shows all again; so do plus, minus and Escape. For who listens the chart is a slider
 * along its axis: arrows go from point to point, and what is said is the values there. New points move nothing that
 * somebody has zoomed into.
 */

import { ActionIcon, Menu, Tooltip, useComputedColorScheme } from '@mantine/core';
import { IconDownload, IconZoomIn, IconZoomOut, IconZoomReset } from '@tabler/icons-react';
import { type KeyboardEvent, type ReactElement, useEffect, useId, useMemo, useRef, useState } from 'react';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { counted, decimal } from '../numbers.ts';
import classes from './chart.module.css';
import { savePicture, saveTable } from './download.ts';
import { draw, look, narrowest } from './drawing.ts';
import { Legend } from './legend.tsx';
import { type Line, type Marker, smoothed } from './line.ts';
import { pinch } from './pinch.ts';
import { View } from './view.ts';

export type { Line, Marker } from './line.ts';

interface ChartProps {
  readonly label: string;
  readonly xs: readonly number[];
  readonly xName: string;
  readonly lines: readonly Line[];
  /** With its unit: "Loss (nats per token)". */
  readonly yName: string;
  readonly log?: boolean;
  readonly height?: number;
  /** From 0 to just below 1. */
  readonly smoothing?: number;
  readonly markers?: readonly Marker[];
  /** Where several charts are zoomed together; without it each for itself. */
  readonly view?: View;
  /** Charts of one name have one pointer. */
  readonly sync?: string;
}

/** More points than these are not dashed. */
const denseFrom = 4000;
const none: readonly Marker[] = [];

export function Chart(props: ChartProps): ReactElement {
  const { label, xs, xName, lines, yName, log = false, height = 260, smoothing = 0, markers = none, sync } = props;
  const [ownView] = useState(() => new View());
  const view = props.view ?? ownView;
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const [at, setAt] = useState<number | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const values = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useComputedColorScheme('light');
  const summary = useId();
  const names = lines.map(({ name }) => name);
  const key = names.join('\n');
  const dense = xs.length > denseFrom;
  const raw = smoothing > 0 && lines.some(({ exact }) => exact !== true);
  const latest = useRef({ lines, markers, view });
  latest.current = { lines, markers, view };

  const data = useMemo(() => {
    const fit = (ys: readonly (number | null)[]) => (log ? ys.map((y) => (y !== null && y > 0 ? y : null)) : [...ys]);
    const soft = lines.map(({ ys, exact }) => fit(smoothed(ys, exact === true ? 0 : smoothing)));
    const hard = raw ? lines.map(({ ys, exact }) => (exact === true ? ys.map(() => null) : fit(ys))) : [];
    return [[...xs], ...hard, ...soft] as uPlot.AlignedData;
  }, [xs, lines, smoothing, raw, log]);

  useEffect(() => {
    const box = place.current!;
    const made = draw(
      box,
      { lines: latest.current.lines, xName, yName, log, height, scheme, raw, dense },
      {
        markers: () => latest.current.markers,
        onWindow: (next) => latest.current.view.set(next),
        onPoint: (index) => showValues(values.current, latest.current.lines, index),
        sync: sync ?? null,
      },
    );
    plot.current = made;
    const listening = new AbortController();
    pinch(made, (next) => latest.current.view.set(next), listening.signal);
    const watch = new ResizeObserver(() => {
      const width = Math.max(narrowest, box.clientWidth);
      if (width !== made.width) made.setSize({ width, height });
    });
    watch.observe(box);
    return () => {
      listening.abort();
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [key, xName, yName, log, height, scheme, raw, dense, sync]);

  const drawn = [key, xName, yName, log, height, scheme, raw, dense, sync];
  useEffect(() => plot.current!.setData(data, false), [data, ...drawn]);
  useEffect(() => look(plot.current!, view.window), [data, view, ...drawn]);
  useEffect(() => view.watch(() => look(plot.current!, view.window)), [view]);
  useEffect(() => {
    const made = plot.current!;
    for (const i of names.keys())
      for (const series of raw ? [1 + i, 1 + names.length + i] : [1 + i])
        if (made.series[series]!.show === hidden.has(i)) made.setSeries(series, { show: !hidden.has(i) });
  }, [hidden, ...drawn]);
  useEffect(() => plot.current!.redraw(false), [markers]);

  useEffect(() => {
    if (at === null || plot.current === null) return;
    const x = xs[at];
    if (x === undefined) return;
    plot.current.setCursor({ left: plot.current.valToPos(x, 'x'), top: 10 });
  }, [at]);

  /** The middle of what is seen stays, unless a point is chosen. */
  function zoom(factor: number): void {
    if (xs.length < 2) return;
    const [first, last] = [xs[0]!, xs.at(-1)!];
    const { from, to } = view.window ?? { from: first, to: last };
    const middle = at !== null && xs[at]! >= from && xs[at]! <= to ? xs[at]! : (from + to) / 2;
    const half = ((to - from) * factor) / 2;
    const next = { from: Math.max(first, middle - half), to: Math.min(last, middle + half) };
    view.set(next.from <= first && next.to >= last ? null : next);
  }

  function onKey(event: KeyboardEvent): void {
    const last = xs.length - 1;
    if (last < 0) return;
    const far = Math.max(1, Math.round(xs.length / 50));
    const here = at ?? last;
    const acts: Record<string, () => void> = {
      ArrowRight: () => setAt(Math.min(last, here + (event.shiftKey ? far : 1))),
      ArrowLeft: () => setAt(Math.max(0, here - (event.shiftKey ? far : 1))),
      PageUp: () => setAt(Math.min(last, here + far)),
      PageDown: () => setAt(Math.max(0, here - far)),
      Home: () => setAt(0),
      End: () => setAt(last),
      '+': () => zoom(0.5),
      '=': () => zoom(0.5),
      '-': () => zoom(2),
      Escape: () => view.set(null),
    };
    const act = acts[event.key];
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  const point = at ?? xs.length - 1;
  const words = useMemo(() => spoken(label, xs, xName, lines, markers), [label, xs, xName, lines, markers]);
  return (
    <figure className={classes['figure']}>
      <div className={classes['head']}>
        <Legend
          names={names}
          hidden={hidden}
          onToggle={(i) => setHidden((before) => toggled(before, i))}
          scheme={scheme}
          dense={dense}
          values={values}
        />
        <div className={classes['tools']} role="group" aria-label={`${label}: tools`}>
          <Tool words="Zoom in" onClick={() => zoom(0.5)} Icon={IconZoomIn} />
          <Tool words="Zoom out" onClick={() => zoom(2)} Icon={IconZoomOut} />
          <Tool words="Show all" onClick={() => view.set(null)} Icon={IconZoomReset} />
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" size="sm" aria-label={`Download: ${label}`}>
                <IconDownload size={16} stroke={1.6} aria-hidden />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => plot.current && savePicture(plot.current, label, lines, scheme)}>
                Picture (PNG)
              </Menu.Item>
              <Menu.Item onClick={() => saveTable(label, xName, xs, lines)}>Table (CSV)</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </div>
      </div>
      <div
        ref={place}
        className={classes['chart']}
        style={{ minHeight: height }}
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-describedby={summary}
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={Math.max(0, xs.length - 1)}
        aria-valuenow={Math.max(0, point)}
        aria-valuetext={pointInWords(xs, xName, lines, point)}
        onKeyDown={onKey}
      />
      <figcaption className="spoken-only" id={summary}>
        {words}
      </figcaption>
    </figure>
  );
}

interface ToolProps {
  readonly words: string;
  readonly onClick: () => void;
  readonly Icon: typeof IconZoomIn;
}

function Tool({ words, onClick, Icon }: ToolProps): ReactElement {
  return (
    <Tooltip label={words}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={words} onClick={onClick}>
        <Icon size={16} stroke={1.6} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}

function toggled(set: ReadonlySet<number>, i: number): ReadonlySet<number> {
  const next = new Set(set);
  if (!next.delete(i)) next.add(i);
  return next;
}

/** Under the pointer; where that line has no point, nothing. */
function showValues(legend: HTMLElement | null, lines: readonly Line[], index: number | null): void {
  for (const [i, place] of [...(legend?.querySelectorAll('[data-value]') ?? [])].entries()) {
    const y = index === null ? null : (lines[i]?.ys[index] ?? null);
    place.textContent = y === null ? '' : decimal(y);
  }
}

function pointInWords(xs: readonly number[], xName: string, lines: readonly Line[], i: number): string {
  if (xs[i] === undefined) return 'Nothing yet';
  const known = lines.flatMap(({ name, ys }) => (ys[i] == null ? [] : [`${name} ${decimal(ys[i])}`]));
  return `${xName} ${decimal(xs[i], 7)}: ${known.length === 0 ? 'nothing' : known.join(', ')}`;
}

function spoken(
  label: string,
  xs: readonly number[],
  xName: string,
  lines: readonly Line[],
  markers: readonly Marker[],
): string {
  if (xs.length === 0) return `${label}: nothing yet.`;
  const ends = lines.map(({ name, ys }) => {
    const known = ys.filter((y) => y !== null);
    if (known.length === 0) return `${name}: nothing yet`;
    const [first, last] = [known[0]!, known.at(-1)!];
    return `${name}: ${counted(known.length, 'point')}, from ${decimal(first)} to ${decimal(last)}, lowest ${decimal(least(known))}`;
  });
  const places = markers.map(({ name, x }) => `${name} at ${xName} ${decimal(x, 7)}`);
  return `${label}, ${xName} ${xs[0]} to ${xs.at(-1)}. ${[...ends, ...places].join('; ')}.`;
}

const least = (values: readonly number[]): number => values.reduce((low, value) => Math.min(low, value), Infinity);
