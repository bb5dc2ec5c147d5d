/** The pages of models: what training made and from what, exports, bases fetched with progress and removed. */

import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FineTunedModelObject } from '../../src/domain/lineage.ts';
import { type MockHub, openMockHub } from '../models/mock-hub.ts';
import { tinyHome } from '../jobs/tiny-house.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { chromiumPath, type Dashboard, openDashboard } from './browser.ts';
import { hostile, type LivedIn, openLivedIn } from './lived-in.ts';

describe.skipIf(chromiumPath === null)('models in the browser', () => {
  let hub: MockHub;
  let lived: LivedIn;
  let dashboard: Dashboard;
  beforeAll(async () => {
    const path = join(tmpdir(), `models-${process.pid}.gguf`);
    await writeTinyLlama(path, { layers: 4, width: 64, feedForward: 192 });
    const model = await readFile(path);
    await rm(path);
    const files = { 'acme/models/resolve/main/other.gguf': model };
    hub = await openMockHub(files, { slowBytes: Math.ceil(model.length / 150) });
    process.env['HF_ENDPOINT'] = hub.endpoint; // where this house looks for the hub
    lived = await openLivedIn();
    delete process.env['HF_ENDPOINT'];
    dashboard = await openDashboard(lived.house);
  }, 180_000);
  afterAll(async () => {
    await dashboard?.[Symbol.asyncDispose]();
    await lived?.[Symbol.asyncDispose]();
    await hub?.[Symbol.asyncDispose]();
  });

  test('a fine-tuned model leads to its data, its job, its base and the run that asked it', async () => {
    const page = await dashboard.visit('/models');
    const [, , , , letters] = lived.ids.model.split(':');
    await page.getByRole('link', { name: `words, ${letters}` }).click();
    await page.getByRole('heading', { level: 1, name: lived.ids.model }).waitFor();
    const lineage = page.getByRole('list', { name: 'Lineage' });
    expect(await lineage.getByRole('link', { name: 'train.jsonl' }).getAttribute('href')).toBe(
      `/files/${lived.ids.file}`,
    );
    expect(await lineage.getByRole('link', { name: lived.ids.job }).getAttribute('href')).toBe(
      `/jobs/${lived.ids.job}`,
    );
    expect(await lineage.getByRole('link', { name: 'tiny' }).getAttribute('href')).toBe('/models/tiny');
    const run = lineage.getByRole('link', { name: `Fine-tuned ${hostile}` });
    expect(await run.getAttribute('href')).toBe(`/evaluations/${lived.ids.eval}/runs/${lived.ids.run}`);
    await lineage.getByText(/\d of 6 passed/).waitFor();
    await lineage.getByRole('link', { name: 'Step 12' }).click();
    await page.getByText('A checkpoint: the model as it was earlier in its training.').waitFor();
    await page.close();
  });

  test('figures have their ranges, and the less asked for ones come when they are wanted', async () => {
    const page = await dashboard.visit(lived.addresses['model']!);
    const figures = page.getByRole('table', { name: 'Figures' });
    await figures.getByRole('row', { name: /ROUGE-L/ }).waitFor();
    expect(await figures.getByRole('row').count()).toBe(4);
    await page.getByRole('button', { name: /^All \d+ figures$/ }).click();
    await figures.getByRole('row', { name: /Validation loss/ }).waitFor();
    await page.close();
  });

  test('an export is asked for, watched, and its file saved as it is', { timeout: 180_000 }, async () => {
    const page = await dashboard.visit(`${lived.addresses['model']}#export`);
    await page.getByRole('radio', { name: 'Hugging Face PEFT' }).check();
    expect(await page.getByRole('radiogroup', { name: 'Precision' }).count()).toBe(0);
    await page.getByRole('radio', { name: 'llama.cpp and LM Studio' }).check();
    await page.getByText('Full', { exact: true }).click();
    await page.getByRole('button', { name: 'Export' }).click();
    const made = page.getByRole('region', { name: 'llama.cpp and LM Studio, full precision' });
    const link = made.getByRole('link', { name: 'model.gguf' });
    await link.waitFor({ timeout: 150_000 });
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
    expect(download.suggestedFilename()).toBe('model.gguf');
    const bytes = await readFile(await download.path());
    const sums = await (await fetch(new URL(await sumsOf(made), dashboard.origin))).text();
    expect(sums).toContain(`${createHash('sha256').update(bytes).digest('hex')}  model.gguf`);
    const all = made.getByRole('link', { name: 'Download all' });
    const [archive] = await Promise.all([page.waitForEvent('download'), all.click()]);
    expect(archive.suggestedFilename()).toMatch(/^words-\w{8}-gguf\.tar$/);
    await made.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await made.waitFor({ state: 'detached' });
    await page.close();
  });

  test('a base is fetched with its progress, stopped, gone on with, and is then here', async () => {
    const page = await dashboard.visit('/models');
    await page.getByLabel('Another model').fill('acme/models/other.gguf');
    await page.keyboard.press('Enter');
    const coming = page.getByRole('region', { name: 'Base models to fetch' });
    await coming.getByRole('progressbar').waitFor();
    await coming.getByText(/kB of .+ kB/).waitFor();
    await page.reload(); // what the server does is not the page's
    await coming.getByRole('button', { name: 'Stop' }).click();
    await coming.getByText('Cancelled').waitFor();
    const before = hub.requests.length;
    await coming.getByRole('button', { name: /^Go on fetching/ }).click();
    const here = page.getByRole('list', { name: 'Base models on this machine' });
    await here.getByText('other', { exact: true }).waitFor();
    expect(hub.requests.slice(before).some(({ range }) => range !== null)).toBe(true);
    await page.close();
  });

  test('a base is removed after the question, which says what else will not work', async () => {
    const page = await dashboard.visit('/models');
    const here = page.getByRole('list', { name: 'Base models on this machine' });
    const row = here.getByRole('listitem').filter({ has: page.getByText('other', { exact: true }) });
    await row.getByRole('button', { name: /^Remove/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/This frees/).waitFor();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await row.waitFor({ state: 'detached' });
    const tiny = here.getByRole('listitem').filter({ has: page.getByText('tiny', { exact: true }) });
    await tiny.getByRole('button', { name: /^Remove/ }).click();
    await dialog.getByText(/1 fine-tuned model will not answer without it/).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.close();
  });

  test('a file that somebody has brought is taken, and refused where it is not the model', async () => {
    const page = await dashboard.visit('/models/smollm2-360m-instruct');
    const path = page.getByLabel('From a file that is here already');
    await path.fill('/nowhere/model.gguf');
    await page.keyboard.press('Enter');
    await page.getByText(/\/nowhere\/model.gguf cannot be opened/).waitFor();
    await path.fill(join(lived.house.home, 'tiny.gguf'));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByText('A base model: it answers as it is, and training starts from it.').waitFor();
    await page.close();
  });

  test('what cannot be fetched is said at the field', async () => {
    const page = await dashboard.visit('/models');
    await page.getByLabel('Another model').fill(hostile);
    await page.keyboard.press('Enter');
    await page.getByText(/is not a model we know/).waitFor();
    expect(await page.title()).toBe('Models · Tunesmith');
    await page.close();
  });

  test('a model that is not here is said to be missing', async () => {
    const page = await dashboard.visit('/models/ft%3Anobody');
    await page.getByText('It was deleted, or it belongs to another project.').waitFor();
    const base = await dashboard.visit('/models/nobody');
    await base.getByText('It was removed, or has another name.').waitFor();
  });

  test('a fine-tuned model is deleted after the question, and leaves the list', async () => {
    const list: { data: FineTunedModelObject[] } = await lived.house.openai.get('/fine_tuned_models', {
      query: { checkpoints: 'true' },
    });
    const checkpoint = list.data.find((model) => model.is_checkpoint)!.id;
    const page = await dashboard.visit(`/models/${encodeURIComponent(checkpoint)}`);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor();
    await expect(lived.house.openai.models.retrieve(checkpoint)).rejects.toMatchObject({ status: 404 });
    await page.close();
  });
});

test.skipIf(chromiumPath === null)(
  'whoever has a project’s key sees the bases, and is told who may fetch and remove them',
  { timeout: 120_000 },
  async () => {
    await using folder = await tinyHome();
    await using dashboard = await openDashboard({ home: folder.home, apiKeys: ['sk-of-the-operator'] });
    const limits = { requestsPerMinute: null, tokensPerMinute: null };
    const key = await dashboard.house.house.keyring.create({ project: 'team', name: 'team', ...limits });
    const page = await dashboard.visit('/models');
    await page.getByLabel('Key', { exact: true }).fill(key.value);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText(/^Base models are shared by all projects/).waitFor();
    await page.getByRole('link', { name: 'Try Tiny' }).waitFor();
    expect(await page.getByRole('button', { name: /^(Fetch|Remove)/ }).count()).toBe(0);
    expect(await page.getByLabel('Another model').count()).toBe(0);
  },
);

const sumsOf = async (made: Locator): Promise<string> =>
  (await made.getByRole('link', { name: 'SHA256SUMS' }).getAttribute('href'))!;
