/** A page that stays open while its server is killed: what it shows goes on by itself when the next one is there. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MockHub, openMockHub } from '../models/mock-hub.ts';
import { serve, type Server } from '../tasks/server.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { buildWhereStale, chromiumPath, launch } from './browser.ts';

describe.skipIf(chromiumPath === null)('a killed server', () => {
  let home = '';
  let hub: MockHub;
  let server: Server;
  let browser: Browser;
  beforeAll(async () => {
    home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'restart-'));
    await writeTinyLlama(join(home, 'tiny.gguf'), { layers: 4, width: 64, feedForward: 192 });
    const model = await readFile(join(home, 'tiny.gguf'));
    const files = { 'acme/models/resolve/main/tiny.gguf': model };
    hub = await openMockHub(files, { slowBytes: Math.ceil(model.length / 250) });
    await buildWhereStale();
    server = await serve(home, { HF_ENDPOINT: hub.endpoint });
    browser = await launch(chromiumPath!);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    await hub?.[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  });

  test('costs an open page nothing: a model that was being fetched arrives', { timeout: 120_000 }, async () => {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/models`);
    await page.getByLabel('Another model').fill('acme/models/tiny.gguf');
    await page.keyboard.press('Enter');
    const coming = page.getByRole('region', { name: 'Base models to fetch' });
    await coming.getByText(/[1-9][\d.]* kB of .+ kB/).waitFor();
    const before = server;
    await server[Symbol.asyncDispose]();
    await page.getByText(/does not answer/).waitFor();
    await coming.getByRole('progressbar').waitFor(); // what is known stays in sight
    server = await serve(home, { HF_ENDPOINT: hub.endpoint }, before);
    const here = page.getByRole('list', { name: 'Base models on this machine' });
    await here.getByText('tiny', { exact: true }).waitFor({ timeout: 60_000 });
    await page.getByText(/does not answer/).waitFor({ state: 'detached' });
    expect(hub.requests.filter(({ range }) => range !== null)).not.toEqual([]);
    await coming.getByRole('progressbar').waitFor({ state: 'detached' });
  });
});
