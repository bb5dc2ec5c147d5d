/** Answers by request, for those who ask again; the idempotency keys that jobs had for themselves move there. */

import type { ColumnDefinitionBuilder, Kysely, Migration } from 'kysely';

export const answeredRequests: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;
    await schema
      .createTable('answered_requests')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('scope', 'text', required)
      .addColumn('fingerprint', 'text', required)
      .addColumn('idempotency_key', 'text')
      .addColumn('at_ms', 'integer', required)
      .addColumn('object_id', 'text')
      .addColumn('status', 'integer', required)
      .addColumn('body', 'text', required)
      .execute();
    for (const column of ['fingerprint', 'idempotency_key', 'object_id'])
      await schema.createIndex(`answered_requests_${column}`).on('answered_requests').column(column).execute();
    await schema.createIndex('answered_requests_at').on('answered_requests').column('at_ms').execute();

    await schema.dropIndex('jobs_idempotency_key').execute();
    await schema.alterTable('jobs').dropColumn('idempotency_key').execute();
  },
};

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
