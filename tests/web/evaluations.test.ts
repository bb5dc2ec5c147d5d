/** Evaluations in a browser: made from a file, run, read item by item; comparisons, sweeps and learning curves. */

import { toFile } from 'openai';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { tinyHome } from '../jobs/tiny-house.ts';
import { jsonl, mails } from '../sweep/data.ts';
import { startTask, waitForTask } from '../tasks/server.ts';
import { violationsOn } from './axe.ts';
import { chromiumPath, openDashboard, sizes, type View } from './browser.ts';

const views: readonly Required<View>[] = [
  { size: 'desk', scheme: 'light' },
  { size: 'phone', scheme: 'dark' },
];

/** On a desk in the light and on a phone in the dark: axe finds nothing, and nothing is wider than the screen. */
async function assertFit(page: Page): Promise<void> {
  for (const { size, scheme } of views) {
    await page.setViewportSize(sizes[size]);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.waitForTimeout(400); // colours and charts follow
    expect(await violationsOn(page), `${page.url()} on a ${size}`).toEqual([]);
    const [width, shown] = (await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')) as number[];
    expect(width, `${page.url()} on a ${size}`).toBeLessThanOrEqual(shown!);
  }
  await page.setViewportSize(sizes.desk);
  await page.waitForTimeout(200);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
}

/** One answer of a run, as a file holds it, with how probable it was. */
const answered = (mail: string, label: string, said: string, share: number) => ({
  item: { mail, label },
  sample: {
    choices: [
      {
        message: { role: 'assistant', content: said },
        logprobs: {
          content: [
            {
              token: said,
              logprob: Math.log(share),
              top_logprobs: [{ token: said === 'spam' ? 'ham' : 'spam', logprob: Math.log(1 - share) }],
            },
          ],
        },
      },
    ],
  },
});

describe.skipIf(chromiumPath === null)('evaluations', () => {
  let folder: Awaited<ReturnType<typeof tinyHome>>;
  let house: TestHouse;
  let train = '';
  let held = '';
  const send = async (name: string, text: string, purpose: 'fine-tune' | 'evals' = 'fine-tune'): Promise<string> =>
    (await house.openai.files.create({ file: await toFile(Buffer.from(text), name), purpose })).id;
  beforeAll(async () => {
    folder = await tinyHome();
    house = await openTestHouse({ home: folder.home });
    train = await send('train.jsonl', jsonl(mails(60)));
    held = await send('test.jsonl', jsonl(mails(12, 99)));
  });
  afterAll(async () => {
    await house?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  test('are made from a file of chats with a grader that fits, run on a model, and read', async () => {
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit('/evaluations');
    await page.getByText('No evaluation yet').waitFor();
    await page.getByRole('link', { name: 'Make the first one' }).press('Enter');
    await page.getByRole('heading', { name: 'New evaluation' }).waitFor();
    await page.getByRole('combobox', { name: 'Data' }).click();
    await page.getByRole('option', { name: /^test\.jsonl/ }).click();
    await page.getByText('12 items. Fields that graders and prompts can name:').waitFor();
    await page.getByRole('button', { name: 'Add a grader: Similar text' }).click();
    await page.getByRole('region', { name: 'Grader similar text' }).waitFor();
    await assertFit(page);
    await page.getByRole('button', { name: 'Remove the grader similar text' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).last().fill('Spam or ham');
    await page.getByRole('button', { name: 'Create', exact: true }).click();

    await page.getByRole('heading', { name: 'Spam or ham', level: 1 }).waitFor();
    await page.getByText('Not run yet').waitFor();
    await page.getByRole('combobox', { name: 'Models' }).click();
    await page.getByRole('option', { name: 'tiny' }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('spinbutton', { name: /Tokens of an answer/ }).or(page.getByLabel('Tokens of an answer, at most')).first().fill('4'); // prettier-ignore
    await page.getByRole('button', { name: 'Run', exact: true }).click();

    await page.getByRole('heading', { name: 'tiny', level: 1 }).waitFor();
    await page.getByText('Done', { exact: true }).waitFor();
    await page.getByRole('list', { name: 'Items' }).getByRole('listitem').first().waitFor();
    expect(await page.getByRole('list', { name: 'Items' }).getByRole('listitem').count()).toBe(12);
    const [made] = (await house.openai.evals.list({ order: 'desc' })).data;
    expect(made).toMatchObject({ name: 'Spam or ham' });
    expect(made!.testing_criteria).toHaveLength(1);
    const [run] = (await house.openai.evals.runs.list(made!.id)).data;
    expect(run).toMatchObject({ status: 'completed', model: 'tiny', result_counts: { total: 12 } });
  });

  test('show which label was taken for which, how reliable probabilities are, and the worst items first', async () => {
    const content = [
      ...mails(20).map(({ text, label }, i) => answered(text, label, label, 0.6 + (i % 4) / 10)),
      answered('a surprise', 'ham', 'spam', 0.97),
      answered('<b>odd</b>', 'ham', 'spam', 0.55),
    ];
    const made = await house.openai.evals.create({
      name: 'Mails of <i>May</i>',
      data_source_config: { type: 'custom', item_schema: { type: 'object' }, include_sample_schema: true },
      testing_criteria: [
        { type: 'string_check', name: 'label', operation: 'eq', input: '{{sample.output_text}}', reference: '{{item.label}}' }, // prettier-ignore
      ],
    });
    const data = await send('may.jsonl', content.map((line) => JSON.stringify(line)).join('\n'), 'evals');
    const source = { type: 'jsonl', source: { type: 'file_id', id: data } } as const;
    const { id } = await house.openai.evals.runs.create(made.id, { name: 'of May', data_source: source });
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit(`/evaluations/${made.id}/runs/${id}`);
    const matrix = page.getByRole('group', { name: 'Confusion matrix' });
    await matrix.waitFor();
    await page.getByRole('img', { name: /^Reliability of the model's probabilities\. mean confidence/ }).waitFor();
    const items = page.getByRole('list', { name: 'Items' }).getByRole('listitem');
    await expect.poll(() => items.first().textContent()).toContain('a surprise');
    expect(await items.nth(1).textContent()).toContain('<b>odd</b>');
    await assertFit(page);

    await page.getByRole('radiogroup', { name: 'Which items' }).getByText('Failed').click();
    await expect.poll(() => items.count()).toBe(2);
    await page.getByRole('textbox', { name: 'Search in questions and answers' }).fill('ODD');
    await expect.poll(() => items.count()).toBe(1);
    await items.first().getByRole('button').press('Enter');
    await items.first().getByText('label: 0').waitFor();

    await matrix.getByRole('button', { name: '2 items: ham answered as spam. Show them' }).press('Enter');
    const dialog = page.getByRole('dialog', { name: 'ham answered as spam' });
    await dialog.getByText('a surprise').waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });

    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: "Download: Reliability of the model's probabilities" }).click().then(() => page.getByRole('menuitem', { name: 'Picture (PNG)' }).click()), // prettier-ignore
    ]);
    expect(file.suggestedFilename()).toBe('reliability-of-the-model-s-probabilities.png');
    await page.goto(`${dashboard.origin}/evaluations/${made.id}`);
    await page.getByRole('link', { name: 'of May' }).waitFor();
    await page
      .getByText(/90\.9 %/)
      .first()
      .waitFor();
    await assertFit(page);
  });

  test('of several models are compared on one test, with intervals and a sentence', async () => {
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit('/evaluations/compare');
    await page.getByRole('combobox', { name: 'Models' }).click();
    await page.getByRole('option', { name: 'tiny', exact: true }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('combobox', { name: 'Test' }).click();
    await page.getByRole('option', { name: /^test\.jsonl/ }).click();
    await page.getByRole('combobox', { name: 'Training file (optional)' }).click();
    await page.getByRole('option', { name: /^train\.jsonl/ }).click();
    await assertFit(page);
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await page.getByRole('heading', { name: 'tiny on test.jsonl' }).waitFor();
    await page.getByText(/^Use /).waitFor({ timeout: 60_000 });
    await page.getByRole('img', { name: /^F1, macro of each contender/ }).waitFor();
    await page.getByRole('button', { name: 'tiny, zero-shot' }).press('Enter');
    await page.getByRole('region', { name: 'tiny, zero-shot' }).getByText('Worst mistakes').waitFor();
    await assertFit(page);
    const [report] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download the report' }).click(),
    ]);
    expect(report.suggestedFilename()).toBe('report.html');
  }, 90_000);

  test('sweeps are started and watched, and end with the best trial', async () => {
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit('/evaluations/sweeps');
    await page.getByRole('combobox', { name: 'Base models' }).click();
    await page.getByRole('option', { name: 'tiny', exact: true }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('combobox', { name: 'Training file' }).click();
    await page.getByRole('option', { name: /^train\.jsonl/ }).click();
    await page.getByText(/^3 trials/).waitFor();
    await assertFit(page);
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('heading', { name: 'Sweep', level: 1 }).waitFor();
    // While it runs, what is measured so far is there.
    await page.getByRole('heading', { name: 'Trial by trial' }).waitFor();
    await page.getByText(/t\d is best/).waitFor({ timeout: 90_000 });
    await page.getByRole('img', { name: /^Trials by their settings and figures/ }).waitFor();
    await assertFit(page);
    await page.getByRole('link', { name: 'Sweeps and learning curves' }).click();
    await page.getByRole('link', { name: /^Sweep of learning rate for tiny on train\.jsonl/ }).waitFor();
  }, 150_000);

  test('a learning curve is drawn point by point, by its examples', async () => {
    const asked = { type: 'learning_curve', training_file: train, validation_file: held, model: 'tiny' };
    const settings = { n_epochs: 1, max_length: 128 };
    const { id } = await startTask(house.openai, { ...asked, hyperparameters: settings, shares: [0.5, 1] });
    await waitForTask(house.openai, id);
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit(`/evaluations/sweeps/${id}`);
    await page.getByRole('img', { name: /by training examples\. examples 30/ }).waitFor();
    await page.getByRole('heading', { name: 'Trainings' }).waitFor();
    await assertFit(page);
  }, 90_000);

  test('what was stopped goes on from where it was', async () => {
    const asked = { type: 'sweep', training_file: train, models: ['tiny'], smallest: 10, finalists: 1 };
    const hyperparameters = { n_epochs: [1], max_length: [128], learning_rate: [1e-4, 1e-3] };
    const { id } = await startTask(house.openai, { ...asked, hyperparameters });
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit(`/evaluations/sweeps/${id}`);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Go on from here' }).click({ timeout: 20_000 });
    await expect.poll(() => new URL(page.url()).pathname).not.toContain(id);
    await page.getByText(/t\d is best/).waitFor({ timeout: 60_000 });
  }, 120_000);

  test('what cannot be read is told with its line', async () => {
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit('/evaluations/new');
    await send('bad.jsonl', '{"question": "a", "answer": "b"}\nnonsense', 'evals');
    await page.reload();
    await page.getByRole('combobox', { name: 'Data' }).click();
    await page.getByRole('option', { name: /^bad\.jsonl/ }).click();
    await page.getByText(/Line 2 is not JSON/).waitFor();
    expect(await page.getByRole('button', { name: 'Create', exact: true }).isDisabled()).toBe(true);
  });
});
