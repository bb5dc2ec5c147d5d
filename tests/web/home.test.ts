/** Home: the quickstart as three clicks, what is being done, and how the machine is. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tinyHome } from '../jobs/tiny-house.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { violationsOn } from './axe.ts';
import { chromiumPath, openDashboard } from './browser.ts';

describe.skipIf(chromiumPath === null)('home', () => {
  let folder: Awaited<ReturnType<typeof tinyHome>>;
  let house: TestHouse;
  beforeAll(async () => {
    folder = await tinyHome();
    house = await openTestHouse({ home: folder.home });
  });
  afterAll(async () => {
    await house?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  test('begins with the quickstart as clicks, which ends with a model to try', { timeout: 120_000 }, async () => {
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit('/');
    const steps = page.getByRole('region', { name: 'Begin here' });
    await steps.getByText('is on this machine').waitFor();
    await page.getByText('Nothing is running').waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await steps.getByRole('button', { name: 'Add sample mails' }).click();
    await steps.getByRole('link', { name: 'spam-train.jsonl' }).waitFor();
    await steps.getByRole('button', { name: 'Start training' }).click();
    const running = page.getByRole('list', { name: 'What is running' });
    await running.getByRole('link', { name: 'spam-filter' }).waitFor();
    await running.getByRole('progressbar').waitFor();
    await running.getByText(/Step \d+ of 150 · loss \d/).waitFor();
    expect(await violationsOn(page)).toEqual([]);
    const [job] = (await house.openai.fineTuning.jobs.list()).data;
    expect(job).toMatchObject({ model: 'tiny', user_provided_suffix: 'spam-filter' });
    await page.reload();
    await steps.getByRole('link', { name: 'Watch it learn' }).waitFor();
    await house.openai.fineTuning.jobs.cancel(job!.id);
    await page.getByRole('list', { name: 'What is finished' }).getByText('Cancelled').waitFor();
    await steps.getByRole('button', { name: 'Start training' }).waitFor();

    await pretendSucceeded(house, job!.id);
    await steps.getByRole('link', { name: 'See how it went' }).waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await steps.getByRole('link', { name: 'Open the playground' }).click();
    await page.getByRole('heading', { name: 'Playground', exact: true }).waitFor();
    expect(new URL(page.url()).searchParams.get('model')).toBe('ft:tiny:personal:spam-filter:12345678');
    await page.goBack();
    await steps.getByRole('button', { name: 'Hide' }).click();
    await steps.waitFor({ state: 'detached' });
    await page.reload();
    await page.getByRole('list', { name: 'What is finished' }).waitFor();
    expect(await steps.isVisible(), 'hidden stays hidden').toBe(false);
  });

  test('tells how busy and how full the machine is, and that nothing leaves it', async () => {
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit('/', { size: 'phone', scheme: 'dark' });
    const machine = page.getByRole('region', { name: 'This machine' });
    await machine.getByRole('progressbar', { name: /^Processor: [\d.]+ of \d+ cores? busy$/ }).waitFor();
    await machine.getByRole('progressbar', { name: /^Memory: .+ in use$/ }).waitFor();
    await machine.getByRole('progressbar', { name: /^Disk: .+ free$/ }).waitFor();
    await machine.getByText('Nothing leaves this machine.').waitFor();
    await machine.getByText(/^Tunesmith keeps [\d.]+ [kMG]B$/).waitFor();
    expect(await violationsOn(page)).toEqual([]);
  });
});

/** Training it to its end would take a test of this page too long. */
async function pretendSucceeded({ house }: TestHouse, id: string): Promise<void> {
  const jobs = house.database.selectFrom('jobs').select('object').where('id', '=', id);
  const job = JSON.parse((await jobs.executeTakeFirstOrThrow()).object) as object;
  const ended = { ...job, status: 'succeeded', fine_tuned_model: 'ft:tiny:personal:spam-filter:12345678' };
  const row = { status: 'succeeded', object: JSON.stringify(ended) };
  await house.database.updateTable('jobs').set(row).where('id', '=', id).execute();
}
