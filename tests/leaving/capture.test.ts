/** `tunesmith openai capture` against our own server playing OpenAI, over real HTTP, with a network that fails. */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Captured } from '../../src/leaving/capture.ts';
import type { Manifest } from '../../src/leaving/manifest.ts';
import { askedWaitMs, durationMs } from '../../src/leaving/polite.ts';
import { shutdownOf } from '../../src/leaving/shutdown.ts';
import { programArguments } from '../../src/programs.ts';
import { lockFolder } from '../../src/store/folder-lock.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { openFaultyProxy, type FaultyProxy } from './faulty-proxy.ts';
import { openPlatform, type Platform } from './platform.ts';

let home = '';
let platform: Platform;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tunesmith-leaving-'));
  platform = await openPlatform();
}, 60_000);
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const key = 'sk-test-0123456789abcdef';
const env = { WORK_KEY: key };
let folders = 0;
const newFolder = (): string => join(home, `capture-${(folders += 1)}`);
const captureWith = (url: string, folder: string, ...words: string[]) =>
  tunesmith(
    [
      'openai',
      'capture',
      '--base-url',
      url,
      '--folder',
      folder,
      '--key-env',
      'WORK_KEY',
      '--retry-wait',
      '5',
      ...words,
    ],
    { env },
  );
const manifestOf = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
const contentPath = /\/files\/[^/]+\/content$/;

async function proxied(): Promise<FaultyProxy> {
  return openFaultyProxy(platform.url);
}

/** Every object that a capture of the platform must hold. */
async function expectWhole(folder: string): Promise<void> {
  const { entries } = await manifestOf(folder);
  for (const { path, sha256, bytes } of entries) {
    const found = await readFile(join(folder, ...path.split('/')));
    expect({ path, sha256: createHash('sha256').update(found).digest('hex'), bytes: found.length }).toEqual({
      path,
      sha256,
      bytes,
    });
  }
  const paths = entries.map(({ path }) => path);
  const { job, trainingFile, validationFile, completions, evalId, runId, evalFile } = platform;
  for (const name of ['job.json', 'events.jsonl', 'checkpoints.jsonl'])
    expect(paths).toContain(`fine_tuning_jobs/${job.id}/${name}`);
  expect(paths).toContain(`evals/${evalId}/eval.json`);
  for (const name of ['run.json', 'output_items.jsonl'])
    expect(paths).toContain(`evals/${evalId}/runs/${runId}/${name}`);
  for (const id of [trainingFile, validationFile, evalFile, ...job.result_files])
    expect(paths).toContain(`files/${id}/content`);
  for (const id of completions) expect(paths).toContain(`stored_completions/${id}.json`);
  expect(paths).toContain('models.json');
  const content = await readFile(join(folder, 'files', trainingFile, 'content'));
  expect(content.equals(platform.trainingBytes)).toBe(true);
}

test('everything is taken, with hashes that hold; a second run takes nothing, a third only what is new', async () => {
  await using proxy = await proxied();
  const folder = newFolder();
  const first = await captureWith(proxy.url, folder, '--json');
  expect(first.code, first.stderr).toBe(0);
  await expectWhole(folder);
  const { counts, models } = JSON.parse(first.stdout) as Captured;
  expect(counts.fine_tuning_jobs).toEqual({ seen: 1, taken: 1 });
  expect(counts.stored_completions).toEqual({ seen: 3, taken: 3 });
  expect(models.find(({ model }) => model === platform.job.fine_tuned_model)).toMatchObject({
    listed: true,
    job: platform.job.id,
    date: null,
    source: 'unknown',
  });
  expect(counts.evals).toEqual({ seen: 2, taken: 2 });
  const items = await readFile(
    join(folder, 'evals', platform.evalId, 'runs', platform.runId, 'output_items.jsonl'),
    'utf8',
  );
  expect(items.trim().split('\n')).toHaveLength(3);
  const events = (await readFile(join(folder, 'fine_tuning_jobs', platform.job.id, 'events.jsonl'), 'utf8')).trim();
  expect(events.split('\n')[0]).toContain('Created fine-tuning job');

  proxy.seen.length = 0;
  const second = await captureWith(proxy.url, folder, '--json');
  const again = JSON.parse(second.stdout) as Captured;
  expect(Object.values(again.counts).map(({ taken }) => taken)).toEqual([0, 0, 0, 0, 0]);
  expect(proxy.seen.filter(({ path }) => /content|events|messages|checkpoints|output_items/.test(path))).toEqual([]);

  const file = await platform.openai.files.create({
    file: await toFile(Buffer.from('{"item":{"a":1}}\n'), 'new.jsonl'),
    purpose: 'evals',
  });
  const third = JSON.parse((await captureWith(proxy.url, folder, '--json')).stdout) as Captured;
  expect(third.counts.files.taken).toBe(1);
  await platform.openai.files.delete(file.id);
  // Gone over there, kept here.
  const fourth = await captureWith(proxy.url, folder);
  expect(fourth.code, fourth.stderr).toBe(0);
  expect((await manifestOf(folder)).entries.map(({ path }) => path)).toContain(`files/${file.id}/content`);
});

