/** Runs that ask a server elsewhere: what it is sent, what is asked again, and what ends the run. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { itemsOf, makeEval, questions, runEval, startRun, waitForRun } from './eval-journey.ts';

interface Asked {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: { readonly model: string; readonly messages?: { content: string }[]; readonly input?: object[] };
}

let house: TestHouse;
let server: Server;
let asked: Asked[] = [];
/** What the nth question (from 1) is answered with; a usual answer where it says null. */
let answerTo: (n: number, response: ServerResponse, body: Asked['body']) => boolean = () => false;
let base_url = '';
beforeAll(async () => {
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  base_url = `http://127.0.0.1:${port}/v1/`;
  house = await openTestHouse({ evalHosts: [`127.0.0.1:${port}`] });
});
beforeEach(() => {
  asked = [];
  answerTo = () => false;
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const piece of request) text += String(piece);
  const body = JSON.parse(text) as Asked['body'];
  asked.push({ path: request.url!, key: request.headers.authorization, body });
  if (answerTo(asked.length, response, body)) return;
  const usage = {
    prompt_tokens: 5,
    completion_tokens: 2,
    total_tokens: 7,
    prompt_tokens_details: { cached_tokens: 1 },
  };
  const said = { role: 'assistant', content: 'Paris', refusal: null };
  const chat = {
    object: 'chat.completion',
    model: `${body.model}-2026-01-01`,
    choices: [{ index: 0, message: said, finish_reason: 'stop' }],
    usage,
  };
  const other = {
    object: 'response',
    status: 'completed',
    model: body.model,
    output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Paris' }] }],
    usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 },
  };
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(request.url!.endsWith('/responses') ? other : chat));
}

function error(response: ServerResponse, status: number, message: string, code: string | null = null): boolean {
  response.statusCode = status;
  response.setHeader('retry-after-ms', '5');
  response.end(JSON.stringify({ error: { message, type: 'x', param: null, code } }));
  return true;
}

const isParis = {
  type: 'string_check',
  name: 'paris',
  operation: 'eq',
  input: '{{sample.output_text}}',
  reference: 'Paris',
};
const elsewhere = (count: number, wishes: object = {}) =>
  questions(count, { model: 'gpt-9', endpoint: { base_url, api_key: 'sk-secret-of-elsewhere' }, ...wishes });

