/** Data sets of a hub on loopback: which files, checked bytes, rows as they are or as examples. */

import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, expect, test } from 'vitest';
import { tunesmith } from '../cli/tunesmith.ts';
import { chat } from '../dataset/convert/folder.ts';
import { openMockHub, type Mishaps, type MockHub } from '../models/mock-hub.ts';

let hub: MockHub | null = null;
afterEach(async () => {
  await hub?.[Symbol.asyncDispose]();
  hub = null;
});

const parquet = (rows: number, from = 0): Buffer =>
  Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: 'text', data: Array.from({ length: rows }, (_, i) => `mail ${from + i}`), type: 'STRING' },
        { name: 'label', data: Array.from({ length: rows }, (_, i) => (i % 2 === 0 ? 'ham' : 'spam')), type: 'STRING' },
      ],
    }),
  );

/** A hub with one data set; Parquet files are under LFS, as they are on the real one. */
async function openDataset(files: Readonly<Record<string, Buffer>>, mishaps: Mishaps = {}): Promise<void> {
  const tree = Object.entries(files).map(([path, { length }]) => ({
    type: 'file', path, size: length, ...(path.endsWith('.parquet') && { lfs: { oid: 'x', size: length } }),
  })); // prettier-ignore
  const served = Object.entries(files).map(
    ([path, bytes]) => [`datasets/me/mails/resolve/main/${path}`, bytes] as const,
  );
  const listing = Buffer.from(JSON.stringify([{ type: 'directory', path: 'data' }, ...tree]));
  hub = await openMockHub(
    { ...Object.fromEntries(served), 'api/datasets/me/mails/tree/main?recursive=true': listing },
    mishaps,
  );
}

const collect = (...words: string[]) =>
  tunesmith(['data', 'collect', 'dataset', ...words], {
    env: { HF_ENDPOINT: hub?.endpoint ?? '', HF_TOKEN: 'secret' },
  });

const files = () => ({
  'README.md': Buffer.from('# Mails'),
  'data/train-00001-of-00002.parquet': parquet(2, 2),
  'data/train-00000-of-00002.parquet': parquet(2),
  'data/test-00000-of-00001.parquet': parquet(1, 9),
  'data/train.csv': Buffer.from('text,label\nno,no\n'),
});

test('the parts of a split come one after the other, as rows or as examples', async () => {
  await openDataset(files());
  const raw = await collect('me/mails');
  expect(raw.code, raw.stderr).toBe(0);
  expect(
    raw.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([0, 1, 2, 3].map((i) => ({ text: `mail ${i}`, label: i % 2 === 0 ? 'ham' : 'spam' })));
  const test = await collect('me/mails', '--split', 'test', '--to', 'chat');
  expect(JSON.parse(test.stdout)).toEqual(chat('mail 9', 'ham'));
  const limited = await collect('me/mails', '--limit', '3', '--user', 'Mail: {text}', '--assistant', 'label');
  expect(limited.stdout.trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([
    chat('Mail: mail 0', 'ham'), chat('Mail: mail 1', 'spam'), chat('Mail: mail 2', 'ham'),
  ]); // prettier-ignore
  const named = await collect('me/mails', '--file', 'data/train.csv');
  expect(named.stdout).toBe('{"text":"no","label":"no"}\n');
});

test('the token goes to the hub and to nobody else', async () => {
  await openDataset(files(), { token: 'secret' });
  expect((await collect('me/mails')).code).toBe(0);
  const of = (origin: string) =>
    hub!.requests.filter((request) => request.origin === origin).map(({ authorization }) => authorization);
  expect(new Set(of('hub'))).toEqual(new Set(['Bearer secret']));
  expect(new Set(of('storage'))).toEqual(new Set([null]));
});

test('a broken connection is resumed, a damaged file refused', async () => {
  await openDataset({ 'train.parquet': parquet(500) }, { breakAfterBytes: 400, breaks: 2 });
  const resumed = await collect('me/mails');
  expect(resumed.stdout.trim().split('\n')).toHaveLength(500);
  expect(hub!.requests.map(({ range }) => range)).toContain('bytes=400-');
  await hub![Symbol.asyncDispose]();
  await openDataset({ 'train.parquet': parquet(500) }, { flippedByte: 1000 });
  expect(await collect('me/mails')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('damaged on the way') as unknown,
  });
});

test('what is not there is said with what is', async () => {
  await openDataset(files());
  expect((await collect('me/mails', '--split', 'validation')).stderr).toContain(
    'me/mails (main) has no data for the split "validation"; there is data/train-00001-of-00002.parquet, ',
  );
  expect((await collect('me/mails', '--file', 'x.csv')).stderr).toContain('has no file "x.csv"');
  expect((await collect('me/nothing')).stderr).toMatch(/me\/nothing is not there for us \(404 from .*check HF_TOKEN/);
  expect((await collect('../../etc')).stderr).toContain('is not the name of a data set');
});