test('limits are kept, failures asked again, and bodies that end in the middle go on where they ended', async () => {
  await using proxy = await proxied();
  const { trainingFile } = platform;
  let limitedAtMs = 0;
  proxy.fault = ({ path, atMs }, count) => {
    if (path.startsWith('/v1/fine_tuning/jobs?') && count === 1) {
      limitedAtMs = atMs;
      return { answer: 429, headers: { 'retry-after': '0.3' } };
    }
    if (path.startsWith('/v1/files?') && count <= 2) return { answer: 500 };
    if (path.includes('/events') && count === 1) return { cutAfter: 100 };
    if (path.startsWith('/v1/models') && count === 1) return { cutAfter: 0 };
    if (contentPath.test(path) && path.includes(trainingFile)) {
      if (count === 1) return { cutAfter: 1000 };
      if (count === 2) return { answer: 503 };
      if (count === 3) return { cutAfter: 2000 };
    }
    if (contentPath.test(path)) return { ignoreRange: true, ...(count === 1 && { cutAfter: 50 }) };
    return null;
  };
  const folder = newFolder();
  const { code, stderr } = await captureWith(proxy.url, folder);
  expect(code, stderr).toBe(0);
  await expectWhole(folder);
  const jobs = proxy.seen.filter(({ path }) => path.startsWith('/v1/fine_tuning/jobs?'));
  expect(jobs[1]!.atMs - limitedAtMs).toBeGreaterThanOrEqual(290);
  const ranges = proxy.seen.filter(({ path }) => contentPath.test(path) && path.includes(trainingFile));
  expect(ranges.map(({ range }) => range)).toEqual([undefined, 'bytes=1000-', 'bytes=1000-', 'bytes=3000-']);
  expect((await readdir(join(folder, 'files', trainingFile))).sort()).toEqual(['content', 'file.json']);
});

test('when nothing is left of a limit, the next request waits for its reset', async () => {
  await using proxy = await proxied();
  proxy.fault = ({ path }) =>
    path.startsWith('/v1/models')
      ? { headers: { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '400ms' } }
      : { headers: { 'x-ratelimit-remaining-requests': '99', 'x-ratelimit-reset-requests': '9s' } };
  const { code, stderr } = await captureWith(proxy.url, newFolder(), '--only', 'models,fine_tuning_jobs');
  expect(code, stderr).toBe(0);
  const [models, next] = proxy.seen;
  expect(models!.path).toBe('/v1/models');
  expect(next!.atMs - models!.atMs).toBeGreaterThanOrEqual(380);
});

