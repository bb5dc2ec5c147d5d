/** Batches, and the answers to their requests until they are files. */

import type { ColumnDefinitionBuilder, Kysely, Migration } from 'kysely';

export const batches: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;

    await schema
      .createTable('batches')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('project', 'text', required)
      .addColumn('status', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('output_seconds', 'integer', required)
      .addColumn('object', 'text', required)
      .execute();
    await schema.createIndex('batches_project').on('batches').columns(['project', 'seq']).execute();
    await schema.createIndex('batches_status').on('batches').columns(['status', 'seq']).execute();

    await schema
      .createTable('batch_results')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('batch_id', 'text', required)
      .addColumn('line', 'integer', required)
      .addColumn('ok', 'integer', required)
      .addColumn('output', 'text', required)
      .execute();
    await schema.createIndex('batch_results_once').unique().on('batch_results').columns(['batch_id', 'line']).execute();
  },
};

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const unique = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().unique();
