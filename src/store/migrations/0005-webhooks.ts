/** Webhooks, and what is to be delivered to them. */

import type { ColumnDefinitionBuilder, Kysely, Migration } from 'kysely';

export const webhooks: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;

    await schema
      .createTable('webhooks')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('project', 'text', required)
      .addColumn('url', 'text', required)
      .addColumn('events', 'text', required)
      .addColumn('secret', 'text', required)
      .addColumn('created_at', 'integer', required)
      .execute();
    await schema.createIndex('webhooks_project').on('webhooks').columns(['project', 'seq']).execute();

    await schema
      .createTable('webhook_deliveries')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('webhook_id', 'text', required)
      .addColumn('type', 'text', required)
      .addColumn('about', 'text', required)
      .addColumn('body', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('status', 'text', required)
      .addColumn('attempts', 'integer', required)
      .addColumn('due_at_ms', 'integer', required)
      .addColumn('last_error', 'text')
      .execute();
    await schema
      .createIndex('webhook_deliveries_once')
      .unique()
      .on('webhook_deliveries')
      .columns(['webhook_id', 'type', 'about'])
      .execute();
    await schema
      .createIndex('webhook_deliveries_due')
      .on('webhook_deliveries')
      .columns(['status', 'due_at_ms'])
      .execute();
  },
};

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const unique = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().unique();
