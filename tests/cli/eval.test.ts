/** `tunesmith eval` against a server that answers as a test wants it, over real HTTP, and against our own. */

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Evaluation } from '../../src/evals/evaluate.ts';
import type { Mistake } from '../../src/evals/mistakes.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { tunesmith } from './tunesmith.ts';

let home = '';
let testFile = '';

const mails = ['buy now', 'buy gold', 'hello Ruth', 'see you', 'meeting <b>moved</b>', 'buy tea'];
const labelOf = (mail: string): string => (mail.startsWith('buy') && mail !== 'buy tea' ? 'spam' : 'ham');
const row = (mail: string): string =>
  JSON.stringify({ messages: [{ role: 'user', content: mail }, { role: 'assistant', content: labelOf(mail) }] }); // prettier-ignore

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tunesmith-eval-'));
  testFile = join(home, 'test.jsonl');
  await writeFile(testFile, mails.map((mail) => `${row(mail)}\n`).join(''));
});
afterAll(() => rm(home, { recursive: true }));

interface Asked {
  readonly messages: { content: string }[];
  readonly logprobs?: boolean;
  readonly temperature?: number;
}

/** Says spam to whatever offers something to buy. */
async function mailServer(options: { readonly refuses?: string; readonly failsAfter?: number } = {}) {
  const asked: Asked[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    void (async () => {
      const send = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      if (request.method === 'GET') return send(404, { error: { message: 'no such thing' } });
      const body = (await json(request)) as Asked & Record<string, unknown>;
      if (options.refuses !== undefined && options.refuses in body)
        return send(400, { error: { message: `Unsupported: ${options.refuses}`, param: options.refuses } });
      if (asked.length === options.failsAfter) return send(401, { error: { message: 'Your key has expired.' } });
      asked.push(body);
      const label = body.messages.at(-1)!.content.startsWith('buy') ? 'spam' : 'ham';
      const other = label === 'spam' ? 'ham' : 'spam';
      const top_logprobs = [label, other].map((token, i) => ({ token, logprob: Math.log(i === 0 ? 0.8 : 0.2), bytes: null })); // prettier-ignore
      const logprobs = body.logprobs === true ? { content: [{ ...top_logprobs[0], top_logprobs }], refusal: null } : null; // prettier-ignore
      send(200, {
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 1,
        model: 'mailer',
        choices: [{ index: 0, finish_reason: 'stop', logprobs, message: { role: 'assistant', content: label } }],
        usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11, prompt_tokens_details: { cached_tokens: 4 } }, // prettier-ignore
      });
    })();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    url: `http://127.0.0.1:${port}/v1`,
    [Symbol.asyncDispose]: () => new Promise<void>((closed) => server.close(() => closed())),
  };
}

type Printed = Evaluation & { readonly mistakes: readonly Mistake[]; readonly reason: string };
const evalWith = (url: string, ...words: string[]) =>
  tunesmith(['eval', 'mailer', testFile, '--base-url', url, '--home', home, ...words]);

test('any server is measured: figures with intervals, confusion, worst mistakes, tokens; the second time nothing is asked', async () => {
  await using server = await mailServer();
  const shown = await evalWith(server.url, '--concurrency', '3');
  expect(shown.code, shown.stderr).toBe(0);
  expect(shown.stderr).toContain('6 questions, classification: 2 different short references come back.');
  expect(shown.stderr).toContain('only 6 cases');
  // 5 of 6 right; Wilson's interval of that.
  expect(shown.stdout).toMatch(/^Accuracy +83\.3 +43\.6 - 97\.0$/m);
  expect(shown.stdout).toMatch(/^ham +1 +3 +0$/m);
  expect(shown.stdout).toContain('(below 50 cases take the intervals as hints)');
  expect(shown.stdout).not.toContain('F-BETA');
  expect(shown.stdout).toContain('10 prompt tokens (4 cached), 1 answer tokens');
  expect(shown.stdout).toContain('Line 6, 80.0 % sure\n  user: buy tea\n  expected: ham\n  answered: spam');
  expect(server.asked).toHaveLength(6);

  const leaning = await evalWith(server.url, '--beta', '2');
  expect(leaning.stdout).toMatch(/^F2, macro +\d/m);
  expect(leaning.stdout).toContain('F-BETA');
  expect(await evalWith(server.url, '--beta', '0')).toMatchObject({ code: 2, stderr: expect.stringContaining('--beta was 0') as unknown }); // prettier-ignore

  const again = await evalWith(server.url, '--json');
  expect(again.stderr).toContain('6 of them were answered in an earlier run');
  expect(server.asked).toHaveLength(6);
  const printed = JSON.parse(again.stdout) as Printed;
  expect(printed).toMatchObject({ task: 'classification', count: 6, failed: 0, unparsed: 0 });
  expect(printed.verdicts.filter(({ right }) => right)).toHaveLength(5);
  expect(printed.figures.find(({ name }) => name === 'ece')).toBeDefined();

  await evalWith(server.url, '--fresh');
  expect(server.asked).toHaveLength(12);
});

