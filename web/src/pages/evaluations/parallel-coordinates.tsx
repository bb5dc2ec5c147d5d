/**
 * Trials as lines through their settings to their figures: an axis for each hyper-parameter that was varied, and one
 * for the figure on each rung. A line ends where its trial was stopped. Dashes and widths say what colours say.
 */

import { Group, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { SweepResult, SweepTrial, SweepValue } from '../../../../src/domain/sweep.ts';
import { decimal } from '../../parts/numbers.ts';
import { Figure } from './figure.tsx';
import classes from './figure.module.css';

const [height, top, bottom, gap, margin] = [340, 44, 24, 170, 110];
const y = (place: number): number => height - bottom - place * (height - top - bottom);

interface Axis {
  readonly title: string;
  readonly unit: string;
  readonly place: (trial: SweepTrial) => number | null;
  readonly marks: readonly { readonly at: number; readonly text: string }[];
}

export function ParallelCoordinates({ sweep }: { readonly sweep: SweepResult }): ReactElement {
  const { trials, varied, rungs, winner, metric } = sweep;
  const axes = [...varied.map((name) => valueAxis(name, trials)), ...figureAxes(sweep)];
  const width = 2 * margin + gap * Math.max(1, axes.length - 1);
  const x = (i: number): number => margin + gap * i;
  const kindOf = (trial: SweepTrial): string =>
    trial.id === winner ? 'second' : trial.results.length === rungs.length ? 'first' : 'quiet';
  // The best are drawn last, over the others.
  const order = trials.toSorted(
    (a, b) => Number(a.id === winner) - Number(b.id === winner) || a.results.length - b.results.length,
  );
  const rows = [
    ['trial', ...varied, ...rungs.map(({ examples }) => `${metric.name} on ${examples}`)],
    ...trials.map(({ id, values, results }) => [
      id,
      ...varied.map((name) => String(values[name] ?? '')),
      ...rungs.map((_, i) => results[i]?.figure?.value ?? null),
    ]),
  ];
  return (
    <>
      <Group gap="lg" mb="xs" aria-hidden>
        {(
          [
            ['second', winner === null ? null : 'best'],
            ['first', 'trained on everything'],
            ['quiet', 'stopped earlier, or still going on'],
          ] as const
        ).map(([kind, words]) =>
          words === null ? null : (
            <Group key={kind} gap={6} className={classes[kind]}>
              <svg width="26" height="8">
                <line
                  className={`${classes['line']} ${kind === 'quiet' ? classes['dashed'] : kind === 'second' ? classes['thick'] : ''}`}
                  x1="0"
                  x2="26"
                  y1="4"
                  y2="4"
                />
              </svg>
              <Text size="xs" c="dimmed">
                {words}
              </Text>
            </Group>
          ),
        )}
      </Group>
      <Figure label="Trials by their settings and figures" width={width} height={height} rows={rows}>
        {axes.map((axis, i) => (
          <line key={axis.title + axis.unit} className={classes['ideal']} x1={x(i)} x2={x(i)} y1={y(0)} y2={y(1)} />
        ))}
        {order.map((trial) => {
          const points = axes.flatMap(({ place }, i) => {
            const at = place(trial);
            return at === null ? [] : [[x(i), y(at)] as const];
          });
          const kind = kindOf(trial);
          const end = points.at(-1);
          return (
            <g key={trial.id} className={classes[kind]}>
              <title>{trial.id}</title>
              <polyline
                className={`${classes['line']} ${kind === 'quiet' ? classes['dashed'] : kind === 'second' ? classes['thick'] : ''}`}
                points={points.map((point) => point.join(',')).join(' ')}
              />
              {end !== undefined && <circle className={classes['point']} cx={end[0]} cy={end[1]} r={4} />}
            </g>
          );
        })}
        {axes.map(({ title, unit, marks }, i) => (
          <g key={title + unit}>
            <text x={x(i)} y={16} textAnchor="middle" className={classes['strong']} fontWeight={600}>
              {title.replaceAll('_', ' ')}
            </text>
            <text x={x(i)} y={32} textAnchor="middle">
              {unit}
            </text>
            {marks.map(({ at, text }) => (
              <text key={text + at} x={x(i) - 8} y={y(at) + 4} textAnchor="end">
                {text}
              </text>
            ))}
          </g>
        ))}
      </Figure>
    </>
  );
}

/** Values at even distances: those of a sweep are chosen by factors. */
function valueAxis(name: string, trials: readonly SweepTrial[]): Axis {
  const found = [...new Set(trials.flatMap(({ values }) => values[name] ?? []))];
  const isNumbers = found.every((value) => typeof value === 'number');
  const sorted = isNumbers ? found.toSorted((a, b) => a - b) : found;
  const at = (value: SweepValue): number => (sorted.length === 1 ? 0.5 : sorted.indexOf(value) / (sorted.length - 1));
  const shown = sorted.length <= 8 ? sorted : [sorted[0]!, sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!];
  return {
    title: name,
    unit: '',
    place: ({ values }) => (values[name] === undefined ? null : at(values[name])),
    marks: shown.map((value) => ({
      at: at(value),
      text: typeof value === 'number' ? decimal(value) : short(String(value)),
    })),
  };
}

const short = (text: string): string => (text.length > 14 ? `${text.slice(0, 13)}…` : text);

/** One scale for all rungs, the better end on top. */
function figureAxes({ trials, rungs, metric }: SweepResult): Axis[] {
  const values = trials.flatMap(({ results }) => results.flatMap(({ figure }) => figure?.value ?? []));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const at = (value: number): number => {
    const part = high === low ? 0.5 : (value - low) / (high - low);
    return metric.lower_is_better ? 1 - part : part;
  };
  const told = (value: number): string =>
    metric.name === 'valid_loss' ? decimal(value, 3) : `${(100 * value).toFixed(1)} %`;
  const marks = [...new Set([low, (low + high) / 2, high])].map((value) => ({ at: at(value), text: told(value) }));
  return rungs.map(({ examples }, i) => ({
    title: metric.name,
    unit: `${examples} examples`,
    place: ({ results }) => {
      const figure = results[i]?.figure;
      return figure == null ? null : at(figure.value);
    },
    marks: i === 0 ? marks : [],
  }));
}
