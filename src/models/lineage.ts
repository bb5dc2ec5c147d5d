/**
 * Where a fine-tuned model comes from and what has become of it: data → job → model → evals, exports, models beyond it.
 *
 * All of it is in the rows of the house already; this reads them for one project. Nothing is written.
 */

import { lstat, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Kysely, type Selectable, sql } from 'kysely';
import { invalid, notFound } from '../domain/errors.ts';
import type { EvalRun } from '../domain/eval.ts';
import type { FileObject } from '../domain/file.ts';
import type { Job } from '../domain/job.ts';
import type {
  FineTunedModelObject,
  Lineage,
  LineageEval,
  LineageExport,
  LineageFile,
  LineageJob,
  TaskMetricsObject,
} from '../domain/lineage.ts';
import type { Task } from '../domain/task.ts';
import { isEncoder } from '../families/table.ts';
import type { ModelsTable, Schema } from '../store/schema.ts';
import type { BaseModels } from './base-models.ts';
import { wholeModelAt } from './whole-model.ts';
import { modelsSeenBy } from './lending.ts';

type Row = Selectable<ModelsTable>;

export interface LineagePage {
  readonly after: string | null;
  readonly limit: number;
  /** Only those that stand on this base model. */
  readonly base: string | null;
  /** Whether earlier checkpoints of the same jobs are listed too. */
  readonly checkpoints: boolean;
}

const evalsShown = 50;

export class LineageRoom {
  readonly #database: Kysely<Schema>;
  readonly #bases: BaseModels;
  readonly #project: string;

  constructor(database: Kysely<Schema>, bases: BaseModels, project: string) {
    this.#database = database;
    this.#bases = bases;
    this.#project = project;
  }