test('what a server does not take is left out, and figures that need it with it', async () => {
  for (const refuses of ['logprobs', 'temperature', 'max_completion_tokens']) {
    await using server = await mailServer({ refuses });
    const { code, stdout, stderr } = await evalWith(server.url, '--json');
    expect(code, stderr).toBe(0);
    const { figures } = JSON.parse(stdout) as Printed;
    expect(figures.some(({ name }) => name === 'roc_auc_macro')).toBe(refuses !== 'logprobs');
  }
});

test('answers that came before a failure are kept, and the next run goes on', async () => {
  await using server = await mailServer({ failsAfter: 4 });
  const failed = await evalWith(server.url);
  expect(failed).toMatchObject({ code: 1 });
  expect(failed.stderr).toContain('Your key has expired.');
  server.asked.push({ messages: [] }); // past the failure
  const resumed = await evalWith(server.url);
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(resumed.stderr).toContain('4 of them were answered in an earlier run');
  expect(server.asked).toHaveLength(4 + 1 + 2);
});

test('Ctrl-C stops between answers and says that the same command goes on', async () => {
  await using server = await mailServer();
  const stop = new AbortController();
  const stopped = await tunesmith(['eval', 'mailer', testFile, '--base-url', server.url, '--home', home], {
    signal: stop.signal,
    onOutput: () => stop.abort(),
  });
  expect(stopped).toMatchObject({ code: 130 });
  expect(stopped.stderr).toContain('The same command goes on where it stopped.');
});

test('the report is one file without script, in which nothing from outside is more than text', async () => {
  await using server = await mailServer();
  const report = join(home, 'report.html');
  const hostile = join(home, '<script>alert(1)<', 'x.jsonl').replaceAll('/<', '-<').replaceAll('</', '<-');
  await writeFile(hostile, [...mails, '<script>alert("in")</script>'].map((mail) => `${row(mail)}\n`).join(''));
  const labelled = await readFile(hostile, 'utf8');
  // The last line claims spam, so that it is among the mistakes.
  await writeFile(hostile, labelled.replace(/"ham"\}\]\}\n$/, '"spam"}]}\n'));
  const words = ['eval', 'mailer<img src=x>', hostile, '--base-url', server.url, '--home', home, '--report', report];
  const { code, stderr } = await tunesmith(words);
  expect(code, stderr).toBe(0);
  const page = await readFile(report, 'utf8');
  expect(page).toContain('&lt;script&gt;alert(&quot;in&quot;)&lt;/script&gt;');
  expect(page).not.toMatch(/<script|<img|https?:\/\/(?!127\.0\.0\.1)|javascript:/i);
  expect(page).toContain("default-src 'none'");
  expect(page.match(/<svg/g)).toHaveLength(1);
  expect(page).toContain('Confusion matrix');
});

test('our own server is measured without another word; a task that cannot be is refused', async () => {
  await writeTinyLlama(join(home, 'tiny.gguf'));
  expect((await tunesmith(['models', 'pull', join(home, 'tiny.gguf'), '--home', home])).code).toBe(0);
  const own = await tunesmith(['eval', 'tiny', testFile, '--home', home, '--json']);
  expect(own.code, own.stderr).toBe(0);
  const printed = JSON.parse(own.stdout) as Printed;
  expect(printed).toMatchObject({ count: 6, failed: 0 });
  expect(printed.costs.promptTokens).toBeGreaterThan(0);

  const extraction = await tunesmith(['eval', 'tiny', testFile, '--home', home, '--task', 'extraction']);
  expect(extraction).toMatchObject({ code: 1 });
  expect(extraction.stderr).toContain('Line 1: the reference is not JSON');
  expect(await tunesmith(['eval', 'tiny', testFile, '--home', home, '--task', 'guess'])).toMatchObject({ code: 2 });
  const missing = await tunesmith(['eval', 'nobody', testFile, '--home', home]);
  expect(missing).toMatchObject({ code: 1 });
  expect(missing.stderr).toContain('does not exist');
});
