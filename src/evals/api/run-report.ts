/**
 * The report of a run, for programs: figures with intervals, the confusion matrix, the reliability of probabilities.
 *
 * Figures of few items are worked out at once and those of many in a thread, so that the server goes on answering.
 * A run that goes on has the figures of what is judged so far; the newest reports are kept, by how far a run had come.
 */

import { setImmediate } from 'node:timers/promises';
import type { Criterion } from '../../domain/eval.ts';
import type { EvalRunReport } from '../../domain/evaluation.ts';
import { startThread } from '../../programs.ts';
import { wilson } from '../metrics/estimate.ts';
import { figuresOf, type Figures, type ReportRow } from './criterion-figures.ts';
import type { FiguresMessage, FiguresReply } from './figures-main.ts';
import { keptRunOf, type Rows, type RunRow } from './records.ts';

/** Figures of so few items are there before a thread would have begun. */
const itemsHere = 20;
const rowsAtOnce = 500;
const reportsKept = 32;

export class RunReports {
  readonly #database: Rows;
  readonly #kept = new Map<string, Promise<Figures>>();
  /** Threads one after the other: a list of runs asks for many reports at once. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(database: Rows) {
    this.#database = database;
  }

  async of(row: RunRow): Promise<EvalRunReport> {
    const { id, eval_id, status, result_counts } = keptRunOf(row);
    const { passed, failed, errored } = result_counts;
    const figures = await this.#figures(row, passed + failed + errored);
    return {
      object: 'eval.run.report',
      run_id: id,
      eval_id,
      status,
      result_counts,
      pass_rate: passed + failed === 0 ? null : wilson(passed, passed + failed),
      ...figures,
    };
  }

  #figures(row: RunRow, judged: number): Promise<Figures> {
    const key = `${row.id} ${judged}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const figures = this.#workOut(row, judged);
    this.#kept.set(key, figures);
    figures.catch(() => this.#kept.delete(key));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= reportsKept) break;
      this.#kept.delete(oldest);
    }
    return figures;
  }

  async #workOut({ id, criteria: written }: RunRow, judged: number): Promise<Figures> {
    const criteria = JSON.parse(written) as Criterion[];
    if (judged > itemsHere) {
      const figures = this.#turn.then(() => inThread(criteria, this.#rows(id)));
      this.#turn = figures.catch(() => undefined);
      return await figures;
    }
    const rows: ReportRow[] = [];
    for await (const some of this.#rows(id)) rows.push(...some);
    return figuresOf(criteria, rows);
  }

  async *#rows(run: string): AsyncGenerator<ReportRow[], void> {
    for (let after = -1; ;) {
      const rows = await this.#database
        .selectFrom('eval_output_items')
        .select(['n', 'object', 'tokens'])
        .where('run_id', '=', run)
        .where('n', '>', after)
        .orderBy('n')
        .limit(rowsAtOnce)
        .execute();
      yield rows.map(({ object, tokens }) => ({ object, tokens }));
      if (rows.length < rowsAtOnce) return;
      after = rows.at(-1)!.n;
      await setImmediate(); // a turn for everybody else
    }
  }
}

async function inThread(criteria: readonly Criterion[], rows: AsyncIterable<ReportRow[]>): Promise<Figures> {
  const thread = startThread('evals/api/figures-main', null);
  const say = (message: FiguresMessage): void => thread.postMessage(message);
  try {
    const reply = new Promise<FiguresReply>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', (code) => reject(new Error(`The thread that works out figures ended with code ${code}.`)));
    });
    reply.catch(() => undefined); // it is heard below
    for await (const some of rows) say({ rows: some });
    say({ criteria });
    const heard = await reply;
    if ('error' in heard) throw heard.error;
    return heard.figures;
  } finally {
    await thread.terminate();
  }
}
