/** A drawn picture that can be taken away: as PNG, and its numbers as CSV. On a phone it is scrolled, not shrunk. */

import { ActionIcon, Menu } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { type ReactElement, type ReactNode, useRef } from 'react';
import { saveSvg, saveRows, type Cell } from './take-away.ts';
import classes from './figure.module.css';

interface FigureProps {
  readonly label: string;
  readonly width: number;
  readonly height: number;
  /** The numbers, its head first. */
  readonly rows: readonly (readonly Cell[])[];
  readonly children: ReactNode;
}

export function Figure({ label, width, height, rows, children }: FigureProps): ReactElement {
  const svg = useRef<SVGSVGElement>(null);
  return (
    <figure className={classes['figure']} style={{ maxWidth: width }}>
      <div className={classes['head']}>
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label={`Download: ${label}`}>
              <IconDownload size={16} stroke={1.6} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => svg.current !== null && void saveSvg(svg.current, label)}>
              Picture (PNG)
            </Menu.Item>
            <Menu.Item onClick={() => saveRows(label, rows)}>Table (CSV)</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
      <div className={classes['scroll']} tabIndex={0} role="group" aria-label={label}>
        <svg
          ref={svg}
          className={classes['picture']}
          viewBox={`0 0 ${width} ${height}`}
          style={{ minWidth: Math.min(width, 420), maxWidth: width }}
          role="img"
          aria-label={spoken(label, rows)}
        >
          {children}
        </svg>
      </div>
    </figure>
  );
}

const rowsSpoken = 20;

/** A picture says its numbers. */
const spoken = (label: string, [head, ...rows]: readonly (readonly Cell[])[]): string =>
  [
    label,
    ...rows.slice(0, rowsSpoken).map((row) => row.map((cell, i) => `${head?.[i] ?? ''} ${cell ?? 'none'}`).join(', ')),
  ].join('. ');
