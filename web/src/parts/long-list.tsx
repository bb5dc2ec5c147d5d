/**
 * A table of any length: only the rows in sight are in the page, so that a hundred thousand scroll as ten do.
 *
 * All rows have the same height, which is what makes their places known without measuring. Built as a grid by ARIA's
 * words, with the true number of rows; on a phone the columns that are not `always` leave.
 */

import { Box } from '@mantine/core';
import { type ReactElement, type ReactNode, useRef, useState } from 'react';
import classes from './long-list.module.css';

export interface Column<Row> {
  readonly name: string;
  /** A share of the width, as CSS grid has it: `2fr`, `7rem`. */
  readonly width: string;
  readonly cell: (row: Row, index: number) => ReactNode;
  /** Figures stand at the right. */
  readonly isFigure?: boolean;
  /** Stays on a phone. */
  readonly always?: boolean;
}

interface LongListProps<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row, index: number) => string | number;
  readonly columns: readonly Column<Row>[];
  /** Where more are fetched as the end comes into sight. */
  readonly onEnd?: () => void;
  readonly rowHeight?: number;
  /** At most; a short list is as high as its rows. */
  readonly height?: number;
}

const beyond = 8;

export function LongList<Row>(props: LongListProps<Row>): ReactElement {
  const { label, rows, keyOf, columns, onEnd, rowHeight = 44, height = 560 } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [first, setFirst] = useState(0);
  const shown = Math.ceil(height / rowHeight) + 2 * beyond;
  const start = Math.max(0, Math.min(first - beyond, rows.length - shown));
  const end = Math.min(rows.length, start + shown);

  function look(): void {
    const at = Math.floor(scroller.current!.scrollTop / rowHeight);
    if (at !== first) setFirst(at);
    if (onEnd !== undefined && at + shown >= rows.length) onEnd();
  }

  const style = {
    '--columns': columns.map(({ width }) => width).join(' '),
    '--columns-narrow': columns
      .filter(({ always }) => always === true)
      .map(({ width }) => width)
      .join(' '),
  } as React.CSSProperties;
  const classOf = ({ isFigure, always }: Column<Row>): string =>
    [classes['cell'], isFigure === true && classes['figure'], always !== true && classes['wide-only']]
      .filter(Boolean)
      .join(' ');
  return (
    <Box
      ref={scroller}
      className={classes['list']}
      style={{ ...style, maxHeight: height }}
      onScroll={look}
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      tabIndex={0}
    >
      <div role="row" aria-rowindex={1} className={`${classes['row']} ${classes['head']}`}>
        {columns.map((column) => (
          <div key={column.name} role="columnheader" className={classOf(column)}>
            {column.name}
          </div>
        ))}
      </div>
      <div role="presentation" style={{ height: start * rowHeight }} />
      {rows.slice(start, end).map((row, i) => (
        <div
          key={keyOf(row, start + i)}
          role="row"
          aria-rowindex={start + i + 2}
          className={classes['row']}
          style={{ height: rowHeight }}
        >
          {columns.map((column) => (
            <div key={column.name} role="cell" className={classOf(column)}>
              {column.cell(row, start + i)}
            </div>
          ))}
        </div>
      ))}
      <div role="presentation" style={{ height: (rows.length - end) * rowHeight }} />
    </Box>
  );
}
