/** From a file to a trained model in the browser, and all that a job's page lets one do. */

import { readFile } from 'node:fs/promises';
import type { Download, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examples, tinyHome, upload, waitFor } from '../jobs/tiny-house.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { chromiumPath, type Dashboard, openDashboard } from './browser.ts';

/** Machines are busy. */
const soon = { timeout: 20_000 };

describe.skipIf(chromiumPath === null)('jobs', { timeout: 180_000 }, () => {
  let home: Awaited<ReturnType<typeof tinyHome>>;
  let house: TestHouse;
  let dashboard: Dashboard;
  beforeAll(async () => {
    home = await tinyHome();
    house = await openTestHouse({ home: home.home });
    dashboard = await openDashboard(house);
  });
  afterAll(async () => {
    await dashboard?.[Symbol.asyncDispose]();
    await house?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  const choose = async (page: Page, label: string, option: RegExp | string): Promise<void> => {
    await page.getByLabel(label, { exact: true }).first().click();
    await page.getByRole('option', { name: option }).first().click();
  };
  const saved = async (page: Page, chart: string, what: string): Promise<Download> => {
    await page.getByRole('button', { name: `Download: ${chart}` }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: what }).click(),
    ]);
    return download;
  };

  test('a file is chosen, what it takes is told, and training is watched to its end', async () => {
    const { openai } = house;
    const training = await upload(openai, [...examples(), ...examples('Who')]);
    const page = await dashboard.visit('/jobs');
    await page.getByText('No job yet').waitFor();
    await page.getByRole('main').getByRole('link', { name: 'New job' }).first().click();
    await page.getByText('Nothing starts before you say so').waitFor();
    await choose(page, 'Training file *', /examples\.jsonl/);
    const takes = page.getByRole('region', { name: 'What it takes' });
    await expect.poll(() => takes.textContent(), soon).toMatch(/Examples24.*Steps96/);
    await page.getByText('tiny suits these examples').waitFor();
    expect(await page.getByRole('textbox', { name: 'Epochs' }).getAttribute('placeholder')).toBe('auto: 4');
    await page.getByRole('textbox', { name: 'Epochs' }).fill('3');
    await page.getByRole('textbox', { name: 'Name' }).fill('a walk');
    const code = page.getByRole('region', { name: 'This job as code' });
    await expect.poll(() => code.textContent(), soon).toMatch(/"n_epochs": 3/);
    expect(await code.textContent()).toContain(training);
    await page.getByText('Python', { exact: true }).click();
    expect(await code.textContent()).toContain('suffix="a-walk"');
    await expect.poll(() => takes.textContent(), soon).toMatch(/Steps72/);

    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByRole('heading', { name: 'a-walk' }).waitFor();
    await page.getByText('Step 72 of 72').waitFor({ timeout: 60_000 });
    await page.getByRole('main').getByText('Done', { exact: true }).waitFor({ timeout: 60_000 });
    await page.getByRole('log').getByText('The job has successfully completed').waitFor();
    const [job] = (await openai.fineTuning.jobs.list()).data;
    expect(job!.hyperparameters.n_epochs).toBe(3);
    expect(await page.getByRole('main').textContent()).toContain(job!.fine_tuned_model);

    const checkpoints = page.getByRole('region', { name: 'Checkpoints' });
    await checkpoints.getByRole('row', { name: /72/ }).getByRole('link', { name: 'Continue from here' }).click();
    await page.getByRole('heading', { name: 'New job' }).waitFor();
    await expect.poll(() => page.getByLabel('Model to train').first().inputValue(), soon).toBe(job!.fine_tuned_model);
    await page.close();
  });

  test('what the server refuses stands at the field that is to blame, and cannot be started', async () => {
    const training = await upload(house.openai, examples());
    const page = await dashboard.visit(`/jobs/new?training_file=${training}`);
    await page.getByRole('button', { name: 'Against learning by heart' }).click();
    await page.getByRole('switch', { name: 'Stop early' }).click();
    await page
      .getByText(/needs something to validate by/)
      .first()
      .waitFor();
    expect(await page.getByRole('button', { name: 'Start training' }).isDisabled()).toBe(true);
    await page.getByRole('textbox', { name: 'Set apart to validate' }).fill('0.2');
    await expect.poll(() => page.getByRole('button', { name: 'Start training' }).isEnabled(), soon).toBe(true);
    await page.close();
  });

  test('a broken file is told before the job is made, with the way to mend it', async () => {
    const broken = await upload(house.openai, [...examples(), '{"messages": [']);
    const page = await dashboard.visit(`/jobs/new?training_file=${broken}`);
    await page.getByText('The job would fail', { exact: true }).waitFor();
    await page
      .getByText(/line 13/)
      .first()
      .waitFor();
    expect(await page.getByRole('button', { name: 'Start training' }).isDisabled()).toBe(true);
    await page.getByRole('link', { name: 'Look at the file and mend it' }).click();
    await expect.poll(() => new URL(page.url()).pathname, soon).toBe(`/files/${broken}`);
    await page.close();
  });

  test('curves are compared, marked, spoken, and saved as a picture and a table', async () => {
    const { openai } = house;
    const make = async (suffix: string, hyperparameters: object): Promise<string> => {
      const training_file = await upload(openai, examples());
      const validation_file = await upload(openai, examples('Why'));
      const method = { type: 'supervised', supervised: { hyperparameters } } as const;
      const { id } = await openai.fineTuning.jobs.create({
        model: 'tiny',
        training_file,
        validation_file,
        suffix,
        method,
      });
      await waitFor(openai, id);
      return id;
    };
    // Nothing is so much better, so it stops as soon as patience ends.
    const early = { patience: 4, interval: 2, min_delta: 100 };
    const first = await make('first', { n_epochs: 12, batch_size: 2, learning_rate: 0.5, early_stopping: early });
    await make('second', { n_epochs: 2, batch_size: 2 });

    const page = await dashboard.visit(`/jobs/${first}`);
    const loss = page.getByRole('slider', { name: 'Loss of first' });
    await loss.waitFor();
    const summary = page.locator('figcaption').first();
    await expect
      .poll(() => summary.textContent(), soon)
      .toMatch(/Best checkpoint at Step \d+; Stopped early at Step \d+/);
    await loss.focus();
    await page.keyboard.press('Home');
    await expect.poll(() => loss.getAttribute('aria-valuetext'), soon).toMatch(/^Step 1: Training \d/);
    await page.keyboard.press('ArrowRight');
    await expect
      .poll(() => loss.getAttribute('aria-valuetext'), soon)
      .toMatch(/^Step 2: .*Validation, all examples \d/);

    await choose(page, 'Compare with other jobs', /second/);
    await page.keyboard.press('Escape');
    await page
      .getByRole('button', { name: /^second: Training \d*/ })
      .first()
      .waitFor();
    await page.getByRole('switch', { name: 'Logarithmic' }).click();

    const steps = (await openai.get<{ data: number[][] }>(`/fine_tuning/jobs/${first}/metrics`)).data;
    const table = await readFile(await (await saved(page, 'Loss of first', 'Table (CSV)')).path(), 'utf8');
    const rows = table.trim().split('\r\n');
    expect(rows[0]).toBe('Step,first: Training,"first: Validation, a few examples","first: Validation, all examples",second: Training,"second: Validation, a few examples","second: Validation, all examples"'); // prettier-ignore
    expect(rows.slice(1).map((row) => Number(row.split(',')[0]))).toEqual(
      Array.from({ length: Math.max(steps.length, 12) }, (_, i) => i + 1),
    );
    expect(Number(rows[1]!.split(',')[1])).toBeCloseTo(steps[0]![2]!, 5);
    const picture = await readFile(await (await saved(page, 'Loss of first', 'Picture (PNG)')).path());
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    expect(picture.length).toBeGreaterThan(5000);
    await page.close();
  });

  test('a job is paused, resumed, cancelled, and trained again with changes', async () => {
    const { openai } = house;
    const training_file = await upload(openai, examples());
    const hyperparameters = { n_epochs: 50, batch_size: 1 };
    const { id } = await openai.fineTuning.jobs.create({
      model: 'tiny',
      training_file,
      hyperparameters,
      suffix: 'long',
    });
    const page = await dashboard.visit(`/jobs/${id}`);
    const main = page.getByRole('main');
    await main.getByRole('button', { name: 'Pause' }).click({ timeout: 60_000 });
    await main.getByText('Paused', { exact: true }).waitFor();
    await main.getByRole('button', { name: 'Resume' }).click();
    await main.getByText(/^(Waiting|Running)$/).waitFor();
    await main.getByRole('button', { name: 'Cancel' }).click();
    const dialog = page.getByRole('dialog', { name: 'Cancel this job?' });
    await dialog.getByRole('button', { name: 'Cancel the job' }).click();
    await main.getByText('Cancelled', { exact: true }).waitFor();
    expect((await openai.fineTuning.jobs.retrieve(id)).status).toBe('cancelled');
    await main.getByRole('link', { name: 'Train again with changes' }).click();
    await page.getByRole('heading', { name: 'Train again: long' }).waitFor();
    expect(await page.getByRole('textbox', { name: 'Epochs' }).inputValue()).toBe('50');
    expect(await page.getByRole('textbox', { name: 'Name' }).inputValue()).toBe('long');
    await page.close();
  });

  test('the list finds jobs by name, state and model', async () => {
    const { openai } = house;
    const training_file = await upload(openai, examples());
    const make = async (suffix: string): Promise<string> =>
      (await openai.fineTuning.jobs.create({ model: 'tiny', training_file, suffix, hyperparameters: { n_epochs: 1 } }))
        .id;
    await openai.fineTuning.jobs.cancel(await make('dropped'));
    await waitFor(openai, await make('kept'));
    const page = await dashboard.visit('/jobs');
    const list = page.getByRole('table', { name: 'Jobs' });
    await list.getByRole('link', { name: 'dropped' }).waitFor();
    await page.getByRole('textbox', { name: 'Find' }).fill('dropped');
    await expect.poll(() => list.getByRole('row').count(), soon).toBe(2);
    await page.getByRole('textbox', { name: 'Find' }).fill('');
    await choose(page, 'State', 'Done');
    await expect.poll(() => list.getByRole('link', { name: 'dropped' }).count(), soon).toBe(0);
    await list.getByRole('link', { name: 'kept' }).waitFor();
    await page.getByRole('textbox', { name: 'Find' }).fill('nothing like it');
    await page.getByText('No job is like that').waitFor();
    await page.close();
  });
});
