/** A table without colours, as documents show it. */

import Table from 'cli-table3';

export const plainTable = (head: string[]): Table.Table => new Table({ head, style: { head: [], border: [] } });
