/** Browsers that have signed in, keys of operators and their ends, names of projects, aliases of models. */

import type { ColumnDefinitionBuilder, Kysely, Migration } from 'kysely';

export const sessions: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;

    await schema.alterTable('projects').addColumn('name', 'text', withText).execute();
    await schema.alterTable('projects').addColumn('archived_at', 'integer').execute();

    await schema
      .alterTable('api_keys')
      .addColumn('admin', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
    await schema.alterTable('api_keys').addColumn('last_used_at', 'integer').execute();
    await schema.alterTable('api_keys').addColumn('expires_at', 'integer').execute();

    await schema
      .createTable('sessions')
      .addColumn('sha256', 'text', (column) => column.primaryKey())
      .addColumn('key_id', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('expires_at', 'integer', required)
      .execute();

    await schema
      .createTable('model_aliases')
      .addColumn('alias', 'text', (column) => column.primaryKey())
      .addColumn('base_model_id', 'text', required)
      .addColumn('created_at', 'integer', required)
      .execute();
  },
};

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const withText = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().defaultTo('');
