/** Which trackers follow which jobs, and how far they were told. `schema.ts` tells what each column means. */

import type { Kysely, Migration } from 'kysely';

export const tracking: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    await database.schema
      .createTable('tracking')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('job_id', 'text', (column) => column.notNull())
      .addColumn('tracker', 'text', (column) => column.notNull())
      .addColumn('told_seq', 'integer', (column) => column.notNull())
      .addColumn('state', 'text')
      .addColumn('failed_since_ms', 'integer')
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .addColumn('next_ms', 'integer', (column) => column.notNull())
      .addColumn('ended', 'integer', (column) => column.notNull())
      .addUniqueConstraint('tracking_once', ['job_id', 'tracker'])
      .execute();
    await database.schema.createIndex('tracking_due').on('tracking').columns(['ended', 'next_ms']).execute();
  },
};
