/**
 * A mended copy of a training file: what can be repaired without a doubt is, each repair is counted, and the file
 * itself is never touched.
 *
 * Rows are read three times: once to learn what sort of task it is, once for what all rows share, and once to write.
 * So a file of any size is repaired in the memory of a few rows. A row that still has errors is copied as far
 * as it could be repaired, or left out where that was asked for; what is no text cannot be copied.
 */

import { invalid } from '../../domain/errors.ts';
import type { ExampleFormat } from '../../domain/example.ts';
import { writeAtomically } from '../../formats/atomic-write.ts';
import { readLineBatches } from '../../formats/jsonl.ts';
import type { CheckOptions } from '../check.ts';
import { Fingerprints } from '../fingerprints.ts';
import { formatOf } from '../format.ts';
import { readRows, type Row } from '../rows.ts';
import { tokenizeRow } from '../tokenize.ts';
import { repairAlone } from './alone.ts';
import { Changes, type Ask, type RepairCount, type RepairName } from './changes.ts';
import { applyHabits, lowerCase, Measure, Survey, type Habits, type Task } from './habits.ts';

export interface RepairOptions {
  readonly format?: ExampleFormat;
  readonly skip?: readonly RepairName[];
  /** Leaves out rows that cannot be repaired. */
  readonly drop?: boolean;
  /** With a base model, conversations that it would see cut are too long. */
  readonly model?: CheckOptions['model'];
  readonly signal?: AbortSignal;
  /** Told how many bytes were read, of all `passes` together. */
  readonly onProgress?: (bytes: number) => void;
}

export interface RepairReport {
  readonly format: ExampleFormat;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly repairs: readonly RepairCount[];
  /** Lines of rows that still have errors. */
  readonly broken: readonly number[];
  readonly task: Task['kind'];
  readonly habits: Habits;
}

/** How often a file is read. */
export const passes = 3;
/** Of prompt and completion together. */
const charactersMax = 10_000;
const chunkLength = 2 ** 16;

/** Writes the repaired rows of `input` to `output`, which appears only when it is whole. */
export async function repairFile(input: string, output: string, options: RepairOptions): Promise<RepairReport> {
  const planned = await planRepair(input, options);
  await writeAtomically(output, planned.chunks());
  return planned.report();
}

/** A repair that knows what to do and has not begun. */
export interface PlannedRepair {
  /** The repaired file; read once. */
  chunks(): AsyncGenerator<Buffer, void>;
  /** What was done, once all chunks are read. */
  report(): RepairReport;
}

export async function planRepair(input: string, options: RepairOptions): Promise<PlannedRepair> {
  const format = options.format ?? (await formatOfFile(input));
  const run = new Run(input, format, options);
  const survey = new Survey(format);
  for await (const { value } of run.rows()) survey.add(value);
  const task = survey.result();
  const measure = new Measure(format);
  for await (const { value } of run.rows(task)) measure.add(value);
  const habits = measure.result(task.kind);
  return {
    chunks: () => chunksOf(run.texts(task, habits)),
    report: () => {
      const { rowsRead, rowsWritten, changes, broken } = run;
      return { format, rowsRead, rowsWritten, repairs: changes.list(), broken, task: task.kind, habits };
    },
  };
}

async function formatOfFile(path: string): Promise<ExampleFormat> {
  for await (const { lines } of readLineBatches(path)) {
    const format = formatOf(lines.map(({ text }) => text));
    if (format !== null) return format;
  }
  return 'chat';
}

/** A row after its own repairs; `ask` counts further ones. A row that still has errors has nothing but its text. */
interface Repaired {
  readonly text: string;
  readonly value: unknown;
  readonly ask: Ask | null;
}

class Run {
  readonly #path: string;
  readonly #format: ExampleFormat;
  readonly #options: RepairOptions;
  readonly #skipped: ReadonlySet<RepairName>;
  #bytesBefore = 0;
  rowsRead = 0;
  rowsWritten = 0;
  changes = new Changes();
  broken: number[] = [];

  constructor(path: string, format: ExampleFormat, options: RepairOptions) {
    this.#path = path;
    this.#format = format;
    this.#options = options;
    this.#skipped = new Set(options.skip ?? []);
  }

  /** One more time through the file: the rows that stay. Only what the last time changed is counted in the end. */
  async *rows(task?: Task): AsyncGenerator<Repaired, void> {
    const { signal, onProgress } = this.#options;
    const seen = new Fingerprints();
    let bytes = 0;
    [this.rowsRead, this.changes, this.broken] = [0, new Changes(), []];
    for await (const row of readRows(this.#path, {
      format: this.#format,
      ...(signal !== undefined && { signal }),
      onProgress: (read) => onProgress?.(this.#bytesBefore + (bytes = read)),
    })) {
      this.rowsRead += 1;
      const repaired = this.#repair(row, seen, task);
      if (repaired !== null) yield repaired;
    }
    this.#bytesBefore += bytes;
  }

  /** The lines of the repaired file. */
  async *texts(task: Task, habits: Habits): AsyncGenerator<string, void> {
    for await (const { text, value, ask } of this.rows(task)) {
      if (ask === null && (this.#options.drop === true || text === '')) continue;
      if (ask !== null) applyHabits(value, this.#format, habits, ask);
      this.rowsWritten += 1;
      yield ask === null ? text : JSON.stringify(value);
    }
  }

  /** Null when the row is left out. */
  #repair(row: Row, seen: Fingerprints, task: Task | undefined): Repaired | null {
    const { line, text, problems } = row;
    const ask: Ask = (name, path, before, after) => {
      if (this.#skipped.has(name)) return false;
      this.changes.add(name, { line, path, before, after });
      return true;
    };
    const foreign = problems.find(({ code }) => code === 'not_text');
    if (foreign !== undefined) throw invalid(null, foreign.message);
    const mended = repairAlone(row, this.#format, ask);
    if (mended === null) return null;
    const { value, checked } = mended;
    if (mended.broken) {
      this.broken.push(line);
      return { text: value === undefined ? text : JSON.stringify(value), value: undefined, ask: null };
    }
    const again = seen.add(JSON.stringify(value), line);
    if (again !== null && ask('duplicates', '$', `as on line ${again}`, 'left out')) return null;
    if (task !== undefined) {
      const long = this.#tooLong({ ...row, value, checked, problems: [] }, task);
      if (long !== null && ask('long-rows', '$', long, 'left out')) return null;
      lowerCase(value, this.#format, task, ask);
    }
    return { text, value, ask };
  }

  /** Why the row is too long, or null. */
  #tooLong(row: Row, { kind }: Task): string | null {
    const { checked } = row;
    if (checked?.format === 'completion' && kind !== 'open-ended') {
      const { length } = checked.example.prompt + checked.example.completion;
      return length > charactersMax ? `${length} characters` : null;
    }
    const { model } = this.#options;
    if (checked?.format !== 'chat' || model === undefined) return null;
    const tokenized = tokenizeRow(row, model.codec, model.tokensMax);
    return !('sequences' in tokenized) || tokenized.truncated ? `more than ${model.tokensMax} tokens` : null;
  }
}

/** Lines put together, so that few writes are needed. */
async function* chunksOf(lines: AsyncIterable<string>): AsyncGenerator<Buffer, void> {
  let text = '';
  for await (const line of lines) {
    text += `${line}\n`;
    if (text.length < chunkLength) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}