describe('a run at another server', () => {
  test('sends it the questions and the key, and judges its answers', async () => {
    const { id } = await makeEval(house.openai, [isParis]);
    const run = await runEval(house.openai, id, elsewhere(2));
    expect(run).toMatchObject({
      status: 'completed',
      model: 'gpt-9',
      result_counts: { total: 2, passed: 2 },
      per_model_usage: [
        {
          model_name: 'gpt-9-2026-01-01',
          invocation_count: 2,
          prompt_tokens: 10,
          completion_tokens: 4,
          total_tokens: 14,
          cached_tokens: 2,
        },
      ],
    });
    expect(asked.map(({ path, key }) => [path, key])).toEqual(
      Array.from({ length: 2 }, () => ['/v1/chat/completions', 'Bearer sk-secret-of-elsewhere']),
    );
    expect(asked.find(({ body }) => body.messages![1]!.content === 'Tell me: number 0?')!.body).toEqual({
      model: 'gpt-9',
      messages: [
        { role: 'developer', content: 'Be short.' },
        { role: 'user', content: 'Tell me: number 0?' },
      ],
      temperature: 0,
      top_p: 1,
      seed: 42,
      max_completion_tokens: 4,
    });
  });

  test('never shows the key again, and forgets it in the end', async () => {
    const { id } = await makeEval(house.openai, [isParis]);
    const started = await startRun(house.openai, id, elsewhere(1));
    expect(JSON.stringify(started)).not.toContain('sk-secret');
    expect(started.data_source).toMatchObject({ endpoint: { base_url } });
    const run = await waitForRun(house.openai, id, started.id);
    const { database } = house.house;
    const row = await database.selectFrom('eval_runs').where('id', '=', run.id).selectAll().executeTakeFirstOrThrow();
    expect(JSON.stringify(row)).not.toContain('sk-secret');
  });

  test('may ask through the Responses API', async () => {
    const { id } = await makeEval(house.openai, [isParis]);
    const run = await runEval(house.openai, id, elsewhere(1, { type: 'responses' }));
    expect(run).toMatchObject({ result_counts: { passed: 1 }, per_model_usage: [{ total_tokens: 7 }] });
    expect(asked[0]).toMatchObject({ path: '/v1/responses', body: { store: false, max_output_tokens: 4 } });
    expect(asked[0]!.body).not.toHaveProperty('seed');
  });

  test('asks again after what passes', async () => {
    answerTo = (n, response) => {
      if (n === 1) return error(response, 429, 'too fast');
      if (n === 2) return error(response, 500, 'oops');
      if (n === 3) return response.destroy() !== undefined;
      return false;
    };
    const { id } = await makeEval(house.openai, [isParis]);
    const run = await runEval(house.openai, id, elsewhere(1));
    expect(run.result_counts).toMatchObject({ passed: 1, errored: 0 });
    expect(asked).toHaveLength(4);
  }, 20_000);

  test.each([
    [401, 'Incorrect API key provided', 'invalid_api_key'],
    [404, 'The model `gpt-9` does not exist', 'model_not_found'],
    [429, 'You exceeded your current quota', 'insufficient_quota'],
  ])('fails as a whole at %i: %s', async (status, message, code) => {
    answerTo = (n, response) => n > 1 && error(response, status, message, code);
    const { id } = await makeEval(house.openai, [isParis]);
    const run = await runEval(house.openai, id, elsewhere(40));
    expect(run).toMatchObject({ status: 'failed', error: { code, message: expect.stringContaining(message) } });
    expect(asked.length).toBeLessThan(20);
    expect(run.result_counts.passed).toBe((await itemsOf(house.openai, id, run.id)).length);
  });

  test('has an error for each question that is refused', async () => {
    answerTo = (_, response, { messages }) =>
      messages![1]!.content === 'Tell me: number 0?' && error(response, 400, 'too long', 'context_length_exceeded');
    const { id } = await makeEval(house.openai, [isParis]);
    const run = await runEval(house.openai, id, elsewhere(2));
    expect(run).toMatchObject({ status: 'completed', result_counts: { passed: 1, errored: 1 } });
    const items = await itemsOf(house.openai, id, run.id);
    expect(items.find(({ status }) => status === 'error')!.sample.error).toMatchObject({
      code: 'context_length_exceeded',
    });
  });

  test('has an error for an answer that is none', async () => {
    answerTo = (_, response) => response.end('<html>Welcome to the café</html>') !== undefined;
    const { id } = await makeEval(house.openai, [isParis]);
    const run = await runEval(house.openai, id, elsewhere(1));
    expect(run).toMatchObject({ status: 'completed', result_counts: { errored: 1 } });
  });

  test.each<[string, string, object, RegExp]>([
    ['completions', 'no choices', { choices: [] }, /choices/],
    [
      'completions',
      'a list for a text',
      { choices: [{ message: { content: [{ text: 'a' }] } }] },
      /choices\.0\.message\.content/,
    ],
    [
      'completions',
      'words for a count',
      { choices: [{ message: { content: 'a' } }], usage: { prompt_tokens: 'two' } },
      /usage\.prompt_tokens/,
    ],
    ['responses', 'a message of nothing', { output: [{ type: 'message', content: null }] }, /output\.0/],
  ])('of %s has an error for %s', async (type, _, said, where) => {
    answerTo = (_n, response) => response.end(JSON.stringify(said)) !== undefined;
    const { id } = await makeEval(house.openai, [isParis]);
    const run = await runEval(house.openai, id, elsewhere(1, { type }));
    expect(run).toMatchObject({ status: 'completed', result_counts: { errored: 1 } });
    const [item] = await itemsOf(house.openai, id, run.id);
    expect(item!.sample.error).toMatchObject({ code: 'invalid_answer', message: expect.stringMatching(where) });
  });

  test('takes an answer that leaves out what does not matter', async () => {
    answerTo = (_, response) => response.end('{"choices":[{"message":{"content":"Paris"}}]}') !== undefined;
    const { id } = await makeEval(house.openai, [isParis]);
    const run = await runEval(house.openai, id, elsewhere(1));
    expect(run).toMatchObject({
      result_counts: { passed: 1 },
      per_model_usage: [{ model_name: 'gpt-9', invocation_count: 1, total_tokens: 0, cached_tokens: 0 }],
    });
  });

  test('is asked once about each item, even when the server stops while answers are judged', async () => {
    const source = 'import time\ndef grade(sample, item):\n  time.sleep(1)\n  return 1';
    const home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'evals-'));
    const settings = { home, evalHosts: ['*'] };
    let [evalId, run] = ['', ''];
    {
      await using first = await openTestHouse(settings);
      ({ id: evalId } = await makeEval(first.openai, [{ type: 'python', name: 'slow', source }]));
      ({ id: run } = await startRun(first.openai, evalId, elsewhere(6)));
      const { database } = first.house;
      for (let kept = 0; kept < 6; await sleep(5)) {
        const rows = await database.selectFrom('eval_items').select('source').execute();
        expect(rows.length, 'all are judged already').toBeGreaterThan(0);
        kept = 6 - rows.length + rows.filter((row) => 'answered' in (JSON.parse(row.source) as object)).length;
      }
      expect((await first.openai.evals.runs.retrieve(run, { eval_id: evalId })).status).toBe('in_progress');
    }
    {
      await using second = await openTestHouse(settings);
      const ended = await waitForRun(second.openai, evalId, run);
      expect(ended).toMatchObject({
        status: 'completed',
        result_counts: { total: 6, passed: 6 },
        per_model_usage: [{ invocation_count: 6, total_tokens: 42 }],
      });
    }
    expect(asked).toHaveLength(6);
    await rm(home, { recursive: true });
  }, 120_000);

  test('does not go where only this machine can', async () => {
    const { id } = await makeEval(house.openai, [isParis]);
    const inside = elsewhere(1, { endpoint: { base_url: 'http://127.0.0.1:9/v1' } });
    expect(await runEval(house.openai, id, inside)).toMatchObject({
      status: 'failed',
      error: { code: 'address_refused' },
    });
    const meta = elsewhere(1, { endpoint: { base_url: 'http://169.254.169.254/latest' } });
    expect(await runEval(house.openai, id, meta)).toMatchObject({
      status: 'failed',
      error: { code: 'address_refused' },
    });
    await expect(
      startRun(house.openai, id, elsewhere(1, { endpoint: { base_url: 'file:///etc' } })),
    ).rejects.toMatchObject({
      status: 400,
      param: 'data_source.endpoint.base_url',
    });
  });
});
