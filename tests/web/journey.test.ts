/**
 * From a broken file to an exported model, with the keyboard alone: nothing here moves a mouse.
 *
 * A file goes in, is looked over and mended, a model is trained on it and watched, asked in the playground, judged, and
 * exported; each step by what a person who listens to the page would find: roles and names.
 */

import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { chatLine, examples, tinyHome } from '../jobs/tiny-house.ts';
import { chromiumPath, openDashboard } from './browser.ts';

test.skipIf(chromiumPath === null)(
  'a broken file becomes a model that was watched, asked, judged and exported',
  async () => {
    await using home = await tinyHome();
    await using dashboard = await openDashboard({ home: home.home });
    const { openai } = dashboard.house;
    const page = await dashboard.visit('/');

    await press(page.getByRole('link', { name: 'Files' }));
    await heading(page, 'Files');
    const broken = [...examples(), '{"messages": [', chatLine('Who?', 'me').replace('"user"', '"human"')].join('\n');
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      press(page.getByRole('button', { name: 'Choose files' })),
    ]);
    await chooser.setFiles({ name: 'words.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(broken) });
    await press(page.getByRole('link', { name: 'words.jsonl' }).first());

    await heading(page, 'words.jsonl');
    await page.getByRole('table', { name: 'Problems by line' }).waitFor();
    await press(page.getByRole('button', { name: 'Make the mended file' }));
    const mended = page.getByRole('alert').getByRole('link', { name: /\.jsonl$/ });
    const name = (await mended.textContent())!;
    await press(mended);
    await heading(page, name);
    await page.getByText('Nothing is wrong', { exact: true }).waitFor();
    await press(page.getByRole('link', { name: 'Train on it' }));

    await heading(page, 'New job');
    await press(page.getByRole('button', { name: 'Start training' }));
    await page.waitForURL(/\/jobs\/ftjob-/);
    await page.getByText('Done', { exact: true }).first().waitFor({ timeout: 120_000 });
    const [job] = (await openai.fineTuning.jobs.list()).data;
    expect(job).toMatchObject({ status: 'succeeded' });
    const model = job!.fine_tuned_model!;
    await page.getByRole('heading', { name: 'Curves' }).waitFor();
    await press(page.getByRole('link', { name: 'Try the model' }));

    await heading(page, 'Playground');
    const question = page.getByLabel('You say');
    await question.focus();
    await page.keyboard.type('What is 3?');
    await page.getByLabel('Longest answer').focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('8');
    await question.focus();
    await page.keyboard.press('Control+Enter');
    const answer = page.getByRole('article', { name: model, exact: true });
    await answer.getByText('Done', { exact: true }).waitFor();

    await press(page.getByRole('link', { name: 'Evaluations' }));
    await heading(page, 'Evaluations');
    await press(page.getByRole('link', { name: 'Make the first one' }));
    await heading(page, 'New evaluation');
    await choose(page, page.getByRole('combobox', { name: 'Data' }), name);
    await page.getByText(/\d+ items\. Fields that graders/).waitFor();
    await press(page.getByRole('button', { name: 'Create', exact: true }));
    await page.getByText('Not run yet').waitFor();
    await choose(page, page.getByRole('combobox', { name: 'Models' }), model);
    await page.keyboard.press('Escape');
    await press(page.getByRole('button', { name: /^Run/ }));
    await page.getByText('Done', { exact: true }).first().waitFor({ timeout: 60_000 });
    const [evaluation] = (await openai.evals.list()).data;
    const [run] = (await openai.evals.runs.list(evaluation!.id)).data;
    expect(run).toMatchObject({ status: 'completed', result_counts: { total: 13, errored: 0 } });

    await press(page.getByRole('link', { name: 'Models' }));
    await heading(page, 'Models');
    await press(page.getByTitle(model));
    await heading(page, model);
    await page.getByRole('radio', { name: /llama\.cpp/ }).focus();
    await press(page.getByRole('button', { name: 'Export', exact: true }));
    const weights = page.getByRole('link', { name: 'model.gguf' });
    await weights.waitFor({ timeout: 120_000 });
    const [download] = await Promise.all([page.waitForEvent('download'), press(weights)]);
    expect(download.suggestedFilename()).toBe('model.gguf');
  },
  300_000,
);

/** Pressed as the keyboard does: the focus goes there, then Enter. What cannot be pressed yet is waited for. */
async function press(what: Locator): Promise<void> {
  await expect.poll(() => what.isEnabled(), { timeout: 20_000 }).toBe(true);
  await what.focus();
  await what.press('Enter');
}

/** From a list that opens below a field: a few letters, down, Enter. */
async function choose(page: Page, field: Locator, words: string): Promise<void> {
  await field.focus();
  await page.keyboard.type(words);
  await page.getByRole('option', { name: words }).first().waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
}

const heading = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
