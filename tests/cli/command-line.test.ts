import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tunesmith } from './tunesmith.ts';

let home = '';
beforeAll(async () => void (home = await mkdtemp(join(tmpdir(), 'tunesmith-cli-'))));
afterAll(() => rm(home, { recursive: true }));

const commands = [
  ['serve'],
  ['quickstart'],
  ['chat'],
  ...['collect', 'convert', 'check', 'show', 'stats', 'findings', 'clean', 'split', 'price'].map((name) => [
    'data',
    name,
  ]),
  ...['pull', 'list', 'show', 'remove'].map((name) => ['models', name]),
  ...['upload', 'list', 'show', 'content', 'delete'].map((name) => ['files', name]),
  ...['create', 'list', 'show', 'follow', 'events', 'cancel', 'pause', 'resume'].map((name) => ['jobs', name]),
];

test.each(commands)('%s %s explains itself', async (...words) => {
  const { code, stdout, stderr } = await tunesmith([...words.filter((word) => word !== undefined), '--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^Usage: tunesmith /);
});

test('the front page tells what the exit codes and variables mean', async () => {
  const { stdout } = await tunesmith(['--help']);
  for (const told of ['OPENAI_BASE_URL', 'TUNESMITH_HOME', 'Exit codes:', '130']) expect(stdout).toContain(told);
});

test.each([
  [['jobs', 'crate'], /Did you mean create\?/],
  [['jobs', 'create', '--file', 'x'], /required option '-m, --model <name>'/],
  [['files', 'list', '--limit', 'many'], /"many" was given where a whole number was expected/],
  [['files', 'list', '--base-url', 'nonsense'], /The base URL is "nonsense"; something like http/],
  [['files', 'list', '--base-url', 'https://api.example.com/v1'], /not on this machine: give a key with --api-key/],
  [['jobs', 'create', '-m', 'm', '-f', 'f', '--set', 'rank'], /--set rank: name=value was expected/],
  [['quickstart', '--train', 'a.jsonl'], /--train and --test go together/],
  [['quickstart', '--base-url', 'http://127.0.0.1:1/v1'], /runs its own server/],
  [['models', 'pull', 'x', '--base-url', 'http://127.0.0.1:1/v1'], /pulled on the machine that runs them/],
  [['chat', 'a-model'], /There is no message/],
])('%j is refused as a wrong command line', async (words, complaint) => {
  const { code, stdout, stderr } = await tunesmith([...words, '--home', home]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(complaint);
});

test('a server that is not there is named, in one line, with what to do', async () => {
  const { code, stderr } = await tunesmith(['jobs', 'list', '--base-url', 'http://127.0.0.1:1/v1']);
  expect(code).toBe(1);
  expect(stderr).toBe(
    'Error: No server answers at http://127.0.0.1:1/v1. Start one with "tunesmith serve", or name another with --base-url.\n',
  );
});

test('a trace comes only when asked for', async () => {
  const words = ['jobs', 'list', '--base-url', 'http://127.0.0.1:1/v1'];
  expect((await tunesmith(words)).stderr).not.toContain('    at ');
  expect((await tunesmith([...words, '--verbose'])).stderr).toContain('    at ');
  expect((await tunesmith(words, { env: { TUNESMITH_DEBUG: '1' } })).stderr).toContain('    at ');
});

test('models of the catalogue are listed and shown before any is here', async () => {
  const { code, stdout } = await tunesmith(['models', 'list', '--home', home]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^MODEL\s+STATE\s+SIZE/);
  expect(stdout).toMatch(/^smollm2-135m-instruct\s+to pull\s+98\.4 MB/m);
  const shown = await tunesmith(['models', 'show', 'smollm2-135m-instruct', '--home', home, '--json']);
  expect(JSON.parse(shown.stdout)).toMatchObject({ id: 'smollm2-135m-instruct', licence: 'apache-2.0' });
});

test('removing a model that is not here fails and says where to look', async () => {
  const { code, stderr } = await tunesmith(['models', 'remove', 'smollm2-135m-instruct', '--home', home]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/not on this machine. See tunesmith models list/);
});
