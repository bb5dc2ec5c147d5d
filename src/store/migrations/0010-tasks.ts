/** Tasks: what takes longer than a request. */

import type { ColumnDefinitionBuilder, Kysely, Migration } from 'kysely';

export const tasks: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;
    await schema
      .createTable('tasks')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', (column) => required(column).unique())
      .addColumn('project', 'text', required)
      .addColumn('type', 'text', required)
      .addColumn('status', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('folder', 'text', required)
      .addColumn('secrets', 'text', required)
      .addColumn('object', 'text', required)
      .execute();
    await schema.createIndex('tasks_project').on('tasks').columns(['project', 'seq']).execute();
    await schema.createIndex('tasks_status').on('tasks').columns(['status', 'seq']).execute();
  },
};

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
