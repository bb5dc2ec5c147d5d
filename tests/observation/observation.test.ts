import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { childrenMemory } from '../../src/observation/metrics.ts';
import { createApp } from '../../src/server/app.ts';
import { openHouse } from '../../src/house.ts';
import { readSettings } from '../../src/config.ts';
import { openTestHouse } from '../house.ts';
import { examples, tinyHome, upload, waitFor } from '../jobs/tiny-house.ts';

test('health and readiness are told without a key, and a house whose worker rests is not ready', async () => {
  await using house = await openTestHouse({ apiKeys: ['sk-the-key'] });
  const at = (path: string) => fetch(house.url.replace('/v1', path));
  expect(await (await at('/health')).json()).toEqual({ status: 'ok' });
  const ready = await at('/ready');
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { status: 'ready', checks: { database: 'ok', worker: 'ok' } },
  ]);
  expect((await at('/metrics')).status).toBe(401);

  await using folder = await tinyHome();
  await using resting = await openHouse(readSettings({}, { home: folder.home, logLevel: 'silent' }), undefined, {
    training: false,
  });
  const answer = await createApp(resting).inject('/ready');
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toMatchObject({ status: 'not ready', checks: { worker: 'not running' } });
});

test('metrics tell of requests by their pattern, of tokens, of jobs and of memory', async () => {
  await using folder = await tinyHome();
  await using house = await openTestHouse({ home: folder.home });
  const { id } = await house.openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: await upload(house.openai, examples()),
    hyperparameters: { n_epochs: 1, batch_size: 4 },
  });
  await waitFor(house.openai, id);
  const answer = await house.openai.chat.completions.create({
    model: 'tiny',
    messages: [{ role: 'user', content: 'Hello' }],
    max_tokens: 5,
  });
  await house.openai.files.retrieve('file-nobody').catch(() => undefined);

  const text = await (await fetch(house.url.replace('/v1', '/metrics'))).text();
  const value = (name: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))!
        .split(' ')
        .at(-1),
    );
  expect(value('tunesmith_http_requests_total{method="GET",route="/v1/files/:id",status="404"}')).toBe(1);
  expect(value('tunesmith_http_request_seconds_count{method="POST",route="/v1/chat/completions"}')).toBe(1);
  expect(value('tunesmith_tokens_total{model="tiny",kind="prompt"}')).toBe(answer.usage!.prompt_tokens);
  expect(value('tunesmith_tokens_total{model="tiny",kind="completion"}')).toBe(answer.usage!.completion_tokens);
  expect(value('tunesmith_jobs{status="succeeded"}')).toBe(1);
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(10e6);
  if (process.platform === 'linux')
    expect(value('tunesmith_children_resident_memory_bytes{kind="all"}')).toBeGreaterThan(10e6); // the runtime
  expect(text).not.toContain('file-nobody');
});

test.runIf(process.platform === 'linux')('the memory of children counts grandchildren and nobody else', async () => {
  const program =
    "require('child_process').spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e3)'], { stdio: 'inherit' })";
  const parent = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  await once(parent.stdout, 'data');
  const both = await childrenMemory(process.pid);
  const grandchild = await childrenMemory(parent.pid!);
  process.kill(-parent.pid!, 'SIGKILL');
  expect(grandchild).toBeGreaterThan(10e6);
  expect(both).toBeGreaterThan(1.5 * grandchild);
});

test('each request becomes a span in its caller’s trace, where a receiver is configured', async () => {
  const received: Span[] = [];
  const receiver = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.on('end', () => {
      expect(request.url).toBe('/v1/traces');
      for (const { scopeSpans } of (JSON.parse(text) as Exported).resourceSpans)
        for (const { spans } of scopeSpans) received.push(...spans);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  {
    await using folder = await tinyHome();
    await using house = await openTestHouse({ home: folder.home, otlpEndpoint: endpoint });
    await house.openai.chat.completions.create(
      { model: 'tiny', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 3 },
      { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } },
    );
    await house.openai.files.retrieve('file-nobody').catch(() => undefined);
  }
  receiver.closeAllConnections();
  receiver.close();
  const [chat, file] = received;
  expect(received.map(({ name }) => name)).toEqual(['POST /v1/chat/completions', 'GET /v1/files/:id']);
  expect(chat).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331', kind: 2 });
  expect(attribute(chat!, 'http.response.status_code')).toEqual({ intValue: 200 });
  expect(attribute(chat!, 'gen_ai.request.model')).toEqual({ stringValue: 'tiny' });
  expect(file!.traceId).not.toBe(traceId);
  expect(attribute(file!, 'http.response.status_code')).toEqual({ intValue: 404 });
});

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

type Exported = { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };

const attribute = (span: Span, key: string) => span.attributes.find((each) => each.key === key)?.value;

test('what a page of this server looks up again and again is told to those who want every line', async () => {
  await using folder = await tinyHome();
  const lines: string[] = [];
  const note = (level: string) => (event: string) => {
    if (event === 'request.answered') lines.push(level);
  };
  const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
  await using house = await openHouse(readSettings({}, { home: folder.home }), log, { training: false });
  const app = createApp(house);
  await app.inject({ url: '/v1/files', headers: { 'sec-fetch-site': 'same-origin' } });
  await app.inject({ url: '/v1/files' });
  await app.inject({ method: 'DELETE', url: '/v1/files/file-1', headers: { 'sec-fetch-site': 'same-origin' } });
  expect(lines).toEqual(['debug', 'info', 'info']);
});
