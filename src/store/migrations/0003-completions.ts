/** Answers that are kept: chat completions with `store`, and responses with what they answered. */

import type { ColumnDefinitionBuilder, Kysely, Migration } from 'kysely';

export const completions: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;

    await schema
      .createTable('completions')
      .addColumn('seq', 'integer', counted)
      .addColumn('id', 'text', unique)
      .addColumn('project', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('model', 'text', required)
      .addColumn('object', 'text', required)
      .addColumn('messages', 'text', required)
      .execute();
    await schema.createIndex('completions_project').on('completions').columns(['project', 'seq']).execute();

    await schema
      .createTable('responses')
      .addColumn('seq', 'integer', counted)
      .addColumn('id', 'text', unique)
      .addColumn('project', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('status', 'text', required)
      .addColumn('object', 'text', required)
      .addColumn('input', 'text', required)
      .addColumn('events', 'text')
      .execute();
    await schema.createIndex('responses_status').on('responses').column('status').execute();
    await schema.createIndex('responses_created_at').on('responses').column('created_at').execute();

    await schema
      .createTable('response_items')
      .addColumn('seq', 'integer', counted)
      .addColumn('id', 'text', required)
      .addColumn('project', 'text', required)
      .addColumn('response_id', 'text', required)
      .addColumn('object', 'text', required)
      .execute();
    await schema.createIndex('response_items_id').on('response_items').columns(['project', 'id']).execute();
    await schema.createIndex('response_items_response').on('response_items').column('response_id').execute();
  },
};

const counted = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.primaryKey().autoIncrement();
const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const unique = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().unique();
