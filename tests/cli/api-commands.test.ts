import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { tunesmith, type Ran } from './tunesmith.ts';

const line = JSON.stringify({
  messages: [
    { role: 'user', content: 'Say hello.' },
    { role: 'assistant', content: 'Hello.' },
  ],
});

let house: TestHouse;
let path = '';
beforeAll(async () => {
  house = await openTestHouse();
  path = join(house.home, 'train.jsonl');
  await writeFile(path, `${line}\n`.repeat(12));
});
afterAll(() => house[Symbol.asyncDispose]());

const run = (...words: string[]): Promise<Ran> => tunesmith([...words, '--base-url', house.url]);

describe('files', () => {
  test('an upload prints the id alone, and the file is there', async () => {
    const { code, stdout, stderr } = await run('files', 'upload', path);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const file = await house.openai.files.retrieve(stdout.trim());
    expect(file).toMatchObject({ filename: 'train.jsonl', purpose: 'fine-tune', bytes: 12 * (line.length + 1) });
  });

  test('list, show, content and delete tell the same story, in tables and in JSON', async () => {
    const { id } = JSON.parse((await run('files', 'upload', path, '--json')).stdout) as { id: string };
    expect((await run('files', 'list')).stdout).toMatch(new RegExp(`^ID .*\\n${id} +train.jsonl +fine-tune +`));
    const listed = JSON.parse((await run('files', 'list', '--json', '--limit', '1')).stdout) as { id: string }[];
    expect(listed.map((file) => file.id)).toEqual([id]);
    expect((await run('files', 'show', id)).stdout).toMatch(/^name +train\.jsonl$/m);
    expect((await run('files', 'content', id)).stdout).toBe(`${line}\n`.repeat(12));
    const copy = join(house.home, 'copy.jsonl');
    await run('files', 'content', id, '--output', copy);
    expect(await readFile(copy, 'utf8')).toBe(`${line}\n`.repeat(12));
    expect((await run('files', 'delete', id)).stdout).toBe(`${id} is deleted.\n`);
  });

  test('content that arrives as base64 is decoded on request', async () => {
    const encoded = join(house.home, 'encoded.txt');
    await writeFile(encoded, Buffer.from('step,train_loss\n').toString('base64'));
    const id = (await run('files', 'upload', encoded, '--purpose', 'user_data')).stdout.trim();
    expect((await run('files', 'content', id, '--decode')).stdout).toBe('step,train_loss\n');
  });

  test('a file the server does not have is one line with the status, and exit code 1', async () => {
    const { code, stdout, stderr } = await run('files', 'show', 'file-missing');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(`Error: No such File object: file-missing (404 from ${house.url})\n`);
  });

  test('a path that leads nowhere, or to a folder, is told before anything is sent', async () => {
    expect((await run('files', 'upload', join(house.home, 'no.jsonl'))).stderr).toMatch(
      /^Error: There is no file .*no\.jsonl\.\n$/,
    );
    expect(await run('files', 'upload', house.home)).toMatchObject({ code: 2 });
  });
});

test('without a base URL a command finds the server that has the data folder', async () => {
  const id = (await run('files', 'upload', path)).stdout.trim();
  const { stdout } = await tunesmith(['files', 'show', id, '--home', house.home]);
  expect(stdout).toContain(id);
});

test('the base URL may come from OPENAI_BASE_URL', async () => {
  const { code } = await tunesmith(['files', 'list'], { env: { OPENAI_BASE_URL: house.url } });
  expect(code).toBe(0);
});

test('without any server one runs for the length of a command, and leaves the folder free', async () => {
  const home = join(house.home, 'another');
  const id = (await tunesmith(['files', 'upload', path, '--home', home])).stdout.trim();
  expect((await tunesmith(['files', 'show', id, '--home', home])).stdout).toContain('train.jsonl');
});

test('serve tells where it answers, serves, and stops when it is told to', async () => {
  const stop = new AbortController();
  let url = '';
  const served = tunesmith(['serve', '--port', '0', '--home', join(house.home, 'served')], {
    signal: stop.signal,
    env: { TUNESMITH_LOG: 'silent' },
    onOutput: (text) => {
      url = /answers at (\S+)/.exec(text)?.[1] ?? url;
      if (url !== '') stop.abort();
    },
  });
  expect(await served).toMatchObject({ code: 0, stdout: '' });
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/);
});

test('serve on a port that is taken says so', async () => {
  const port = new URL(house.url).port;
  const { code, stderr } = await tunesmith(['serve', '--port', port, '--home', join(house.home, 'taken')]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/another program has this port/);
});

test('serve on a data folder that is taken names the process that has it', async () => {
  const { code, stderr } = await tunesmith(['serve', '--port', '0', '--home', house.home]);
  expect(code).toBe(1);
  expect(stderr).toContain(`process ${process.pid}`);
});
