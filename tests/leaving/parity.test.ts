/** Answers recorded over a network that fails, and a local model held against them. */

import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answered } from '../../src/evals/ask.ts';
import type { Message } from '../../src/domain/example.ts';
import type { Manifest } from '../../src/leaving/manifest.ts';
import { parity, type Parity } from '../../src/leaving/parity.ts';
import type { Recorded, RecordedAnswer } from '../../src/leaving/recording.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { openFaultyProxy } from './faulty-proxy.ts';
import { examples, openPlatform, type Platform } from './platform.ts';

let home = '';
let testFile = '';
let platform: Platform;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tunesmith-parity-'));
  testFile = join(home, 'test.jsonl');
  await writeFile(testFile, examples(200, 12));
  platform = await openPlatform();
}, 60_000);
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const env = { OPENAI_API_KEY: 'sk-test-0123456789abcdef' };
const recordWith = (url: string, folder: string, ...words: string[]) =>
  tunesmith(['openai', 'record', platform.job.fine_tuned_model, testFile, '--base-url', url, '--folder', folder, '--retry-wait', '5', ...words], { env }); // prettier-ignore
const parityWith = (folder: string, model: string, ...words: string[]) =>
  tunesmith(['openai', 'parity', folder, model, '--base-url', platform.url, '--home', home, ...words]);
const answersOf = async (path: string): Promise<RecordedAnswer[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as RecordedAnswer]));

test('answers are recorded line by line through limits, failures and cut connections, and go on where they stopped', async () => {
  await using proxy = await openFaultyProxy(platform.url);
  const folder = join(home, 'recorded');
  proxy.fault = ({ path }, count) => {
    if (path !== '/v1/chat/completions') return null;
    if (count === 2) return { answer: 429, headers: { 'retry-after': '0.2' } };
    if (count === 3) return { cutAfter: 40 };
    if (count === 5) return { answer: 500 };
    return count > 8 ? { answer: 401, message: 'Your key was revoked.' } : null;
  };
  const broken = await recordWith(proxy.url, folder);
  expect(broken).toMatchObject({ code: 1 });
  expect(broken.stderr).toContain('Your key was revoked.');
  const { entries } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  const answersPath = join(folder, entries.find(({ path }) => path.endsWith('answers.jsonl'))!.path);
  expect(await answersOf(answersPath)).toHaveLength(5);

  // A crash in the middle of a line.
  await truncate(answersPath, (await readFile(answersPath)).length - 20);
  proxy.fault = () => null;
  proxy.seen.length = 0;
  const resumed = await recordWith(proxy.url, folder, '--json');
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(JSON.parse(resumed.stdout) as Recorded).toMatchObject({ questions: 12, known: 4, recorded: 8, failures: [] });
  expect(proxy.seen.filter(({ method }) => method === 'POST')).toHaveLength(8);
  await appendFile(answersPath, '');
  const text = await readFile(answersPath, 'utf8');
  const whole = text.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as RecordedAnswer] : []));
  expect(whole.map(({ line }) => line).sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  for (const { completion, latency_ms, parameters } of whole) {
    expect(completion.usage!.prompt_tokens).toBeGreaterThan(0);
    expect(completion.choices[0]!.logprobs!.content![0]!.top_logprobs.length).toBeGreaterThan(0);
    expect(latency_ms).toBeGreaterThan(0);
    expect(parameters).toMatchObject({ temperature: 0, logprobs: true });
  }
  const again = await recordWith(proxy.url, folder, '--json');
  expect(JSON.parse(again.stdout) as Recorded).toMatchObject({ known: 12, recorded: 0 });
});

