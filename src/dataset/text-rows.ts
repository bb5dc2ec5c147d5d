/** The rows of a file that is text; what is an archive, a document or a model is refused at once, with its name. */

import { invalid } from '../domain/errors.ts';
import { readRows, type Row, type RowOptions } from './rows.ts';

export async function* readTextRows(path: string, options: RowOptions = {}): AsyncGenerator<Row, void> {
  for await (const row of readRows(path, options)) {
    const foreign = row.problems.find(({ code }) => code === 'not_text');
    if (foreign !== undefined)
      throw invalid(null, [`${path}: ${foreign.message}`, foreign.suggestion ?? ''].join(' ').trim());
    yield row;
  }
}
