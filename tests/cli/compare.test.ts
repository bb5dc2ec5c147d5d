/** `tunesmith compare` against a server that answers as a test wants it, over real HTTP, and against our own. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Compared } from '../../src/evals/compare/compare.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { tunesmith } from './tunesmith.ts';

let folder = '';
let train = '';
let held = '';

const things = ['gold', 'tea', 'watches', 'flights', 'pills', 'shoes', 'lamps', 'books'];
const people = ['Ruth', 'Ada', 'Alan', 'Grace', 'Linus', 'Edsger', 'Barbara', 'Donald'];
const mail = (content: string, label: string): string =>
  JSON.stringify({ messages: [{ role: 'user', content }, { role: 'assistant', content: label }] }) + '\n'; // prettier-ignore

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tunesmith-compare-test-'));
  train = join(folder, 'train.jsonl');
  held = join(folder, 'test.jsonl');
  const rows = (from: number, to: number): string[] =>
    things.slice(from, to).flatMap((thing, i) => [
      mail(`buy ${thing} now, an offer you will not see again`, 'spam'),
      mail(`hello ${people[from + i]}, shall we meet for the review of chapter ${from + i}`, 'ham'),
    ]); // prettier-ignore
  await writeFile(train, rows(0, 5).join(''));
  await writeFile(held, rows(5, 8).join(''));
});
afterAll(() => rm(folder, { recursive: true }));

interface Asked {
  readonly model: string;
  readonly messages: { readonly content: string }[];
  readonly authorization: string | undefined;
}

const tuned = 'ft:small:acme::AAAAAAAA';
const job = { id: 'ftjob-1', object: 'fine_tuning.job', model: 'small', fine_tuned_model: tuned, training_file: 'file-1', created_at: 1, status: 'succeeded' }; // prettier-ignore

/** "small" always says ham, its fine-tune and "big" know the mails; texts about offers are embedded one way, others another. */
async function server() {
  const asked: Asked[] = [];
  const embedded: string[] = [];
  const http = createServer((request, response) => {
    void (async () => {
      const send = (body: object | string, status = 200): void => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      };
      const path = request.url!.replace(/\?.*/, '');
      const list = (...data: object[]): void => send({ object: 'list', data, has_more: false });
      if (path.endsWith('/checkpoints')) return list({ id: 'c1', step_number: 5, fine_tuned_model_checkpoint: 'ft:small:acme::BBBBBBBB:ckpt-step-5' }, { id: 'c2', step_number: 9, fine_tuned_model_checkpoint: tuned }); // prettier-ignore
      if (path === '/v1/fine_tuning/jobs') return list(job);
      if (path === '/v1/files/file-1/content') return send(await readFile(train, 'utf8'));
      if (request.method === 'GET') return send({ error: { message: 'no such thing' } }, 404);
      const body = (await json(request)) as { input?: string[]; model: string; messages: { content: string }[] };
      if (path === '/v1/embeddings') {
        embedded.push(...body.input!);
        const data = body.input!.map((text, index) => ({ object: 'embedding', index, embedding: floats(text.includes('buy') ? [1, 0.1] : [1, -0.1]) })); // prettier-ignore
        return send({ object: 'list', model: body.model, data, usage: { prompt_tokens: 5 * data.length, total_tokens: 5 * data.length } }); // prettier-ignore
      }
      if (body.model === 'locked') return send({ error: { message: 'Your key has expired.' } }, 401);
      if (body.messages.length > 10) return send({ error: { message: 'This is too long for the context.' } }, 400);
      asked.push({ model: body.model, messages: body.messages, authorization: request.headers.authorization });
      const knows = body.model !== 'small' && !body.model.includes('ckpt');
      const content = knows && body.messages.at(-1)!.content.includes('buy') ? 'spam' : 'ham';
      send({
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 1,
        model: body.model,
        choices: [{ index: 0, finish_reason: 'stop', logprobs: null, message: { role: 'assistant', content } }],
        usage: { prompt_tokens: 10 * body.messages.length, completion_tokens: 1, total_tokens: 11 },
      });
    })();
  });
  await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening));
  return {
    asked,
    embedded,
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`,
    [Symbol.asyncDispose]: () => new Promise<void>((closed) => http.close(() => closed())),
  };
}

/** As the SDK asks for them. */
const floats = (values: number[]): string => Buffer.from(Float32Array.from(values).buffer).toString('base64');

type Printed = Compared & { readonly train: string; readonly leaks: readonly { findings: unknown[] }[] };
const compareWith = (url: string, home: string, words: readonly string[], env: Record<string, string> = {}) =>
  tunesmith(['compare', ...words, '--base-url', url, '--home', join(folder, home)], { env });

test('the base, few-shot prompts, the fine-tune, its checkpoint, an endpoint and the baselines stand in one table', async () => {
  await using mails = await server();
  const words = [held, tuned, '--checkpoints', '--shots', '2,4', '--watts', '60', '--kwh-price', '0.3'];
  const endpoint = ['--endpoint', `model=big,url=${mails.url},key=BIG_KEY`];
  const { code, stdout, stderr } = await compareWith(mails.url, 'all', [...words, ...endpoint], { BIG_KEY: 'sk-big' });
  expect(code, stderr).toBe(0);
  const rows = stdout.split('\n').map((line) => line.trim().split(/ {2,}/)[0]!);
  expect(rows.slice(1, 11)).toEqual([
    'always "ham"',
    '* bag of words',
    'nearest neighbour',
    'small, zero-shot',
    'small, 2-shot',
    'small, 4-shot',
    tuned,
    'ft:small:acme::BBBBBBBB:ckpt-step-5',
    expect.stringMatching(/^big at 127\.0\.0\.1:\d+$/),
    '',
  ]);
  expect(stdout).toMatch(/^ {2}small, zero-shot +33\.3 .*reference .* 10 tokens .* \$0\.00\d+ .*Wh/m);
  expect(stdout).toMatch(/^ {2}small, 4-shot .* 90 tokens /m);
  expect(stdout).toMatch(/^ {2}ft:small:acme::AAAAAAAA +100\.0 \(60-100\) +100\.0 .*\+66\.7/m);
  expect(stdout).toContain('corrected for 8 comparisons (Holm)');
  expect(stdout).toMatch(
    /^Use bag of words for now: F1, macro 100\.0 %, the best, but 6 questions are too few to show it; .* ft:small:acme::AAAAAAAA is not significantly better than what takes less \(0\.0 points, /m,
  );
  expect(mails.asked.filter(({ authorization }) => authorization === 'Bearer sk-big').map(({ model }) => model)).toEqual(Array(6).fill('big')); // prettier-ignore

  const questions = mails.asked.length;
  const again = await compareWith(mails.url, 'all', [...words, ...endpoint, '--json'], { BIG_KEY: 'sk-big' });
  expect(again.code, again.stderr).toBe(0);
  expect(mails.asked).toHaveLength(questions);
  expect(mails.embedded).toHaveLength(10 + 6);
  const printed = JSON.parse(again.stdout) as Printed;
  expect(printed).toMatchObject({ train: 'file-1', leaks: [], count: 6, reference: 'small, zero-shot' });
  expect(printed.rows.find(({ kind }) => kind === 'nearest_neighbour')).toMatchObject({
    model: null,
    evaluation: { costs: { promptTokens: 5 } },
    there: null,
  });
});

test('shots are examples of the training file, and whom to hold others against can be chosen', async () => {
  await using mails = await server();
  const words = [held, 'small', '--train', train, '--shots', '2', '--choose', 'nearest', '--no-baselines', '--json'];
  const { code, stdout, stderr } = await compareWith(mails.url, 'shots', [...words, '--reference', 'small, 2-shot nearest']); // prettier-ignore
  expect(code, stderr).toBe(0);
  const printed = JSON.parse(stdout) as Printed;
  expect(printed.rows.map(({ name }) => name)).toEqual(['small, zero-shot', 'small, 2-shot nearest']);
  expect(printed.reference).toBe('small, 2-shot nearest');
  const known = await readFile(train, 'utf8');
  const withShots = mails.asked.filter(({ messages }) => messages.length === 5);
  expect(withShots).toHaveLength(6);
  for (const { messages } of withShots)
    for (const { content } of messages.slice(0, 4)) expect(known).toContain(content);
  expect(mails.embedded).toEqual([]);
});

test('questions that the training file has are told, and can be left out', async () => {
  await using mails = await server();
  const leaking = join(folder, 'leaking.jsonl');
  const known = await readFile(train, 'utf8');
  await writeFile(leaking, `${known.split('\n')[0]}\n${await readFile(held, 'utf8')}`);
  const warned = await compareWith(mails.url, 'leak', [leaking, tuned, '--no-baselines', '--shots', '0']);
  expect(warned.code, warned.stderr).toBe(0);
  expect(warned.stderr).toContain('1 example of the test file also standing in the training file');
  expect(warned.stderr).toContain('1 of 7 questions are in the training file, which flatters');
  const left = await compareWith(mails.url, 'leak', [leaking, tuned, '--no-baselines', '--shots', '0', '--drop-leaks', '--json']); // prettier-ignore
  expect(JSON.parse(left.stdout)).toMatchObject({ count: 6, leaks: [{ training: 'file-1' }] });
});

test('the report is one file without script, in which nothing from outside is more than text', async () => {
  await using mails = await server();
  const report = join(folder, 'report.html');
  const { code, stderr } = await compareWith(mails.url, 'report', [held, 'small', tuned, '<img src=x>', '--report', report]); // prettier-ignore
  expect(code, stderr).toBe(0);
  const page = await readFile(report, 'utf8');
  expect(page).toContain('&lt;img src=x&gt;');
  expect(page).not.toMatch(/<script|<img|javascript:/i);
  expect(page).toContain("default-src 'none'");
  expect(page.match(/<svg/g)).toHaveLength(1);
  expect(page).toMatch(/<b>Use [^<]+<\/b>/);
});

test('what cannot be compared is refused, with what was expected', async () => {
  await using mails = await server();
  const refused = async (code: number, said: RegExp, ...words: string[]): Promise<void> => {
    const ran = await compareWith(mails.url, 'bad', [held, ...words]);
    expect(ran.stderr).toMatch(said);
    expect(ran.code).toBe(code);
  };
  await refused(2, /Nobody to compare/);
  await refused(2, /model or url is missing; model=NAME,url=URL/, '--endpoint', 'model=x');
  await refused(2, /"speed" is not known/, '--endpoint', 'model=x,url=http://h/v1,speed=9');
  await refused(2, /is no address/, '--endpoint', 'model=x,url=there');
  await refused(2, /NO_SUCH_KEY, but that environment variable is not set/, '--endpoint', `model=x,url=${mails.url},key=NO_SUCH_KEY`); // prettier-ignore
  await refused(2, /--there llama has no known price; one of gpt-4\.1/, 'small', '--there', 'llama');
  await refused(2, /--kwh-price needs --watts/, 'small', '--kwh-price', '1');
  await refused(2, /no such contender; there are: small, zero-shot/, 'small', '--reference', 'nobody');
  await refused(2, /"x" was given where a whole number was expected/, 'small', '--shots', '2,x');
  await refused(1, /There is no file/, 'small', '--train', join(folder, 'missing.jsonl'));
  expect(await compareWith(mails.url, 'bad', [join(folder, 'missing.jsonl'), 'small'])).toMatchObject({ code: 1 });
});

test('an endpoint that takes nobody is told before anything else is asked', async () => {
  await using mails = await server();
  const { code, stderr } = await compareWith(mails.url, 'locked', [held, tuned, '--endpoint', `model=locked,url=${mails.url}`]); // prettier-ignore
  expect(code).toBe(1);
  expect(stderr).toContain('Your key has expired.');
  expect(mails.asked).toEqual([]);
});

test('whoever answers nothing is left out, and said to be', async () => {
  await using mails = await server();
  const { code, stdout, stderr } = await compareWith(mails.url, 'long', [held, tuned, '--shots', '2,8', '--no-baselines', '--json']); // prettier-ignore
  expect(code, stderr).toBe(0);
  expect(stderr).toContain(
    'small, 8-shot is left out: it answered not one question (400 This is too long for the context.)',
  );
  const { rows } = JSON.parse(stdout) as Printed;
  expect(rows.map(({ name }) => name)).toEqual(['small, zero-shot', 'small, 2-shot', tuned]);
});

test('Ctrl-C stops between answers, and the same command goes on', async () => {
  await using mails = await server();
  const words = ['compare', held, 'small', '--train', train, '--base-url', mails.url, '--home', join(folder, 'stop')];
  const stop = new AbortController();
  const onOutput = (text: string): void => {
    if (text.includes('zero-shot: 3/6')) stop.abort();
  };
  const stopped = await tunesmith(words, { signal: stop.signal, interactive: true, onOutput });
  if (process.env['CI'] === undefined) {
    expect(stopped).toMatchObject({ code: 130 });
    expect(stopped.stderr).toContain('The same command goes on where it stopped.');
  }
  const before = mails.asked.length;
  expect((await tunesmith(words)).code).toBe(0);
  expect(mails.asked.length - before).toBeLessThan(6 + 6 + 2);
});

test('our own server compares an extraction: base, examples, the most common answer and neighbours by its embeddings', async () => {
  const home = join(folder, 'own');
  const people = (name: string, city: string): string =>
    mail(`${name} lives in ${city}.`, JSON.stringify({ person: name, city }));
  const known = join(folder, 'people.jsonl');
  const asked = join(folder, 'people-test.jsonl');
  await writeFile(known, [people('Ada', 'London'), people('Alan', 'London'), people('Emmy', 'Erlangen'), people('Alan', 'London')].join('')); // prettier-ignore
  await writeFile(asked, [people('Grace', 'New York'), people('Kurt', 'Wien')].join(''));
  await writeTinyLlama(join(folder, 'tiny.gguf'));
  expect((await tunesmith(['models', 'pull', join(folder, 'tiny.gguf'), '--home', home])).code).toBe(0);
  const { code, stdout, stderr } = await tunesmith(['compare', asked, 'tiny', '--train', known, '--shots', '1', '--max-tokens', '8', '--home', home, '--json']); // prettier-ignore
  expect(code, stderr).toBe(0);
  const { rows, task } = JSON.parse(stdout) as Printed;
  expect(task).toBe('extraction');
  expect(rows.map(({ name }) => name)).toEqual(['most common answer', 'nearest neighbour', 'tiny, zero-shot', 'tiny, 1-shot']); // prettier-ignore
  expect(rows.every(({ evaluation }) => evaluation.failed === 0)).toBe(true);
  const missing = await tunesmith(['compare', asked, 'nobody', '--train', known, '--home', home]);
  expect(missing).toMatchObject({ code: 1 });
  expect(missing.stderr).toContain('does not exist');
});
