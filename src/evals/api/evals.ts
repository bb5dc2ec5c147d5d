/** The evals of a project: made, looked up, renamed, deleted with all their runs. */

import { randomUUID } from 'node:crypto';
import type { Metadata } from '../../answers/metadata.ts';
import { invalid, notFound } from '../../domain/errors.ts';
import type { Criterion, Eval } from '../../domain/eval.ts';
import { newId } from '../../domain/ids.ts';
import type { Alongside } from '../../store/answered-requests.ts';
import { type Rows } from './records.ts';
import type { EvalRequest, EvalUpdate } from './request.ts';
import { deleteRuns } from './runs.ts';

export interface Page {
  readonly after: string | null;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

export interface EvalPage extends Page {
  readonly order_by: 'created_at' | 'updated_at';
}

export class Evals {
  readonly #database: Rows;
  readonly #project: string;
  readonly #onChange: (run: string) => void;

  /** `onChange` is told of every run that is deleted. */
  constructor(database: Rows, project: string, onChange: (run: string) => void) {
    this.#database = database;
    this.#project = project;
    this.#onChange = onChange;
  }

  async create(request: EvalRequest, alongside?: Alongside<Eval>): Promise<Eval> {
    const made = newEval(request);
    await this.#database.transaction().execute(async (rows) => {
      await rows
        .insertInto('evals')
        .values({
          id: made.id,
          project: this.#project,
          created_at: made.created_at,
          updated_ms: Date.now(),
          object: JSON.stringify(made),
        })
        .execute();
      await alongside?.(rows, made);
    });
    return made;
  }

  async get(id: string): Promise<Eval> {
    const row = await this.#mine().where('id', '=', id).select('object').executeTakeFirst();
    if (row === undefined) throw notFound('eval_id', `No eval found with id '${id}'.`);
    return JSON.parse(row.object) as Eval;
  }

  /** One more than asked for tells the pager that there is another page. */
  async list({ after, limit, order, order_by }: EvalPage): Promise<Eval[]> {
    const byUpdate = order_by === 'updated_at';
    let query = this.#mine()
      .select('object')
      .limit(limit + 1);
    if (byUpdate) query = query.orderBy('updated_ms', order);
    query = query.orderBy('seq', order);
    if (after !== null) {
      const cursor = await this.#mine().where('id', '=', after).select(['seq', 'updated_ms']).executeTakeFirst();
      if (cursor === undefined)
        throw invalid('after', `Invalid 'after': there is no eval '${after}'.`, 'invalid_value');
      const { seq, updated_ms } = cursor;
      const beyond = order === 'asc' ? '>' : '<';
      query = query.where((row) =>
        byUpdate
          ? row.or([
              row('updated_ms', beyond, updated_ms),
              row.and([row('updated_ms', '=', updated_ms), row('seq', beyond, seq)]),
            ])
          : row('seq', beyond, seq),
      );
    }
    return (await query.execute()).map(({ object }) => JSON.parse(object) as Eval);
  }

  /** Only what is said changes; metadata as a whole. */
  async update(id: string, { name, metadata }: EvalUpdate): Promise<Eval> {
    return await this.#database.transaction().execute(async (rows) => {
      const mine = rows.selectFrom('evals').where('project', '=', this.#project).where('id', '=', id);
      const row = await mine.select('object').executeTakeFirst();
      if (row === undefined) throw notFound('eval_id', `No eval found with id '${id}'.`);
      const before = JSON.parse(row.object) as Eval;
      const changed: Eval = {
        ...before,
        ...(name !== undefined && { name }),
        ...(metadata !== undefined && { metadata }),
      };
      await rows
        .updateTable('evals')
        .set({ object: JSON.stringify(changed), updated_ms: Date.now() })
        .where('id', '=', id)
        .execute();
      return changed;
    });
  }

  async delete(id: string): Promise<void> {
    await this.get(id);
    const runs = await this.#database.transaction().execute(async (rows) => {
      const found = await rows.selectFrom('eval_runs').where('eval_id', '=', id).select('id').execute();
      await deleteRuns(
        rows,
        found.map((run) => run.id),
      );
      await rows.deleteFrom('evals').where('id', '=', id).execute();
      return found;
    });
    for (const run of runs) this.#onChange(run.id);
  }

  #mine() {
    return this.#database.selectFrom('evals').where('project', '=', this.#project);
  }
}

function newEval({ name, metadata, data_source_config: config, testing_criteria }: EvalRequest): Eval {
  return {
    object: 'eval',
    id: newId('eval'),
    name: name ?? '',
    created_at: Math.floor(Date.now() / 1000),
    data_source_config: shownConfig(config),
    testing_criteria: testing_criteria.map((grader): Criterion => ({
      ...grader,
      id: `${grader.name}-${randomUUID()}`,
    })),
    metadata: metadata ?? {},
  };
}

/** What a sample has for templates. */
const sampleSchema = {
  type: 'object',
  properties: {
    model: { type: 'string' },
    output_text: { type: 'string' },
    output_json: { type: ['object', 'array', 'string', 'number', 'boolean', 'null'] },
    output_tools: { type: 'array', items: { type: 'object' } },
    choices: { type: 'array', items: { type: 'object' } },
    input_tools: { type: 'array', items: { type: 'object' } },
    finish_reason: { type: 'string' },
  },
  required: ['model', 'choices'],
};

const loggedItemSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    model: { type: 'string' },
    metadata: { type: 'object' },
    input: { type: 'array', items: { type: 'object' } },
    output: { type: 'array', items: { type: 'object' } },
  },
  required: ['input'],
};

function shownConfig(config: EvalRequest['data_source_config']): Eval['data_source_config'] {
  const schemaWith = (item: object, sample: boolean) => ({
    type: 'object',
    properties: { item, ...(sample && { sample: sampleSchema }) },
    required: sample ? ['item', 'sample'] : ['item'],
  });
  if (config.type === 'custom')
    return { type: 'custom', schema: schemaWith(config.item_schema, config.include_sample_schema === true) };
  return {
    type: config.type,
    metadata: (config.metadata ?? {}) as Metadata,
    schema: schemaWith(loggedItemSchema, true),
  };
}
