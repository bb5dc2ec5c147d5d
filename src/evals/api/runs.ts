/**
 * The runs of a project's evals: made, looked up, canceled, deleted, and what came of their items.
 *
 * Cancelling is done when it is written; the worker sees it and stops, and what it was still judging is not added.
 */

import { randomBytes } from 'node:crypto';
import { invalid, notFound } from '../../domain/errors.ts';
import { type Eval, type EvalRun, isRunOver, type OutputItem, type RunStatus } from '../../domain/eval.ts';
import type { EvalRunReport } from '../../domain/evaluation.ts';
import { newId } from '../../domain/ids.ts';
import type { Alongside } from '../../store/answered-requests.ts';
import { type SourceItem, schemaProblem } from './data-source.ts';
import type { Page } from './evals.ts';
import { type OutputItemPage, outputItemsOf } from './output-items.ts';
import { changeRun, insertItems, type KeptRun, keptRunOf, type Rows, runMoved, type RunRow } from './records.ts';
import type { DataSource, RunRequest } from './request.ts';
import type { RunReports } from './run-report.ts';

/** A run as rooms give it; the server knows the address of its report. */
export interface RunWithReport {
  readonly run: Omit<EvalRun, 'report_url'>;
  readonly reportKey: string;
}

export interface RunPage extends Page {
  readonly status: RunStatus | null;
}

export class EvalRuns {
  readonly #database: Rows;
  readonly #project: string;
  readonly #reports: RunReports;
  readonly #onChange: (run: string) => void;

  /** `onChange` is told of runs that are new, canceled or deleted. */
  constructor(database: Rows, project: string, reports: RunReports, onChange: (run: string) => void) {
    this.#database = database;
    this.#reports = reports;
    this.#project = project;
    this.#onChange = onChange;
  }

  async create(of: Eval, request: RunRequest, alongside?: Alongside<RunWithReport>): Promise<RunWithReport> {
    const { data_source: asked } = request;
    const { dataSource, endpointKey } = withoutKey(asked);
    const { source } = asked;
    const items = source.type === 'file_content' ? itemsOf(of, source.content) : null;
    const run = newRun(of, request, items?.length ?? 0);
    const row = {
      id: run.id,
      project: this.#project,
      eval_id: of.id,
      status: run.status,
      created_at: run.created_at,
      file_id: source.type === 'file_id' ? source.id : null,
      report_key: randomBytes(18).toString('base64url'),
      endpoint_key: endpointKey,
      criteria: JSON.stringify(of.testing_criteria),
      data_source: JSON.stringify(dataSource),
      object: JSON.stringify(run),
    };
    const made = shown(row);
    await this.#database.transaction().execute(async (rows) => {
      await rows.insertInto('eval_runs').values(row).execute();
      if (items !== null) await insertItems(rows, run.id, 0, items);
      await alongside?.(rows, made);
    });
    this.#onChange(run.id);
    return made;
  }

  async get(evalId: string, id: string): Promise<RunWithReport> {
    return shown(await this.#row(evalId, id));
  }

  /** One more than asked for tells the pager that there is another page. */
  async list(evalId: string, { after, limit, order, status }: RunPage): Promise<RunWithReport[]> {
    let query = this.#mine(evalId)
      .selectAll()
      .orderBy('seq', order)
      .limit(limit + 1);
    if (status !== null) query = query.where('status', '=', status);
    if (after !== null) {
      const cursor = await this.#mine(evalId).where('id', '=', after).select('seq').executeTakeFirst();
      if (cursor === undefined) throw invalid('after', `Invalid 'after': there is no run '${after}'.`, 'invalid_value');
      query = query.where('seq', order === 'asc' ? '>' : '<', cursor.seq);
    }
    return (await query.execute()).map(shown);
  }

  /** Figures of what is judged so far. */
  async report(evalId: string, id: string): Promise<EvalRunReport> {
    return await this.#reports.of(await this.#row(evalId, id));
  }

  /** What is judged already stays. */
  async cancel(evalId: string, id: string): Promise<RunWithReport> {
    await this.#row(evalId, id);
    await changeRun(this.#database, id, (run) => {
      if (run.status === 'canceled') return null;
      if (isRunOver(run.status))
        throw invalid(
          'run_id',
          `Run ${id} has already ${run.status}; there is nothing to cancel.`,
          'invalid_run_state',
        );
      return runMoved(run, 'canceled');
    });
    this.#onChange(id);
    return await this.get(evalId, id);
  }

  async delete(evalId: string, id: string): Promise<void> {
    await this.#row(evalId, id);
    await this.#database.transaction().execute(async (rows) => deleteRuns(rows, [id]));
    this.#onChange(id);
  }

  async outputItems(evalId: string, run: string, page: OutputItemPage): Promise<OutputItem[]> {
    await this.#row(evalId, run);
    return await outputItemsOf(this.#database, run, page);
  }

  async outputItem(evalId: string, run: string, id: string): Promise<OutputItem> {
    await this.#row(evalId, run);
    const row = await this.#database
      .selectFrom('eval_output_items')
      .where('run_id', '=', run)
      .where('id', '=', id)
      .select('object')
      .executeTakeFirst();
    if (row === undefined) throw notFound('output_item_id', `No output item found with id '${id}'.`);
    return JSON.parse(row.object) as OutputItem;
  }

  #mine(evalId: string) {
    return this.#database.selectFrom('eval_runs').where('project', '=', this.#project).where('eval_id', '=', evalId);
  }

  async #row(evalId: string, id: string): Promise<RunRow> {
    const row = await this.#mine(evalId).where('id', '=', id).selectAll().executeTakeFirst();
    if (row === undefined) throw notFound('run_id', `No eval run found with id '${id}'.`);
    return row;
  }
}