test('a key without rights to one kind is told so, and everything else is taken', async () => {
  await using proxy = await proxied();
  proxy.fault = ({ path }) =>
    path.startsWith('/v1/chat/completions')
      ? { answer: 403, message: `Missing scopes: api.stored. Key used: ${key}` }
      : path.includes(`${platform.validationFile}/content`)
        ? { answer: 403 }
        : null;
  const folder = newFolder();
  const { code, stdout, stderr } = await captureWith(proxy.url, folder);
  expect(code).toBe(1);
  expect(stderr).toMatch(/Not everything could be taken \(2 problems/);
  expect(stdout).toContain('stored_completions: the key has no right to it (403: 403 Missing scopes');
  expect(stdout).toContain(`files ${platform.validationFile}: the key has no right to it`);
  const { entries, problems } = await manifestOf(folder);
  expect(problems).toMatchObject([
    { kind: 'files', id: platform.validationFile, status: 403, reason: 'no_rights' },
    { kind: 'stored_completions', id: null, status: 403, reason: 'no_rights' },
  ]);
  expect(entries.map(({ path }) => path)).toContain(`files/${platform.trainingFile}/content`);
  for (const written of [stdout, stderr, await readFile(join(folder, 'manifest.json'), 'utf8')])
    expect(written).not.toContain(key);

  proxy.fault = () => null;
  expect((await captureWith(proxy.url, folder)).code).toBe(0);
  await expectWhole(folder);
  expect((await manifestOf(folder)).problems).toEqual([]);
});

test('a server that knows no evals and fails for ever at another kind leaves the rest taken', async () => {
  await using proxy = await proxied();
  proxy.fault = ({ path }) =>
    path.startsWith('/v1/evals') ? { answer: 404 } : path.startsWith('/v1/files?') ? { answer: 500 } : null;
  const folder = newFolder();
  const { code, stdout } = await captureWith(proxy.url, folder, '--json');
  expect(code).toBe(1);
  const { problems, counts } = JSON.parse(stdout) as Captured;
  expect(problems.map(({ kind, reason }) => [kind, reason])).toEqual([
    ['evals', 'not_there'],
    ['files', 'failed'],
  ]);
  expect(counts.stored_completions.taken).toBe(3);
});

test('a process that is killed in the middle goes on, and asks for nothing twice', async () => {
  await using proxy = await proxied();
  const folder = newFolder();
  const words = ['openai', 'capture', '--base-url', proxy.url, '--folder', folder, '--key-env', 'WORK_KEY', '--retry-wait', '5', '--concurrency', '1']; // prettier-ignore
  const child = spawn(process.execPath, [...programArguments('main'), ...words], {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  });
  proxy.fault = ({ path }) => {
    if (!path.includes(`${platform.trainingFile}/content`)) return null;
    // A part of the file is through, and the rest never comes.
    setTimeout(() => child.kill('SIGKILL'), 300);
    return { cutAfter: 1500, stall: true };
  };
  await once(child, 'exit');
  expect(await readdir(join(folder, 'files', platform.trainingFile))).toContain('content.partial');
  const before = new Set(proxy.seen.map(({ path }) => path).filter((path) => /events|checkpoints|messages/.test(path)));
  expect(before.size).toBeGreaterThan(0);

  proxy.fault = () => null;
  proxy.seen.length = 0;
  const { code, stderr } = await captureWith(proxy.url, folder);
  expect(code, stderr).toBe(0);
  await expectWhole(folder);
  expect(proxy.seen.find(({ path }) => path.includes(`${platform.trainingFile}/content`))!.range).toBe('bytes=1500-');
  expect(proxy.seen.filter(({ path }) => before.has(path))).toEqual([]);
}, 30_000);

test('an altered object is found, and a lost one is taken again', async () => {
  const folder = newFolder();
  await captureWith(platform.url, folder);
  const path = join(folder, 'files', platform.trainingFile, 'content');
  const verified = await tunesmith(['openai', 'capture', '--folder', folder, '--verify']);
  expect(verified.stdout).toMatch(/^All \d+ objects of .* are as they were taken\.$/m);
  await writeFile(path, 'other');
  const found = await tunesmith(['openai', 'capture', '--folder', folder, '--verify']);
  expect(found).toMatchObject({ code: 1 });
  expect(found.stdout).toContain(`files/${platform.trainingFile}/content is not what was taken`);
  await captureWith(platform.url, folder);
  await expectWhole(folder);
});

test('the key comes from the environment alone, and one folder holds one place', async () => {
  const folder = newFolder();
  const words = ['openai', 'capture', '--folder', folder, '--base-url', platform.url];
  expect(await tunesmith([...words, '--api-key', key])).toMatchObject({ code: 2 });
  const without = await tunesmith(words);
  expect(without).toMatchObject({ code: 2 });
  expect(without.stderr).toContain('The environment variable OPENAI_API_KEY has no key');
  expect((await captureWith('https://me:secret@example.com/v1', folder)).stderr).toContain('Leave them away');
  await captureWith(platform.url, folder, '--only', 'models');
  await using proxy = await proxied();
  expect((await captureWith(proxy.url, folder)).stderr).toContain('take another folder');
  const unknown = await captureWith(platform.url, folder, '--only', 'models,threads');
  expect(unknown).toMatchObject({ code: 2 });
  expect(unknown.stderr).toContain('"threads" is not known');
  proxy.fault = () => ({ answer: 401, message: `Incorrect API key provided: ${key}.` });
  const refused = await captureWith(proxy.url, newFolder());
  expect(refused.stderr).toMatch(/does not accept the key in WORK_KEY: 401 Incorrect API key provided: \(key\)/);
});

test('Ctrl-C ends a long wait at once, and what was taken stays', async () => {
  await using proxy = await proxied();
  const ctrlC = new AbortController();
  proxy.fault = ({ path }) => {
    if (!path.startsWith('/v1/files?')) return null;
    setTimeout(() => ctrlC.abort(), 50);
    return { answer: 429, headers: { 'retry-after': '60' } };
  };
  const folder = newFolder();
  const words = ['openai', 'capture', '--base-url', proxy.url, '--folder', folder, '--key-env', 'WORK_KEY'];
  const stopped = await tunesmith(words, { env, signal: ctrlC.signal });
  expect(stopped).toMatchObject({ code: 130 });
  expect(stopped.stderr).toContain('Waiting 1:00: the server answered 429.');
  expect(stopped.stderr).toContain('The same command goes on where it stopped.');
  const { entries, finished_at } = await manifestOf(folder);
  expect(entries.map(({ path }) => path)).toContain(`fine_tuning_jobs/${platform.job.id}/job.json`);
  expect(finished_at).toBeNull();
});

test('what may still change over there is looked at again until it cannot', async () => {
  await using proxy = await proxied();
  const folder = newFolder();
  const running = (text: string): string => text.replaceAll('"status":"succeeded"', '"status":"running"');
  proxy.fault = ({ path }) => (path.startsWith('/v1/fine_tuning/jobs?') ? { body: running } : null);
  const words = [proxy.url, folder, '--only', 'fine_tuning_jobs', '--json'] as const;
  await captureWith(...words);
  const asked = () => proxy.seen.filter(({ path }) => path.includes('/events')).length;
  expect(asked()).toBe(1);
  const same = JSON.parse((await captureWith(...words)).stdout) as Captured;
  expect(same.counts.fine_tuning_jobs).toEqual({ seen: 1, taken: 0 });
  expect(asked()).toBe(2);
  proxy.fault = () => null;
  const ended = JSON.parse((await captureWith(...words)).stdout) as Captured;
  expect(ended.counts.fine_tuning_jobs).toEqual({ seen: 1, taken: 1 });
  expect(asked()).toBe(3);
  await captureWith(...words);
  expect(asked()).toBe(3);
});

test('two commands never write into one folder at a time', async () => {
  const folder = newFolder();
  await mkdir(folder);
  await using _ = await lockFolder(folder);
  expect((await captureWith(platform.url, folder)).stderr).toContain(`Another command is at work in ${folder}.`);
});

test('a list that never advances ends, and so does a quota that is spent', async () => {
  await using proxy = await proxied();
  proxy.fault = ({ path }) =>
    path.startsWith('/v1/files?')
      ? { forget: 'after', body: (text) => text.replace('"has_more":false', '"has_more":true') }
      : path.startsWith('/v1/chat')
        ? { answer: 429, message: 'insufficient_quota' }
        : null;
  const { stdout } = await captureWith(proxy.url, newFolder(), '--only', 'files,stored_completions', '--json');
  const { problems } = JSON.parse(stdout) as Captured;
  expect(problems.map(({ kind, status, message }) => [kind, status, message])).toEqual([
    ['files', null, expect.stringContaining('does not advance')],
    ['stored_completions', 429, expect.stringContaining('insufficient_quota')],
  ]);
  expect(proxy.seen.filter(({ path }) => path.startsWith('/v1/chat'))).toHaveLength(1);
});

test('shutdown dates are those of the server, else of the table, else unknown', () => {
  const dated = (base: string, listed: object | null = null) => shutdownOf(`ft:${base}:acme::AbC12345`, listed);
  expect(dated('gpt-4o-mini-2024-07-18')).toEqual({ date: '2027-01-14', source: 'table' });
  expect(dated('gpt-4.1-nano-2025-04-14')).toEqual({ date: '2026-10-23', source: 'table' });
  expect(dated('gpt-4o-mini-2024-07-18', { shutdown_date: '2027-02-01' })).toEqual({ date: '2027-02-01', source: 'server' }); // prettier-ignore
  expect(dated('gpt-9', { shutdown_date: null })).toEqual({ date: null, source: 'unknown' });
});

test('what a server asks for as a wait is understood in every spelling', () => {
  const at = Date.parse('Mon, 23 Nov 2026 12:00:00 GMT');
  const wait = (headers: Record<string, string>) => askedWaitMs(new Headers(headers), at);
  expect(wait({ 'retry-after': '2' })).toBe(2000);
  expect(wait({ 'retry-after-ms': '20', 'retry-after': '2' })).toBe(20);
  expect(wait({ 'retry-after': 'Mon, 23 Nov 2026 12:00:07 GMT' })).toBe(7000);
  expect(wait({ 'retry-after': 'soon' })).toBeNull();
  expect([durationMs('6m0s'), durationMs('1.5s'), durationMs('20ms'), durationMs('3'), durationMs('?')]).toEqual([360_000, 1500, 20, 3000, 0]); // prettier-ignore
});

test('ids that mean something to a file system stay names', async () => {
  const { nameOf } = await import('../../src/leaving/manifest.ts');
  expect(nameOf('../../etc/passwd')).toBe('%2e%2e%2f%2e%2e%2fetc%2fpasswd');
  expect(nameOf('ft:gpt-4o-mini-2024-07-18:me::AbC')).toBe('ft%3agpt-4o-mini-2024-07-18%3ame%3a%3aAbC');
  expect(nameOf('é'.repeat(300)).length).toBeLessThan(120);
  expect(nameOf('')).not.toBe('');
  expect(new OpenAI({ apiKey: 'x' }).baseURL).toContain('openai'); // what is asked when nobody names a server
});
