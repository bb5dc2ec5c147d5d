/** Leaving OpenAI in a browser, in all its steps, from our own server playing OpenAI. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { openFaultyProxy, type FaultyProxy } from '../leaving/faulty-proxy.ts';
import { examples, openPlatform, type Platform } from '../leaving/platform.ts';
import { startTask, waitForTask } from '../tasks/server.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { violationsOn } from './axe.ts';
import { chromiumPath, type Dashboard, openDashboard, sizes } from './browser.ts';
import { toFile } from 'openai';

const key = 'sk-test-0123456789abcdef';

describe.skipIf(chromiumPath === null)('leaving OpenAI', () => {
  let folder = '';
  let platform: Platform;
  let proxy: FaultyProxy;
  let house: TestHouse;
  let dashboard: Dashboard;
  let page: Page;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tunesmith-web-leaving-'));
    platform = await openPlatform();
    proxy = await openFaultyProxy(platform.url);
    house = await openTestHouse({ home: join(folder, 'home'), evalHosts: [new URL(proxy.url).host] });
    await writeTinyLlama(join(folder, 'other.gguf'), { seed: 2 });
    const pull = await startTask(house.openai, { type: 'pull', source: join(folder, 'other.gguf') });
    await waitForTask(house.openai, pull.id);
    const file = await toFile(Buffer.from(examples(200, 12)), 'test.jsonl');
    await house.openai.files.create({ file, purpose: 'fine-tune' });
    dashboard = await openDashboard(house);
    page = await dashboard.visit('/leaving');
  }, 180_000);
  afterAll(async () => {
    await dashboard?.[Symbol.asyncDispose]();
    await house?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await platform?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const step = (name: string) => page.getByRole('region', { name, exact: true });

  test('says what ends when, and what is wrong with a place or a key before anything is taken', async () => {
    await step('What ends when').getByText('Evals, their runs and results are gone.').waitFor();
    const take = step('1. Take what is there');
    await take.getByLabel('OpenAI key').fill(key);
    await take.getByRole('button', { name: 'More choices' }).press('Enter');
    await take.getByLabel('Address').fill('ftp://elsewhere');
    await take.getByRole('button', { name: 'Begin' }).click();
    await take.getByText('The base URL is "ftp://elsewhere"').waitFor();
    expect(await take.getByLabel('OpenAI key').inputValue()).toBe(key);
    expect(await violationsOn(page)).toEqual([]);
  });

  test('takes what is there while one watches, stops when told, goes on, and shows what was taken', async () => {
    proxy.fault = ({ path }) => (path.includes('/content') ? { cutAfter: 20, stall: true } : null);
    const take = step('1. Take what is there');
    await take.getByLabel('Address').fill(proxy.url);
    await take.getByRole('button', { name: 'Begin' }).click();
    await take.getByText(/\b1 job\b/).waitFor();
    // Another page and back: it goes on, and is shown.
    await page.getByRole('link', { name: 'Home', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    await page.getByRole('link', { name: 'Leaving OpenAI' }).click();
    await take.getByRole('button', { name: 'Stop' }).click();
    await take.getByText('Cancelled').waitFor();
    proxy.fault = () => null;
    await take.getByLabel('OpenAI key').fill(key);
    await take.getByLabel('OpenAI key').press('Enter');
    await step('What was taken').getByText('whole as of').waitFor();
    const { job } = platform;
    await step('What was taken').getByRole('region', { name: 'Jobs' }).getByText(job.id).waitFor();
    await step('What was taken').getByText(job.fine_tuned_model).first().waitFor();
    await step('What was taken').getByRole('button', { name: 'Show every object' }).press('Enter');
    await page.getByRole('table', { name: 'Objects' }).getByText(`fine_tuning_jobs/${job.id}/job.json`).waitFor();
    expect(await violationsOn(page)).toEqual([]);
  });

  test('records what a model answers', async () => {
    const record = step('2. Record what a model answers');
    await record.getByRole('combobox', { name: 'Test' }).click();
    await page.getByRole('option', { name: /test\.jsonl/ }).click();
    await record.getByLabel('Model over there').fill(platform.job.fine_tuned_model);
    await page.keyboard.press('Escape');
    await record.getByLabel('OpenAI key').fill(key);
    await record.getByRole('button', { name: 'Record' }).click();
    await record.getByText('12 answers recorded, of 12 questions; 12 with probabilities.').waitFor();
  });

  test('makes it again here, and says in what it differs', async () => {
    const restore = step('3. Make it again here');
    await restore.getByRole('combobox', { name: 'Base model' }).click();
    await page.getByRole('option', { name: 'other', exact: true }).click();
    await restore.getByRole('button', { name: 'Make it again' }).click();
    await restore.getByText('5 made, 0 were there already').waitFor();
    await restore.getByText('base model other in place of tiny').waitFor();
    await expect
      .poll(async () => (await house.openai.fineTuning.jobs.list()).data[0]?.status, { timeout: 30_000 })
      .toBe('succeeded');
  }, 90_000);

  test('compares, and hands the report out', async () => {
    const compare = step('4. Compare');
    await compare.getByRole('combobox', { name: 'Recorded answers' }).click();
    await page.getByRole('option', { name: /12 answers/ }).click();
    await compare.getByRole('combobox', { name: 'Model here' }).click();
    await page.getByRole('option', { name: 'other', exact: true }).click();
    await compare.getByRole('button', { name: 'Compare' }).click();
    await compare.getByText(/the local model has/).waitFor();
    const coming = page.waitForEvent('download');
    await compare.getByRole('link', { name: 'Save the report' }).click();
    const download = await coming;
    expect(download.suggestedFilename()).toBe('parity.html');
    expect(await readFile(await download.path(), 'utf8')).toContain('What they differ on');
    await compare
      .getByRole('button', { name: /^Line \d+: recorded/ })
      .first()
      .press('Enter');
    await compare.getByText('Should be').first().waitFor();
    expect(await violationsOn(page)).toEqual([]);
    for (const scheme of ['light', 'dark'] as const) {
      await page.setViewportSize(sizes.phone);
      await page.emulateMedia({ colorScheme: scheme });
      await page.locator(`html[data-mantine-color-scheme=${scheme}]`).waitFor({ state: 'attached' });
      await page.waitForTimeout(400);
      const [width, shown] = (await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')) as number[];
      expect(width).toBeLessThanOrEqual(shown!);
      expect(await violationsOn(page)).toEqual([]);
    }
    await page.setViewportSize(sizes.desk);
  });

  test('the key is nowhere: not in the address, not in what the browser keeps, not on the disk', async () => {
    expect(page.url()).not.toContain('sk-');
    const kept = (await page.evaluate(
      'JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])',
    )) as string;
    expect(kept).not.toContain(key);
    expect(await page.getByLabel('OpenAI key').first().inputValue()).toBe('');
    for (const entry of await readdir(join(folder, 'home'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.name.endsWith('.gguf')) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name)).catch(() => Buffer.alloc(0));
      expect({ name: entry.name, holds: bytes.includes(key) }).toEqual({ name: entry.name, holds: false });
    }
  });

  test('deletes what was taken when asked twice, and begins anew', async () => {
    await step('What was taken').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await step('What was taken').waitFor({ state: 'detached' });
    await step('1. Take what is there').getByRole('button', { name: 'Begin' }).waitFor();
  });
});