export async function deleteRuns(rows: Rows, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await rows.deleteFrom('eval_items').where('run_id', '=', id).execute();
    await rows.deleteFrom('eval_output_items').where('run_id', '=', id).execute();
    await rows.deleteFrom('eval_runs').where('id', '=', id).execute();
  }
}

function shown(row: Pick<RunRow, 'object' | 'data_source' | 'report_key'>): RunWithReport {
  const data_source = JSON.parse(row.data_source) as object;
  return { run: { ...keptRunOf(row), data_source }, reportKey: row.report_key };
}

/** The key of another server is kept apart, and shown to nobody. */
function withoutKey(asked: DataSource): { dataSource: DataSource; endpointKey: string | null } {
  if (asked.type === 'jsonl' || asked.endpoint === undefined) return { dataSource: asked, endpointKey: null };
  const { base_url, api_key } = asked.endpoint;
  return { dataSource: { ...asked, endpoint: { base_url } } as DataSource, endpointKey: api_key ?? null };
}

type Content = Extract<DataSource['source'], { type: 'file_content' }>['content'];

function itemsOf({ data_source_config: config }: Eval, content: Content): SourceItem[] {
  return content.map(({ item, sample }, i) => {
    const problem = schemaProblem(config, item);
    if (problem !== null)
      throw invalid(
        `data_source.source.content[${i}].item`,
        `Invalid 'data_source.source.content[${i}].item': ${problem}.`,
        'invalid_value',
      );
    return { item, ...(sample !== undefined && { given: sample }) };
  });
}

function newRun(of: Eval, { name, metadata, data_source }: RunRequest, total: number): KeptRun {
  return {
    object: 'eval.run',
    id: newId('evalRun'),
    eval_id: of.id,
    status: 'queued',
    model: data_source.type === 'jsonl' ? '' : (data_source.model ?? ''),
    name: name ?? '',
    created_at: Math.floor(Date.now() / 1000),
    result_counts: { total, errored: 0, failed: 0, passed: 0 },
    per_model_usage: [],
    per_testing_criteria_results: of.testing_criteria.map(({ id }) => ({
      testing_criteria: id,
      passed: 0,
      failed: 0,
    })),
    metadata: metadata ?? {},
    error: null,
  };
}