  /** Newest first, one more than asked for when there is more. */
  async list({ after, limit, base, checkpoints }: LineagePage): Promise<FineTunedModelObject[]> {
    let query = modelsSeenBy(this.#database, this.#project)
      .selectAll()
      .orderBy('seq', 'desc')
      .limit(limit + 1);
    if (base !== null) query = query.where('base_model_id', '=', base);
    if (!checkpoints) query = query.where('id', 'not like', `%${checkpointMark}%`);
    if (after !== null) {
      const cursor = await modelsSeenBy(this.#database, this.#project)
        .where('id', '=', after)
        .select('seq')
        .executeTakeFirst();
      if (cursor === undefined)
        throw invalid('after', `Invalid 'after': there is no fine-tuned model '${after}'.`, 'invalid_value');
      query = query.where('seq', '<', cursor.seq);
    }
    const models: FineTunedModelObject[] = [];
    for (const row of await query.execute()) models.push(await this.#describe(row));
    return models;
  }

  async of(id: string): Promise<Lineage> {
    const row = await modelsSeenBy(this.#database, this.#project).selectAll().where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw notFound('model', `The model '${id}' does not exist`, 'model_not_found');
    const job = await this.#job(row);
    return {
      object: 'model.lineage',
      model: await this.#describe(row),
      data: job === null ? [] : await dataOf(this.#database, job),
      parent: parentOf(row, job),
      base_sha256: this.#base(row.base_model_id)?.sha256 ?? null,
      job: job === null ? null : briefly(job),
      siblings: await this.#siblings(row),
      children: await this.#children(id),
      evals: await this.#evals(id),
      exports: await this.#exports(id),
    };
  }

  async #describe(row: Row): Promise<FineTunedModelObject> {
    const folder = resolve(this.#bases.home, row.folder);
    const whole = await wholeModelAt(folder).catch(() => null);
    const weights = whole ?? this.#base(row.base_model_id);
    return {
      object: 'fine_tuned_model',
      id: row.id,
      created_at: row.created_at,
      base: row.base,
      base_model: row.base_model_id,
      base_installed: this.#base(row.base_model_id) !== undefined,
      job: row.job_id,
      step: stepOf(row.folder),
      is_checkpoint: row.id.includes(checkpointMark),
      size_bytes: await bytesIn(folder),
      kind: whole === null ? 'adapter' : 'whole',
      encoder: weights !== undefined && isEncoder(weights),
      metrics: await this.#metrics(row.id),
      task_metrics: (JSON.parse(row.object) as { task_metrics?: TaskMetricsObject }).task_metrics ?? null,
      lent: row.project !== this.#project,
    };
  }

  #base(id: string) {
    try {
      return this.#bases.find(id);
    } catch {
      return undefined; // damaged: it is no good to anybody
    }
  }

  async #metrics(model: string): Promise<Record<string, number>> {
    const row = await this.#database
      .selectFrom('checkpoints')
      .select('object')
      .where('model_id', '=', model)
      .executeTakeFirst();
    const metrics = row === undefined ? {} : (JSON.parse(row.object) as { metrics: Record<string, unknown> }).metrics;
    return Object.fromEntries(
      Object.entries(metrics).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    );
  }

  /** Null where the model was lent by another project: whose data it saw is that one's business. */
  async #job({ job_id }: Row): Promise<Job | null> {
    const row = await this.#database
      .selectFrom('jobs')
      .select('object')
      .where('id', '=', job_id)
      .where('project', '=', this.#project)
      .executeTakeFirst();
    return row === undefined ? null : (JSON.parse(row.object) as Job);
  }

  async #siblings({ job_id }: Row): Promise<{ id: string; step: number | null }[]> {
    const rows = await modelsSeenBy(this.#database, this.#project)
      .select(['id', 'folder'])
      .where('job_id', '=', job_id)
      .orderBy('seq')
      .execute();
    return rows.map(({ id, folder }) => ({ id, step: stepOf(folder) })).sort((a, b) => (a.step ?? 0) - (b.step ?? 0));
  }

  /** Of its own project: the models of the jobs that began with this one. */
  async #children(id: string): Promise<string[]> {
    const jobs = await this.#database
      .selectFrom('jobs')
      .select(['id', 'object'])
      .where('project', '=', this.#project)
      .where(holds('model', id))
      .execute();
    const ids = jobs.filter(({ object }) => (JSON.parse(object) as Job).model === id).map((job) => job.id);
    if (ids.length === 0) return [];
    const rows = await this.#database
      .selectFrom('models')
      .select('id')
      .where('job_id', 'in', ids)
      .where('id', 'not like', `%${checkpointMark}%`)
      .orderBy('seq')
      .execute();
    return rows.map((row) => row.id);
  }

  async #evals(id: string): Promise<LineageEval[]> {
    const rows = await this.#database
      .selectFrom('eval_runs')
      .select('object')
      .where('project', '=', this.#project)
      .where(holds('model', id))
      .orderBy('seq', 'desc')
      .limit(evalsShown)
      .execute();
    return rows
      .map(({ object }) => JSON.parse(object) as EvalRun)
      .filter((run) => run.model === id)
      .map((run) => ({
        eval: run.eval_id,
        run: run.id,
        name: run.name,
        status: run.status,
        created_at: run.created_at,
        passed: run.result_counts.passed,
        total: run.result_counts.total,
      }));
  }

  async #exports(id: string): Promise<LineageExport[]> {
    const rows = await this.#database
      .selectFrom('tasks')
      .select('object')
      .where('project', '=', this.#project)
      .where('type', '=', 'export')
      .where(holds('model', id))
      .orderBy('seq', 'desc')
      .execute();
    return rows
      .map(({ object }) => JSON.parse(object) as Task<{ model: string; format: string }>)
      .filter(({ request }) => request.model === id)
      .map(({ id: task, status, created_at, request }) => ({ task, format: request.format, status, created_at }));
  }
}

/** The files that a job has learnt from and was measured on, as they are today. */
export async function dataOf(
  rows: Kysely<Schema>,
  { training_file, validation_file }: Pick<Job, 'training_file' | 'validation_file'>,
): Promise<LineageFile[]> {
  const wanted: Pick<LineageFile, 'role' | 'id'>[] = [{ role: 'training', id: training_file }];
  if (validation_file !== null) wanted.push({ role: 'validation', id: validation_file });
  const files: LineageFile[] = [];
  for (const { role, id } of wanted) {
    const row = await rows.selectFrom('files').select(['sha256', 'object']).where('id', '=', id).executeTakeFirst();
    const file = row === undefined ? null : (JSON.parse(row.object) as FileObject);
    files.push({ role, id, sha256: row?.sha256 ?? null, filename: file?.filename ?? null, bytes: file?.bytes ?? null });
  }
  return files;
}

const checkpointMark = ':ckpt-step-';

/** Narrows down to rows whose object may have that value; whoever reads it looks at the value itself. */
const holds = (field: string, value: string) =>
  sql<boolean>`object like ${`%${JSON.stringify({ [field]: value })
    .slice(1, -1)
    .replaceAll(/[%_\\]/g, '\\$&')}%`} escape '\\'`;

const stepOf = (folder: string): number | null => {
  const step = /step-(\d+)$/.exec(folder)?.[1];
  return step === undefined ? null : Number(step);
};

/** A job that went on from a fine-tuned model names it; any other began with its base. */
function parentOf(row: Row, job: Job | null): Lineage['parent'] {
  const fineTuned = job?.model.startsWith('ft:') === true;
  return fineTuned ? { id: job.model, is_base: false } : { id: row.base_model_id, is_base: true };
}

const briefly = ({ id, status, method, created_at, finished_at, trained_tokens }: Job): LineageJob => ({
  id,
  status,
  method: method.type,
  created_at,
  finished_at,
  trained_tokens,
});

/** Zero for a folder that is not there. */
async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let sum = 0;
  for (const entry of entries) {
    if (entry.isFile())
      sum += await lstat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return sum;
}
