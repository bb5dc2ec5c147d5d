/**
 * The house's memory: rows in SQLite, every acknowledged write on disk.
 *
 * Opening brings the tables up to date; a database that a newer Tunesmith has written, or a file that is no
 * database, is refused by name and left untouched. Closing is `await database.destroy()`, or `await using`.
 *
 * Inside `database.transaction().execute(...)` use the transaction it hands over: SQLite has one
 * connection, so a query on `database` itself would wait for the very transaction it is part of.
 */

import { DEFAULT_MIGRATION_TABLE, Kysely, Migrator, sql } from 'kysely';
import { TunesmithError } from '../domain/errors.ts';
import { firstRows } from './migrations/0001-first-rows.ts';
import { projects } from './migrations/0002-projects.ts';
import { completions } from './migrations/0003-completions.ts';
import { batches } from './migrations/0004-batches.ts';
import { webhooks } from './migrations/0005-webhooks.ts';
import { tracking } from './migrations/0006-tracking.ts';
import { uploads } from './migrations/0007-uploads.ts';
import { answeredRequests } from './migrations/0008-answered-requests.ts';
import { evals } from './migrations/0009-evals.ts';
import { evalPlaces } from './migrations/0013-eval-places.ts';
import { sessions } from './migrations/0011-sessions.ts';
import { jobFigures } from './migrations/0012-job-figures.ts';
import { tasks } from './migrations/0010-tasks.ts';
import type { Schema } from './schema.ts';
import { HouseSqliteDialect, openSqlite } from './sqlite.ts';

/** In the order they run; a published one is never edited. */
const migrations = {
  '0001-first-rows': firstRows,
  '0006-tracking': tracking,
  '0002-projects': projects,
  '0003-completions': completions,
  '0004-batches': batches,
  '0005-webhooks': webhooks,
  '0007-uploads': uploads,
  '0008-answered-requests': answeredRequests,
  '0009-evals': evals,
  '0011-sessions': sessions,
  '0010-tasks': tasks,
  '0012-job-figures': jobFigures,
  '0013-eval-places': evalPlaces,
};

/** Beside a server that has the folder, tables are taken as they are: `migrating` is off, and they must fit. */
export async function openDatabase(path: string, { migrating = true } = {}): Promise<Kysely<Schema>> {
  let database: Kysely<Schema> | null = null;
  try {
    database = new Kysely<Schema>({ dialect: new HouseSqliteDialect(openSqlite(path)) });
    if (migrating) await migrate(database);
    else await assertMigrated(database);
    return database;
  } catch (cause) {
    await database?.destroy();
    if (cause instanceof TunesmithError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TunesmithError('internal', `The database ${path} cannot be opened: ${reason}.`, { cause });
  }
}

async function migrate(database: Kysely<Schema>): Promise<void> {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => migrations } });
  const unknown = (await migrationsDone(database)).filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0)
    throw new TunesmithError(
      'internal',
      `The database was written by a newer Tunesmith: it has the migration ${unknown.join(', ')}, and this one knows ` +
        `up to ${Object.keys(migrations).at(-1)}. Install the newer version again, or choose another data folder.`,
    );
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

async function assertMigrated(database: Kysely<Schema>): Promise<void> {
  const done = await migrationsDone(database);
  const known = Object.keys(migrations);
  if (done.length === known.length && known.every((name) => done.includes(name))) return;
  throw new TunesmithError(
    'conflict',
    'The server that has this data folder is another version of Tunesmith. Stop it, or use its own command.',
    { code: 'other_version' },
  );
}

async function migrationsDone(database: Kysely<Schema>): Promise<string[]> {
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === DEFAULT_MIGRATION_TABLE)) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(
    database,
  );
  return rows.map((row) => row.name);
}
