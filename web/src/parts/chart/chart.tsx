/**
 * Lines over a common axis, drawn by uPlot on a canvas: crisp on every screen, and quick with a hundred thousand points.
 *
 * Beside the canvas stands what a screen reader can say: what is shown, from where to where, and the newest values.
 */

import { Box, useComputedColorScheme } from '@mantine/core';
import { type ReactElement, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { decimal } from '../numbers.ts';
import { lineColours, lineDashes } from '../../theme.ts';
import classes from './chart.module.css';

export interface Line {
  readonly name: string;
  /** As many as there are `xs`; null where this line has no point. */
  readonly ys: readonly (number | null)[];
}

interface ChartProps {
  readonly label: string;
  readonly xs: readonly number[];
  readonly xName: string;
  readonly lines: readonly Line[];
  /** With its unit: "Loss (nats per token)". */
  readonly yName: string;
  readonly log?: boolean;
  readonly height?: number;
}

export function Chart({ label, xs, xName, lines, yName, log = false, height = 260 }: ChartProps): ReactElement {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useComputedColorScheme('light');
  const names = lines.map(({ name }) => name).join('\n');

  useEffect(() => {
    const box = place.current!;
    const style = getComputedStyle(box);
    const axis = {
      stroke: style.getPropertyValue('--mantine-color-dimmed'),
      grid: { stroke: style.getPropertyValue('--line'), width: 1 },
      ticks: { show: false },
      font: `12px ${style.fontFamily}`,
      labelFont: `12px ${style.fontFamily}`,
      labelSize: 20,
    };
    const made = new uPlot(
      {
        width: box.clientWidth,
        height,
        scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
        axes: [
          { ...axis, label: xName },
          {
            ...axis,
            label: yName,
            size: 56,
            values: (_, marks) => marks.map((mark) => (mark === null ? '' : decimal(mark, 3))),
          },
        ],
        series: [
          { label: xName },
          ...names.split('\n').map((name, i) => ({
            label: name,
            stroke: lineColours[scheme][i % 6]!,
            dash: [...lineDashes[i % 6]!],
            width: 1.75,
            spanGaps: true,
            value: (_: uPlot, value: number | null) => (value === null ? '—' : decimal(value)),
          })),
        ],
      },
      undefined,
      box,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names, xName, yName, log, height, scheme]);

  useEffect(() => {
    plot.current?.setData([[...xs], ...lines.map(({ ys }) => [...ys])] as uPlot.AlignedData);
  }, [xs, lines, names, xName, yName, log, height, scheme]);

  return (
    <Box component="figure" m={0}>
      <div ref={place} className={classes['chart']} aria-hidden />
      <figcaption className="spoken-only">{spoken(label, xs, xName, lines)}</figcaption>
    </Box>
  );
}

function spoken(label: string, xs: readonly number[], xName: string, lines: readonly Line[]): string {
  if (xs.length === 0) return `${label}: nothing yet.`;
  const ends = lines.map(({ name, ys }) => {
    const known = ys.filter((y) => y !== null);
    return known.length === 0
      ? `${name}: nothing yet`
      : `${name}: from ${decimal(known[0]!)} to ${decimal(known.at(-1)!)}`;
  });
  return `${label}, ${xName} ${xs[0]} to ${xs.at(-1)}. ${ends.join('; ')}.`;
}
