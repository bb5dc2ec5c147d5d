import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tunesmith-database-'));
  path = join(folder, 'tunesmith.db');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const file = (id: string) => ({
  id,
  project: 'default',
  purpose: 'fine-tune',
  created_at: 1,
  expires_at: null,
  object: '{}',
  sha256: 'ab',
});

test('what was written is there after closing and opening again', async () => {
  await using first = await openDatabase(path);
  await first.insertInto('files').values(file('file-a')).execute();
  await first.destroy();

  await using second = await openDatabase(path);
  expect(await second.selectFrom('files').selectAll().execute()).toEqual([{ seq: 1, ...file('file-a') }]);
});

test('commits are flushed to disk: write-ahead log and synchronous FULL', async () => {
  await using database = await openDatabase(path);
  expect((await sql`pragma journal_mode`.execute(database)).rows).toEqual([{ journal_mode: 'wal' }]);
  expect((await sql`pragma synchronous`.execute(database)).rows).toEqual([{ synchronous: 2 }]);
});

test('a transaction that fails leaves nothing behind', async () => {
  await using database = await openDatabase(path);
  const doomed = database.transaction().execute(async (transaction) => {
    await transaction.insertInto('files').values(file('file-a')).execute();
    throw new Error('changed my mind');
  });
  await expect(doomed).rejects.toThrow('changed my mind');
  expect(await database.selectFrom('files').selectAll().execute()).toEqual([]);
});

test('a transaction holds the write lock from its beginning, so no other writer can come between its reads and writes', async () => {
  await using one = await openDatabase(path);
  await using two = await openDatabase(path);
  await sql`pragma busy_timeout = 0`.execute(two);
  await one.transaction().execute(async (transaction) => {
    await transaction.selectFrom('files').selectAll().execute();
    await expect(two.insertInto('files').values(file('file-b')).execute()).rejects.toThrow('locked');
  });
  await two.insertInto('files').values(file('file-b')).execute();
});

test('the number of a deleted row is never given again', async () => {
  await using database = await openDatabase(path);
  await database.insertInto('files').values(file('file-a')).execute();
  await database.deleteFrom('files').execute();
  await database.insertInto('files').values(file('file-b')).execute();
  expect(await database.selectFrom('files').select('seq').executeTakeFirst()).toEqual({ seq: 2 });
});

test('an id can be taken once', async () => {
  await using database = await openDatabase(path);
  await database.insertInto('files').values(file('file-a')).execute();
  await expect(database.insertInto('files').values(file('file-a')).execute()).rejects.toThrow(/UNIQUE/);
});

test('undefined, booleans and more statements than are kept go through', async () => {
  await using database = await openDatabase(path);
  for (let i = 0; i < 600; i++)
    expect((await sql<{ n: number }>`select ${sql.lit(i)} as n`.execute(database)).rows).toEqual([{ n: i }]);
  const { rows } = await sql`select ${undefined} as a, ${true} as b, ${false} as c`.execute(database);
  expect(rows).toEqual([{ a: null, b: 1, c: 0 }]);
});

test('a file that is no database is refused by name and left as it was', async () => {
  await writeFile(path, 'these are not the rows you are looking for'.repeat(100));
  await expect(openDatabase(path)).rejects.toThrow(/tunesmith\.db cannot be opened: file is not a database/);
});

test('a database from a newer version is refused, naming what it does not know', async () => {
  await using database = await openDatabase(path);
  await sql`insert into kysely_migration (name, timestamp) values ('9999-from-the-future', 'now')`.execute(database);
  await database.destroy();
  await expect(openDatabase(path)).rejects.toThrow(/newer Tunesmith: it has the migration 9999-from-the-future/);
});

test('only its owner can read the file and its logs', async () => {
  await using database = await openDatabase(path);
  await database.insertInto('files').values(file('file-a')).execute();
  for (const each of [path, `${path}-wal`, `${path}-shm`]) expect((await stat(each)).mode & 0o777).toBe(0o600);
});
