/**
 * Examples, or any rows, as CSV: for a spreadsheet, for a colleague, and to be read back by `convert`.
 *
 * Where every example is one question and one answer, they get columns of their own; otherwise the columns are the
 * fields of the rows, with JSON in those that are more than a text. Which of both is known only at the end, so the
 * file is read twice.
 */

import { invalid } from '../../domain/errors.ts';
import { contentText, type Draft } from './draft.ts';
import { openRows } from './convert.ts';
import type { Shape } from './shapes.ts';
import type { Fields, ReadingOptions, Source } from './source.ts';
import { asText } from './template.ts';

const columnsMax = 1000;

export interface CsvExport {
  readonly kind: string;
  readonly columns: readonly string[];
  /** The head, then the rows, without line ends. */
  lines(): AsyncGenerator<string, void>;
}

export interface CsvOptions extends ReadingOptions {
  /** Leave rows out that cannot be read, instead of ending there. */
  readonly skipBad?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called for each row of the first reading. */
  readonly onRow?: (count: number) => void;
}

export async function openCsvExport(path: string, options: CsvOptions): Promise<CsvExport> {
  const { source, shape } = await openRows(path, options);
  const { columns, isSimple } = await survey(path, rowsOf(path, source, options), shape);
  return {
    kind: shape?.name ?? source.kind,
    columns,
    async *lines() {
      yield columns.map(csvCell).join(',');
      for await (const { fields, place } of rowsOf(path, source, { ...options, onRow: () => undefined })) {
        const cells = isSimple && shape !== null ? simpleCells(draftAt(path, place, shape, fields)) : fields;
        yield columns.map((name) => csvCell(asText(cells.get(name)))).join(',');
      }
    },
  };
}

const bad = (path: string, place: string, fault: string): Error =>
  invalid(null, `${path}, ${place}: ${fault}.`, 'row_unreadable');

async function* rowsOf(
  path: string,
  source: Source,
  { skipBad, limit, signal, onRow }: CsvOptions,
): AsyncGenerator<{ readonly place: string; readonly fields: Fields }, void> {
  let count = 0;
  for await (const { fields, fault, place } of source.rows(signal)) {
    if (count === limit) return;
    onRow?.(++count);
    if (fields !== null) yield { place, fields };
    else if (skipBad !== true) throw bad(path, place, fault);
  }
}

async function survey(
  path: string,
  rows: AsyncIterable<{ readonly place: string; readonly fields: Fields }>,
  shape: Shape | null,
): Promise<{ columns: string[]; isSimple: boolean }> {
  const raw = new Set<string>();
  const simple = new Set<string>();
  let isSimple = shape !== null;
  for await (const { fields, place } of rows) {
    for (const name of fields.keys()) raw.add(name);
    if (raw.size > columnsMax)
      throw invalid(null, `${path}, ${place}: more than ${columnsMax} different fields.`, 'too_many_columns');
    if (!isSimple || shape === null) continue;
    const cells = simpleCells(draftAt(path, place, shape, fields));
    isSimple = cells.size > 0;
    for (const name of cells.keys()) simple.add(name);
  }
  if (!isSimple) return { columns: [...raw], isSimple };
  const usual = ['system', 'prompt', 'answer', 'preferred', 'rejected'];
  return {
    columns: [...usual.filter((name) => simple.has(name)), ...[...simple].filter((name) => !usual.includes(name))],
    isSimple,
  };
}

function draftAt(path: string, place: string, shape: Shape, fields: Fields): Draft {
  try {
    return shape.read(fields);
  } catch (error) {
    throw bad(path, place, (error as Error).message);
  }
}

/** Column → text of an example that is one question and one answer; empty for any other. */
function simpleCells({
  prompt,
  answer,
  rejected,
  unanswered = [],
  tools,
  parallelToolCalls,
  item,
}: Draft): Map<string, unknown> {
  const turns = [...prompt, ...answer, ...rejected];
  const isPlain = turns.every((message) => typeof message.content === 'string' && Object.keys(message).length === 2);
  const [system, user] = prompt.length === 2 ? prompt : [undefined, prompt[0]];
  const isSimple =
    isPlain &&
    user?.role === 'user' &&
    (system === undefined || system.role === 'system') &&
    prompt.length <= 2 &&
    answer.length <= 1 &&
    rejected.length <= 1 &&
    unanswered.length === 0 &&
    tools === undefined &&
    parallelToolCalls === undefined;
  const cells = new Map<string, unknown>();
  if (!isSimple) return cells;
  if (system !== undefined) cells.set('system', contentText(system.content));
  cells.set('prompt', contentText(user.content));
  if (answer[0] !== undefined) cells.set(rejected.length > 0 ? 'preferred' : 'answer', contentText(answer[0].content));
  if (rejected[0] !== undefined) cells.set('rejected', contentText(rejected[0].content));
  for (const [name, value] of Object.entries(item)) if (!cells.has(name)) cells.set(name, value);
  return cells;
}

const csvCell = (text: string): string => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
