/** Projects: who owns each file, job and model, the keys that open them, and fine-tuned models lent to others. */

import { type ColumnDefinitionBuilder, type Kysely, type Migration, sql } from 'kysely';

export const projects: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;

    // What was there before belongs to whoever needs no key.
    for (const table of ['files', 'jobs', 'models']) {
      await schema
        .alterTable(table)
        .addColumn('project', 'text', (column) => column.notNull().defaultTo('default'))
        .execute();
      await schema.createIndex(`${table}_project`).on(table).columns(['project', 'seq']).execute();
    }

    await schema
      .createTable('projects')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('created_at', 'integer', required)
      .execute();
    await sql`insert into projects (id, created_at) values ('default', ${Math.floor(Date.now() / 1000)})`.execute(
      database,
    );

    await schema
      .createTable('api_keys')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('project', 'text', required)
      .addColumn('name', 'text', required)
      .addColumn('sha256', 'text', unique)
      .addColumn('shown', 'text', required)
      .addColumn('created_at', 'integer', required)
      .addColumn('revoked_at', 'integer')
      .addColumn('requests_per_minute', 'integer')
      .addColumn('tokens_per_minute', 'integer')
      .execute();

    await schema
      .createTable('checkpoint_permissions')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('model_id', 'text', required)
      .addColumn('project', 'text', required)
      .addColumn('created_at', 'integer', required)
      .execute();
    await schema
      .createIndex('checkpoint_permissions_once')
      .unique()
      .on('checkpoint_permissions')
      .columns(['model_id', 'project'])
      .execute();
    await schema.createIndex('checkpoint_permissions_project').on('checkpoint_permissions').column('project').execute();
  },
};

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const unique = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().unique();
