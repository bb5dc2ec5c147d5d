/** Large files on their way in, and their parts. */

import type { ColumnDefinitionBuilder, Kysely, Migration } from 'kysely';

export const uploads: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;

    await schema
      .createTable('uploads')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('project', 'text', required)
      .addColumn('status', 'text', required)
      .addColumn('expires_at', 'integer', required)
      .addColumn('file_expires_after', 'integer')
      .addColumn('object', 'text', required)
      .execute();
    await schema.createIndex('uploads_status').on('uploads').columns(['status', 'expires_at']).execute();

    await schema
      .createTable('upload_parts')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', unique)
      .addColumn('upload_id', 'text', required)
      .addColumn('bytes', 'integer', required)
      .execute();
    await schema.createIndex('upload_parts_upload').on('upload_parts').column('upload_id').execute();
  },
};

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const unique = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().unique();
