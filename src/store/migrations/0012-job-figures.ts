/** Each step's measurements in few bytes; those of earlier jobs are taken from their events. */

import { type Kysely, type Migration, sql } from 'kysely';

/** As they were when this was written; the names of today are in `domain/job-metrics.ts`. */
const names = [
  'train_loss',
  'train_mean_token_accuracy',
  'learning_rate',
  'grad_norm',
  'tokens_per_second',
  'train_preference_accuracy',
  'train_reward_margin',
  'valid_loss',
  'valid_mean_token_accuracy',
  'full_valid_loss',
  'full_valid_mean_token_accuracy',
  'full_valid_exact_answers',
  'full_valid_preference_accuracy',
  'full_valid_reward_margin',
];
const pageRows = 2000;
const digits = 6;

export const jobFigures: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { schema } = database;
    await schema
      .createTable('job_figures')
      .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('job_id', 'text', (column) => column.notNull())
      .addColumn('step', 'integer', (column) => column.notNull())
      .addColumn('figures', 'text', (column) => column.notNull())
      .execute();
    await schema.createIndex('job_figures_step').unique().on('job_figures').columns(['job_id', 'step']).execute();

    let last = 0;
    for (;;) {
      const { rows } = await sql<EventRow>`select seq, job_id, step, created_at, object from job_events
        where step is not null and seq > ${last} order by seq limit ${pageRows}`.execute(database);
      for (const row of rows)
        await sql`insert into job_figures (job_id, step, figures) values (${row.job_id}, ${row.step}, ${figuresOf(row)})`.execute(
          database,
        );
      if (rows.length < pageRows) return;
      last = rows.at(-1)!.seq;
    }
  },
};

interface EventRow {
  readonly seq: number;
  readonly job_id: string;
  readonly step: number;
  readonly created_at: number;
  readonly object: string;
}

function figuresOf({ step, created_at, object }: EventRow): string {
  const data = (JSON.parse(object) as { data: Readonly<Record<string, number | undefined>> }).data;
  const values = names.map((name) => {
    const value = data[name];
    return typeof value === 'number' ? Number(value.toPrecision(digits)) : null;
  });
  return JSON.stringify([step, created_at, ...values.slice(0, values.findLastIndex((value) => value !== null) + 1)]);
}
