/**
 * A job is watched while its server dies and comes back, while the network is away as for a laptop that sleeps, and
 * with a hundred thousand steps: every step is drawn once, and looking closer stays smooth.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import OpenAI from 'openai';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { figuresOf } from '../../src/jobs/step-figures.ts';
import { programArguments } from '../../src/programs.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { examples, tinyHome, upload, upTo, waitFor } from '../jobs/tiny-house.ts';
import { chromiumPath, openDashboard } from './browser.ts';

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly openai: OpenAI;
  kill(): Promise<void>;
}

/** `tunesmith serve` as a user starts it. */
async function serve(home: string, port = '0'): Promise<Server> {
  const child: ChildProcess = spawn(
    process.execPath,
    [...programArguments('main'), 'serve', '--port', port, '--home', home],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TUNESMITH_LOG: 'warn' } },
  );
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  for await (const line of createInterface({ input: child.stderr! })) {
    const url = /https?:\/\/\S+\/v1/.exec(line)?.[0];
    if (url === undefined) continue;
    child.stderr!.resume();
    const openai = new OpenAI({ baseURL: url, apiKey: 'any', maxRetries: 0 });
    return { url, openai, kill, [Symbol.asyncDispose]: kill };
  }
  throw new Error('The server did not start.');
}

/** The steps that the picture of the loss has, from the table that it is saved as. */
async function stepsDrawn(page: Page): Promise<number[]> {
  await page.getByRole('button', { name: /^Download: Loss/ }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: 'Table (CSV)' }).click(),
  ]);
  const rows = (await readFile(await download.path(), 'utf8')).trim().split('\r\n').slice(1);
  return rows.map((row) => Number(row.split(',')[0]));
}

describe.skipIf(chromiumPath === null)('a job that is watched', () => {
  test('goes on being watched when its server is killed in the middle and started again', async () => {
    await using home = await tinyHome();
    let server = await serve(home.home);
    try {
      const { port } = new URL(server.url);
      await using dashboard = await openDashboard({ url: server.url, openai: server.openai } as TestHouse);
      dashboard.expect(/./); // requests fail while nobody answers
      const page = await dashboard.visit('/jobs');
      const training_file = await upload(server.openai, examples());
      const hyperparameters = { n_epochs: 50, batch_size: 1 };
      const { id } = await server.openai.fineTuning.jobs.create({ model: 'tiny', training_file, hyperparameters });
      await page.getByRole('link', { name: id }).click();
      await page.getByText(/^Step \d\d+ of 600/).waitFor({ timeout: 60_000 });
      await server.kill();
      await page
        .getByText(/does not answer|not be reached|reconnect/i)
        .first()
        .waitFor();
      expect((await stepsDrawn(page)).length).toBeGreaterThan(0); // what was seen stays
      server = await serve(home.home, port);
      await page.getByText('Step 600 of 600').waitFor({ timeout: 180_000 });
      await page.getByRole('main').getByText('Done', { exact: true }).waitFor({ timeout: 60_000 });
      expect(await stepsDrawn(page)).toEqual(upTo(600));
      expect(await page.getByText('does not answer').count()).toBe(0);
    } finally {
      await server.kill();
    }
  }, 300_000);

  test('is caught up with after sleep, without a reload', async () => {
    await using home = await tinyHome();
    await using house = await openTestHouse({ home: home.home });
    await using dashboard = await openDashboard(house);
    dashboard.expect(/./);
    const training_file = await upload(house.openai, examples());
    const hyperparameters = { n_epochs: 12, batch_size: 1 };
    const { id } = await house.openai.fineTuning.jobs.create({ model: 'tiny', training_file, hyperparameters });
    const page = await dashboard.visit(`/jobs/${id}`);
    await page.getByText(/^Step \d+ of 144/).waitFor({ timeout: 60_000 });
    await dashboard.context.setOffline(true);
    await waitFor(house.openai, id);
    await dashboard.context.setOffline(false);
    await page.getByRole('main').getByText('Done', { exact: true }).waitFor();
    await expect.poll(() => stepsDrawn(page), { timeout: 10_000 }).toEqual(upTo(144));
  }, 120_000);

  test('shows a hundred thousand steps, and looks closer without stuttering', async () => {
    await using home = await tinyHome();
    await using house = await openTestHouse({ home: home.home });
    await using dashboard = await openDashboard(house);
    const training_file = await upload(house.openai, examples());
    const { id } = await house.openai.fineTuning.jobs.create({ model: 'tiny', training_file, suffix: 'huge' });
    await house.openai.fineTuning.jobs.cancel(id);
    await fill(house, id, 100_000);
    const page = await dashboard.visit(`/jobs/${id}`);
    const loss = page.getByRole('slider', { name: 'Loss of huge' });
    await loss.waitFor();
    await expect.poll(() => loss.getAttribute('aria-valuemax'), { timeout: 10_000 }).toBe('99999');
    await loss.focus();
    await page.keyboard.press('Home');
    // The longest frame and the mean while zooming in and out again and again, and while the pointer moves.
    const frames = page.evaluate(countFrames);
    for (let i = 0; i < 8; i++) await page.keyboard.press('+');
    for (let i = 0; i < 8; i++) await page.keyboard.press('-');
    const box = (await loss.boundingBox())!;
    for (let i = 0; i < 40; i++) await page.mouse.move(box.x + 80 + i * 8, box.y + 100);
    const { count, ms } = (await frames) as { count: number; ms: number };
    console.log(`${count} frames in ${ms.toFixed(0)} ms: ${((1000 * count) / ms).toFixed(0)} a second`);
    expect((1000 * count) / ms).toBeGreaterThan(5); // 60 on a quiet machine
    expect((await stepsDrawn(page)).length).toBe(100_000);
  }, 120_000);
});

const countFrames = `new Promise((resolve) => {
  const start = performance.now();
  let count = 0;
  const next = () => {
    count += 1;
    const ms = performance.now() - start;
    if (ms < 3000) requestAnimationFrame(next);
    else resolve({ count, ms });
  };
  requestAnimationFrame(next);
})`;

async function fill({ house }: TestHouse, id: string, count: number): Promise<void> {
  await house.database.transaction().execute(async (rows) => {
    for (let from = 0; from < count; from += 1000) {
      const values = upTo(1000).map((i) => {
        const step = from + i;
        const noise = Math.sin(step * 12.9898) * 0.2;
        const measured = { step, total_steps: count, train_loss: 0.4 + 3 / Math.sqrt(step) + Math.abs(noise), train_mean_token_accuracy: 0.5 + noise, learning_rate: 2e-4 * (1 - step / count) }; // prettier-ignore
        const more = step % 100 === 0 ? { valid_loss: 0.5 + 3 / Math.sqrt(step) } : {};
        return { job_id: id, step, figures: figuresOf({ ...measured, ...more }, 1_790_000_000 + step) };
      });
      await rows.insertInto('job_figures').values(values).execute();
    }
  });
}
