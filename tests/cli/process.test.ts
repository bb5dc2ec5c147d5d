/** The command as a real process: signals, pipes and exit codes, which only a process has. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programArguments } from '../../src/programs.ts';

let home = '';
beforeAll(async () => void (home = await mkdtemp(join(tmpdir(), 'tunesmith-process-'))));
afterAll(() => rm(home, { recursive: true }));

function start(...words: string[]): ChildProcess & { readonly exit: Promise<unknown[]> } {
  const child = spawn(process.execPath, [...programArguments('main'), ...words, '--home', home], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TUNESMITH_LOG: 'silent' },
  });
  return Object.assign(child, { exit: once(child, 'exit') });
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends serve cleanly, and the folder is free for the next',
  async (signal) => {
    const server = start('serve', '--port', '0');
    for await (const chunk of server.stderr!) {
      const url = /answers at (\S+)/.exec(String(chunk))?.[1];
      if (url === undefined) continue;
      expect((await fetch(`${url}/models`, { headers: { authorization: 'Bearer x' } })).status).toBe(200);
      server.kill(signal);
    }
    expect(await server.exit).toEqual([0, null]);
  },
);

test('a second server on the folder fails and names the first', async () => {
  const first = start('serve', '--port', '0');
  await once(first.stderr!, 'data');
  const second = start('serve', '--port', '0');
  expect(await text(second.stderr!)).toContain(`process ${first.pid}`);
  expect(await second.exit).toEqual([1, null]);
  first.kill('SIGTERM');
  await first.exit;
});

test('exit codes reach the shell, and data goes to stdout alone', async () => {
  const wrong = start('jobs', 'crate');
  expect(await text(wrong.stderr!)).toMatch(/unknown command/);
  expect(await wrong.exit).toEqual([2, null]);
  const listed = start('files', 'list', '--json');
  expect(JSON.parse(await text(listed.stdout!))).toEqual([]);
  expect(await listed.exit).toEqual([0, null]);
});

test('a reader that leaves early is no error', async () => {
  const help = start('--help');
  help.stdout!.destroy();
  expect(await text(help.stderr!)).toBe('');
  expect(await help.exit).toEqual([0, null]);
});
