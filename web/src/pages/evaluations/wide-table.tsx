/** A table that may be wider than its place: it is scrolled there, by keyboard too. */

import { Table, type TableProps } from '@mantine/core';
import type { ReactElement } from 'react';
import classes from './figure.module.css';

interface WideTableProps extends TableProps {
  readonly label: string;
  /** In pixels; narrower, it is scrolled. */
  readonly least: number;
}

export function WideTable({ label, least, children, ...props }: WideTableProps): ReactElement {
  return (
    <div className={classes['scroll']} tabIndex={0} role="group" aria-label={label}>
      <Table {...props} miw={least}>
        {children}
      </Table>
    </div>
  );
}
