/** Where an output item stands among those of its run, and what its answer's tokens tell. */

import { type Kysely, type Migration, sql } from 'kysely';

export const evalPlaces: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;
    for (const [column, type] of [
      ['score', sql`real not null default 0`],
      ['doubt', sql`real not null default 1`],
    ] as const)
      await sql`alter table eval_output_items add column ${sql.ref(column)} ${type}`.execute(database);
    await schema.alterTable('eval_output_items').addColumn('tokens', 'text').execute();
    // Earlier items have no more than their status to go by.
    await sql`update eval_output_items set score = case status when 'pass' then 1 when 'error' then -1 else 0 end`.execute(
      database,
    );
    await schema
      .createIndex('eval_output_items_worst')
      .on('eval_output_items')
      .columns(['run_id', 'score', 'doubt', 'seq'])
      .execute();
  },
};
