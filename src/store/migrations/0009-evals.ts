/** Evals, their runs, the items of a run that wait, and what came of those that do not. */

import type { ColumnDefinitionBuilder, Kysely, Migration } from 'kysely';

export const evals: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;
    await schema
      .createTable('evals')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('project', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('updated_ms', 'integer', required)
      .addColumn('object', 'text', required)
      .execute();
    await schema.createIndex('evals_project').on('evals').columns(['project', 'seq']).execute();

    await schema
      .createTable('eval_runs')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('project', 'text', required)
      .addColumn('eval_id', 'text', required)
      .addColumn('status', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('file_id', 'text')
      .addColumn('report_key', 'text', required)
      .addColumn('endpoint_key', 'text')
      .addColumn('criteria', 'text', required)
      .addColumn('data_source', 'text', required)
      .addColumn('object', 'text', required)
      .execute();
    await schema.createIndex('eval_runs_eval').on('eval_runs').columns(['eval_id', 'seq']).execute();
    await schema.createIndex('eval_runs_status').on('eval_runs').columns(['status', 'seq']).execute();

    await schema
      .createTable('eval_items')
      .addColumn('run_id', 'text', required)
      .addColumn('n', 'integer', required)
      .addColumn('source', 'text', required)
      .addPrimaryKeyConstraint('eval_items_key', ['run_id', 'n'])
      .execute();

    await schema
      .createTable('eval_output_items')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('run_id', 'text', required)
      .addColumn('n', 'integer', required)
      .addColumn('status', 'text', required)
      .addColumn('object', 'text', required)
      .execute();
    await schema
      .createIndex('eval_output_items_once')
      .unique()
      .on('eval_output_items')
      .columns(['run_id', 'n'])
      .execute();
    await schema.createIndex('eval_output_items_run').on('eval_output_items').columns(['run_id', 'seq']).execute();
  },
};

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const unique = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().unique();
