/** `tunesmith batches` and `tunesmith webhooks`, as a user runs them. */

import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatRequest } from '../batches/batch-journey.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';
import { type Ran, tunesmith } from './tunesmith.ts';

let house: TestHouse;
let path = '';
beforeAll(async () => {
  house = await openTestHouse({ threads: 1, webhookHosts: ['*'] });
  await addTinyModel(house.house.bases, house.home, 'tiny');
  path = join(house.home, 'requests.jsonl');
  await writeFile(path, `${chatRequest('good')}\n${chatRequest('bad', { n: 0 })}\n`);
});
afterAll(() => house[Symbol.asyncDispose]());

const run = (...words: string[]): Promise<Ran> => tunesmith([...words, '--base-url', house.url]);

describe('batches', () => {
  test('create and follow, show, list and output tell one story', async () => {
    const followed = await run('batches', 'create', path, '--follow');
    expect(followed).toMatchObject({ code: 0 });
    expect(followed.stdout).toMatch(/^status +completed$/m);
    expect(followed.stdout).toMatch(/^requests +1 answered, 1 failed, 2 in all$/m);
    const id = /batch_\w+/.exec(followed.stdout)![0];
    expect(followed.stderr).toContain(`See the answers with: tunesmith batches output ${id}`);
    expect((await run('batches', 'show', id)).stdout).toBe(followed.stdout);
    expect((await run('batches', 'list')).stdout).toMatch(
      new RegExp(`^ID .*\\n${id} +completed +/v1/chat/completions`),
    );

    const { stdout } = await run('batches', 'output', id);
    expect(JSON.parse(stdout)).toMatchObject({ custom_id: 'good', response: { status_code: 200 } });
    const errors = join(house.home, 'errors.jsonl');
    await run('batches', 'output', id, '--errors', '-o', errors);
    expect(JSON.parse(await readFile(errors, 'utf8'))).toMatchObject({
      custom_id: 'bad',
      response: { status_code: 400 },
    });
  });

  test('a terminal sees how far it is', async () => {
    const many = join(house.home, 'many.jsonl');
    await writeFile(many, Array.from({ length: 400 }, (_, i) => chatRequest(`${i}`)).join('\n'));
    const words = ['batches', 'create', many, '--follow', '--base-url', house.url];
    const { stderr } = await tunesmith(words, { interactive: true });
    expect(stderr).toMatch(/\d+\/400 answered/);
  });

  test('an unfit file ends with code 3 and says which line is to blame', async () => {
    const unfit = join(house.home, 'unfit.jsonl');
    await writeFile(unfit, `${chatRequest('a')}\nnonsense\n`);
    const { code, stderr } = await run('batches', 'create', unfit, '--follow');
    expect(code).toBe(3);
    expect(stderr).toMatch(/failed: Line 2: This line is not parseable as valid JSON\.\n$/);
    const id = /batch_\w+/.exec(stderr)![0];
    expect((await run('batches', 'output', id)).stderr).toMatch(/has no output file: it is failed/);
  });

  test('cancel says so, and a batch that is over cannot be', async () => {
    const id = (await run('batches', 'create', path)).stdout.trim();
    const { code, stderr, stdout } = await run('batches', 'cancel', id);
    if (code === 0) expect(stdout).toMatch(/is being cancelled; its status is cancell/);
    else expect(stderr).toMatch(/nothing to cancel/);
  });

  test('what is neither a file nor an id is told before anything is sent', async () => {
    const { code, stderr } = await run('batches', 'create', 'nowhere.jsonl');
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('neither a file here') });
  });
});

describe('webhooks', () => {
  test('are made, listed, tested and deleted', async () => {
    const server = createServer((_, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    const made = await run('webhooks', 'create', url, '--event', 'batch.completed', 'batch.failed');
    const [id, secret] = made.stdout.trim().split('\n');
    expect(secret).toMatch(/^whsec_/);
    expect(made.stderr).toMatch(/not shown again/);
    const listed = (await run('webhooks', 'list')).stdout;
    expect(listed).toContain(`${id}  ${url}  batch.completed, batch.failed`);
    expect(listed).not.toContain('whsec_');
    expect((await run('webhooks', 'test', id!)).stdout).toBe(`${id} took the event.\n`);
    server.close();
    const failed = await run('webhooks', 'test', id!);
    expect({ code: failed.code, stderr: failed.stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/did not take it\. .*ECONNREFUSED/),
    });
    expect((await run('webhooks', 'deliveries', id!)).stdout).toMatch(/^ID +EVENT/);
    expect((await run('webhooks', 'delete', id!)).stdout).toBe(`${id} is deleted.\n`);
  });

  test('an event that does not exist is refused with those that do', async () => {
    const { code, stderr } = await run('webhooks', 'create', 'https://example.org', '--event', 'batch.eaten');
    expect(code).toBe(1);
    expect(stderr).toMatch(/Supported values are: 'fine_tuning\.job\.succeeded'/);
  });
});
