/** Figures with how sure they are: a value with its 95 % interval in words, and several side by side on one line. */

import { Text } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import type { ReactElement } from 'react';
import type { Estimate } from '../../../../src/domain/evaluation.ts';
import type { Interval } from '../../../../src/domain/sweep.ts';
import { decimal, percent } from '../../parts/numbers.ts';
import { Figure } from './figure.tsx';
import classes from './figure.module.css';

/** "84.0 % (78.1 – 88.9)": the value, and between which two the truth lies in 95 of 100 such tests. */
export function Figured({ estimate }: { readonly estimate: Estimate | Interval | null }): ReactElement {
  if (estimate === null) return <>–</>;
  const { value, low, high } = estimate;
  return (
    <Text component="span" size="sm" className="figures" style={{ whiteSpace: 'nowrap' }}>
      {percent(value)}{' '}
      {low !== null && high !== null && (
        <Text component="span" size="xs" c="dimmed">
          ({reach(low)} – {reach(high)})
        </Text>
      )}
    </Text>
  );
}

const reach = (share: number): string => (100 * share).toFixed(1);

/** Losses are not shares. */
export const inWords = (value: number, metric: string): string =>
  metric === 'valid_loss' ? decimal(value) : percent(value);

/** What to say beside figures of few cases. */
export function SmallNote({
  estimate,
  of,
}: {
  readonly estimate: Estimate | null;
  readonly of: string;
}): ReactElement | null {
  if (estimate === null || !estimate.small) return null;
  return (
    <Text size="sm" c="dimmed">
      Only {estimate.n} {of}: take the intervals as hints.
    </Text>
  );
}

export interface Compared {
  readonly name: string;
  readonly estimate: Estimate;
  /** The one to use stands out. */
  readonly isChosen: boolean;
}

/** On a phone the names stand above their lines. */
const shapes = {
  wide: { width: 720, line: 34, left: 250, right: 24 },
  narrow: { width: 330, line: 52, left: 12, right: 24 },
} as const;

/** Each one's value as a point on the line from 0 to 100 %, with its interval. */
export function Intervals({
  label,
  rows,
}: {
  readonly label: string;
  readonly rows: readonly Compared[];
}): ReactElement {
  const isNarrow = useMediaQuery('(max-width: 48em)');
  const { width, line, left, right } = shapes[isNarrow ? 'narrow' : 'wide'];
  const across = (share: number): number => left + Math.min(1, Math.max(0, share)) * (width - left - right);
  const height = line * rows.length + 30;
  const numbers = [
    ['', 'value', 'low', 'high'],
    ...rows.map(({ name, estimate: { value, low, high } }) => [name, value, low, high]),
  ];
  return (
    <Figure label={label} width={width} height={height} rows={numbers}>
      {[0, 0.25, 0.5, 0.75, 1].map((share) => (
        <g key={share}>
          <line className={classes['grid']} x1={across(share)} x2={across(share)} y1={4} y2={height - 24} />
          <text x={across(share)} y={height - 8} textAnchor="middle">
            {100 * share}
            {isNarrow ? '' : ' %'}
          </text>
        </g>
      ))}
      {rows.map(({ name, estimate: { value, low, high }, isChosen }, i) => {
        const y = line * (i + 0.5) + (isNarrow ? 14 : 2);
        return (
          <g key={name} className={classes[isChosen ? 'second' : 'first']}>
            <title>{`${name}: ${percent(value)} (${reach(low)} – ${reach(high)})`}</title>
            <text
              x={isNarrow ? left : left - 12}
              y={isNarrow ? y - 14 : y + 4}
              textAnchor={isNarrow ? 'start' : 'end'}
              className={classes['strong']}
              fontWeight={isChosen ? 600 : 400}
            >
              {shortened(name)}
            </text>
            <line className={classes['reach']} x1={across(low)} x2={across(high)} y1={y} y2={y} />
            {isChosen ? (
              <rect
                className={classes['point']}
                x={across(value) - 5}
                y={y - 5}
                width={10}
                height={10}
                transform={`rotate(45 ${across(value)} ${y})`}
              />
            ) : (
              <circle className={classes['point']} cx={across(value)} cy={y} r={5} />
            )}
          </g>
        );
      })}
    </Figure>
  );
}

const lettersMax = 34;
const shortened = (name: string): string => (name.length > lettersMax ? `…${name.slice(1 - lettersMax)}` : name);
