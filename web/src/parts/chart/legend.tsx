/** What the lines are, each with its value under the pointer; a click takes a line away and brings it back. */

import { Text, UnstyledButton } from '@mantine/core';
import type { ReactElement, RefObject } from 'react';
import classes from './chart.module.css';
import { colourOf, dashOf } from './drawing.ts';

interface LegendProps {
  readonly names: readonly string[];
  readonly hidden: ReadonlySet<number>;
  readonly onToggle: (i: number) => void;
  readonly scheme: 'light' | 'dark';
  readonly dense: boolean;
  /** Whose children are written to directly: the pointer moves more often than React should look. */
  readonly values: RefObject<HTMLDivElement | null>;
}

export function Legend({ names, hidden, onToggle, scheme, dense, values }: LegendProps): ReactElement {
  return (
    <div ref={values} className={classes['legend']} role="group" aria-label="Lines">
      {names.map((name, i) => (
        <UnstyledButton
          key={name}
          className={classes['key']}
          aria-pressed={!hidden.has(i)}
          data-hidden={hidden.has(i) || undefined}
          onClick={() => onToggle(i)}
        >
          <svg width="22" height="8" aria-hidden>
            <line
              x1="1"
              x2="21"
              y1="4"
              y2="4"
              stroke={colourOf(scheme, i)}
              strokeWidth="2.5"
              {...(!dense && dashOf(i).length > 0 && { strokeDasharray: dashOf(i).join(' ') })}
            />
          </svg>
          <Text component="span" size="xs" truncate maw={220}>
            {name}
          </Text>
          <Text component="span" size="xs" fw={600} className="figures" data-value />
        </UnstyledButton>
      ))}
    </div>
  );
}