test('a model agrees with its own recorded answers wholly; another is told apart, with both sides of the bill', async () => {
  const folder = join(home, 'own');
  expect((await recordWith(platform.url, folder)).code).toBe(0);
  const own = await parityWith(folder, platform.job.fine_tuned_model, '--json');
  expect(own.code, own.stderr).toBe(0);
  const same = JSON.parse(own.stdout) as Parity;
  expect(same).toMatchObject({ count: 12, unrecorded: 0 });
  expect(same.agreement.exact.value).toBe(1);
  expect(same.differences).toEqual([]);
  expect(same.verdict).toMatch(/^(Yes|Not shown)/);

  const report = join(home, 'parity.html');
  const shown = await parityWith(folder, 'tiny', '--report', report, '--watts', '50', '--kwh-price', '0.3');
  expect(shown.code, shown.stderr).toBe(0);
  expect(shown.stdout).toMatch(/^% +RECORDED +LOCAL$/m);
  expect(shown.stdout).toMatch(/^Latency p95 +\d+ ms +\d+ ms$/m);
  expect(shown.stdout).toMatch(/^A thousand requests +price not known +[\d.]+ s of this machine, .* Wh, /m);
  expect(shown.stdout).toMatch(/right or wrong: p < 0\.001 \(McNemar\)/);
  const page = await readFile(report, 'utf8');
  expect(page).toContain('What they differ on');
  expect(page).toContain("default-src 'none'");
});

const user = (content: string): Message => ({ role: 'user', content });
const answers = (said: readonly (string | null)[], cost: Partial<Answered> = {}): Answered[] =>
  said.map((content, i) => ({
    line: i + 1,
    input: [user(`question ${i}`)],
    reference: { role: 'assistant', content: i % 2 === 0 ? 'yes' : 'no' },
    answer: content === null ? null : { role: 'assistant', content },
    probabilities: null,
    error: content === null ? 'never' : null,
    latencyMs: 500,
    promptTokens: 100,
    cachedTokens: 0,
    completionTokens: 2,
    ...cost,
  }));

test('agreement, both accuracies, the paired test and the price there are as counted by hand', () => {
  const truth = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 'yes' : 'no'));
  const other = (label: string): string => (label === 'yes' ? 'no' : 'yes');
  // Recorded: wrong on 0..9. Local: wrong on 5..29. The last two were never recorded.
  const recorded = truth.map((label, i) => (i >= 98 ? null : i < 10 ? other(label) : label));
  const local = truth.map((label, i) => (i >= 5 && i < 30 ? other(label) : label));
  const found = parity('classification', {
    recorded: { model: 'ft:gpt-4o-mini-2024-07-18:acme::1', answers: answers(recorded) },
    local: { model: 'ours', answers: answers(local) },
  });
  expect(found).toMatchObject({ count: 98, unrecorded: 2 });
  // Both wrong on 5..9, only the recorded right on 10..29, only the local right on 0..4.
  expect(found.agreement).toMatchObject({ bothRight: 68, onlyRecorded: 20, onlyLocal: 5, bothWrong: 5 });
  expect(found.agreement.exact.value).toBeCloseTo(73 / 98, 12);
  expect(found.right.difference.value).toBeCloseTo(-15 / 98, 12);
  // Two-sided binomial test of 5 in 25.
  expect(found.right.pValue).toBeCloseTo(0.004077, 5);
  expect(found.verdict).toMatch(/^Not yet: /);
  const [there] = found.comparison.rows;
  // 100 prompt tokens at $0.30 and 2 answer tokens at $1.20 per million, a thousand times.
  expect(there!.there!.usd).toBeCloseTo(0.03 + 0.0024, 12);
  expect(found.comparison.rows[1]!.here!.seconds).toBe(500);
  expect(found.differences[0]).toMatchObject({ line: 11, recordedRight: true, localRight: false });
});

test('the same call with its arguments in another order is the same answer', () => {
  const call = (args: string): Message => ({
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'fly', arguments: args } }],
  });
  const item = answers(['x'])[0]!;
  const side = (args: string) => ({ model: args, answers: [{ ...item, reference: call('{"a":1,"b":2}'), answer: call(args) }] }); // prettier-ignore
  const agreed = (args: string) =>
    parity('tool_calls', { recorded: side('{"a":1,"b":2}'), local: side(args) }).agreement.exact.value;
  expect(agreed('{"b": 2, "a": 1}')).toBe(1);
  expect(agreed('{"b": 2, "a": 3}')).toBe(0);
});

test('what is no recording is said so', async () => {
  const nothing = await parityWith(home, 'tiny');
  expect(nothing).toMatchObject({ code: 1 });
  expect(nothing.stderr).toContain('has no recording');
  const cents = await parityWith(join(home, 'own'), 'tiny', '--kwh-price', '0.3');
  expect(cents).toMatchObject({ code: 2 });
});
