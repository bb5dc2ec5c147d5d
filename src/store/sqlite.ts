/**
 * Kysely over the SQLite that ships inside `@photostructure/sqlite`.
 *
 * Three things differ from Kysely's own dialect: transactions take the write lock when they begin, so two
 * writers wait for each other instead of failing halfway; migrations run inside one transaction; prepared
 * statements are kept, because the finalizers of dropped ones run only when the event loop turns. The calls
 * are those of `node:sqlite`, which takes over when Node 20 is dropped.
 */

import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from '@photostructure/sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  SqliteAdapter,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely';
import { TunesmithError } from '../domain/errors.ts';

const statementsKeptMax = 500;
/** It holds the secrets of webhooks. */
const ownerOnly = 0o600;
/** Older ones can corrupt a database in WAL mode when a reset races a checkpoint. */
const oldestSafeSqlite = '3.51.3';

/** Opens the file for one process: write-ahead log, every commit on disk before it is acknowledged. */
export function openSqlite(path: string): DatabaseSyncInstance {
  closeSync(openSync(path, 'a', ownerOnly)); // SQLite would let everybody read; its log files take this mode over
  chmodSync(path, ownerOnly);
  const sqlite = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
  try {
    const { version } = sqlite.prepare('select sqlite_version() as version').get() as { version: string };
    if (version.localeCompare(oldestSafeSqlite, 'en', { numeric: true }) < 0)
      throw new TunesmithError('internal', `SQLite ${version} found; ${oldestSafeSqlite} or newer is needed.`);
    sqlite.exec('pragma journal_mode = WAL; pragma synchronous = FULL;');
  } catch (error) {
    sqlite.close();
    throw error;
  }
  return sqlite;
}

export class HouseSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;

  constructor(sqlite: DatabaseSyncInstance) {
    const prepare = keepStatements(sqlite);
    const config = { database: { prepare, close: () => sqlite.close() } };
    super(config);
    this.#config = config;
  }

  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#config);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** `prepare` with the most recently used statements kept; a Map remembers the order of insertion. */
function keepStatements(sqlite: DatabaseSyncInstance): (sql: string) => SqliteStatement {
  const kept = new Map<string, SqliteStatement>();
  return (sql) => {
    const statement = kept.get(sql) ?? asKyselyStatement(sqlite.prepare(sql));
    kept.delete(sql);
    kept.set(sql, statement);
    if (kept.size > statementsKeptMax) kept.delete(kept.keys().next().value!);
    return statement;
  };
}

function asKyselyStatement(statement: StatementSyncInstance): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...parameters.map(bindable)) as unknown[],
    run: (parameters) => statement.run(...parameters.map(bindable)),
    iterate: (parameters) => statement.iterate(...parameters.map(bindable)) as IterableIterator<unknown>,
  };
}

/** SQLite binds numbers, strings, bytes and null only. */
function bindable(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value;
}
