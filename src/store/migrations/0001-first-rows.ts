/** The first tables: files, jobs with their events and checkpoints, models. `schema.ts` tells what each column means. */

import type { ColumnDefinitionBuilder, CreateTableBuilder, Kysely, Migration } from 'kysely';

export const firstRows: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;

    await ordered(schema.createTable('files'))
      .addColumn('id', 'text', uniqueText)
      .addColumn('purpose', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('expires_at', 'integer')
      .addColumn('object', 'text', required)
      .addColumn('sha256', 'text', required)
      .execute();
    await schema.createIndex('files_expires_at').on('files').column('expires_at').execute();

    await ordered(schema.createTable('jobs'))
      .addColumn('id', 'text', uniqueText)
      .addColumn('status', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('object', 'text', required)
      .addColumn('idempotency_key', 'text')
      .addColumn('lease_owner', 'text')
      .addColumn('lease_until_ms', 'integer')
      .addColumn('attempts', 'integer', zero)
      .addColumn('step', 'integer', zero)
      .addColumn('plan', 'text')
      .execute();
    await schema.createIndex('jobs_status').on('jobs').columns(['status', 'seq']).execute();
    await schema.createIndex('jobs_idempotency_key').on('jobs').column('idempotency_key').execute();

    await ordered(schema.createTable('job_events'))
      .addColumn('id', 'text', uniqueText)
      .addColumn('job_id', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('step', 'integer')
      .addColumn('once', 'text')
      .addColumn('object', 'text', required)
      .execute();
    await schema.createIndex('job_events_job').on('job_events').columns(['job_id', 'seq']).execute();
    await schema.createIndex('job_events_step').unique().on('job_events').columns(['job_id', 'step']).execute();
    await schema.createIndex('job_events_once').unique().on('job_events').columns(['job_id', 'once']).execute();

    await ordered(schema.createTable('checkpoints'))
      .addColumn('id', 'text', uniqueText)
      .addColumn('job_id', 'text', required)
      .addColumn('step', 'integer', required)
      .addColumn('model_id', 'text', uniqueText)
      .addColumn('created_at', 'integer', required)
      .addColumn('object', 'text', required)
      .addColumn('folder', 'text', required)
      .execute();
    await schema.createIndex('checkpoints_step').unique().on('checkpoints').columns(['job_id', 'step']).execute();

    await ordered(schema.createTable('models'))
      .addColumn('id', 'text', uniqueText)
      .addColumn('created_at', 'integer', required)
      .addColumn('base', 'text', required)
      .addColumn('base_model_id', 'text', required)
      .addColumn('job_id', 'text', required)
      .addColumn('folder', 'text', required)
      .addColumn('object', 'text', required)
      .execute();
    await schema.createIndex('models_job').on('models').column('job_id').execute();
  },
};

/** Every table counts its rows, and a deleted row's number is never given again: cursors stay true. */
function ordered<Name extends string>(table: CreateTableBuilder<Name>): CreateTableBuilder<Name, 'seq'> {
  return table.addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement());
}

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const uniqueText = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().unique();
const zero = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().defaultTo(0);
