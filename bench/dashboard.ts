/**
 * How light and how quick the dashboard is, in the browser that its tests drive.
 *
 * The first page: how many bytes of script come before it, compressed as they travel, and when it can be used: its
 * heading stands and the main thread has nothing long left to do. Then a job of 100,000 steps: when its curves stand,
 * how many frames a second there are while the pointer moves across them and while they are zoomed, and how long a new
 * step takes from the database to the screen.
 */

import type { Page } from 'playwright-core';
import { figuresOf } from '../src/jobs/step-figures.ts';
import { openDashboard, type Dashboard } from '../tests/web/browser.ts';
import { examples, tinyHome, upload } from '../tests/jobs/tiny-house.ts';
import { openTestHouse, type TestHouse } from '../tests/house.ts';
import { plainTable } from './table.ts';

const loads = 5;
const steps = Number(process.env['BENCH_DASHBOARD_STEPS'] ?? 100_000);
const framesMs = 3000;

export async function benchDashboard(): Promise<void> {
  await using home = await tinyHome();
  await using house = await openTestHouse({ home: home.home });
  const { openai } = house;
  const training_file = await upload(openai, examples());
  const { id } = await openai.fineTuning.jobs.create({ model: 'tiny', training_file });
  await openai.fineTuning.jobs.cancel(id);
  await addSteps(house, id, 1, steps);

  await using dashboard = await openDashboard(house);
  const firsts = [];
  for (let i = 0; i < loads; i++) firsts.push(await loadFirstPage(dashboard));
  const table = plainTable(['the dashboard', 'median', 'worst']);
  const row = (name: string, values: readonly number[], unit: string): void => {
    table.push([name, `${median(values).toFixed(0)} ${unit}`, `${Math.max(...values).toFixed(0)} ${unit}`]);
  };
  row(
    'script before the first page, compressed',
    firsts.map(({ scriptBytes }) => scriptBytes / 1000),
    'kB',
  );
  row(
    'first page can be used after',
    firsts.map(({ usableMs }) => usableMs),
    'ms',
  );

  const page = await dashboard.visit(`/jobs/${id}`);
  const began = performance.now();
  await page.locator('canvas').first().waitFor();
  row(`curves of ${steps} steps stand after the page`, [performance.now() - began], 'ms');
  const box = (await page.locator('canvas').first().boundingBox())!;
  const across = async (from: number, to: number): Promise<void> => {
    await page.mouse.move(box.x + box.width * to, box.y + box.height / 2, { steps: 60 });
    await page.mouse.move(box.x + box.width * from, box.y + box.height / 2, { steps: 60 });
  };
  const moving = await framesWhile(page, () => across(0.15, 0.9));
  row('frames a second, pointer moving', [moving.perSecond], 'fps');
  row('slowest frame of twenty, pointer moving', [moving.slowMs], 'ms');
  const zooming = await framesWhile(page, async () => {
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 30 });
    await page.mouse.up();
    await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
  });
  row('frames a second, zooming in and out', [zooming.perSecond], 'fps');
  row('slowest frame of twenty, zooming in and out', [zooming.slowMs], 'ms');
  console.log(table.toString());
}

async function loadFirstPage({ context, origin }: Dashboard): Promise<{ scriptBytes: number; usableMs: number }> {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.clearBrowserCache');
  const scripts = new Set<string>();
  let scriptBytes = 0;
  session.on('Network.responseReceived', ({ requestId, type }) => {
    if (type === 'Script') scripts.add(requestId);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (scripts.has(requestId)) scriptBytes += encodedDataLength;
  });
  await page.addInitScript(watchForUse);
  await page.goto(origin);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForTimeout(1500);
  const usableMs = (await page.evaluate('Math.max(window.headingMs, window.busyUntilMs)')) as number;
  await page.close();
  return { scriptBytes, usableMs };
}

/** Since the navigation began: when the heading first stood, and when the last long task ended. */
const watchForUse = `
  window.busyUntilMs = 0;
  window.headingMs = Infinity;
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) window.busyUntilMs = Math.max(window.busyUntilMs, startTime + duration);
  }).observe({ type: 'longtask', buffered: true });
  new MutationObserver((_, observer) => {
    if (document.querySelector('h1') === null) return;
    window.headingMs = performance.now();
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
`;

/** Frames that the page drew while something was done to it over and over. */
async function framesWhile(page: Page, act: () => Promise<void>): Promise<{ perSecond: number; slowMs: number }> {
  await page.evaluate(
    `window.frames_ = []; (function frame(now) { window.frames_.push(now); window.next_ = requestAnimationFrame(frame); })(performance.now())`,
  );
  const until = performance.now() + framesMs;
  while (performance.now() < until) await act();
  const times = (await page.evaluate('cancelAnimationFrame(window.next_), window.frames_')) as number[];
  const gaps = times
    .slice(1)
    .map((time, i) => time - times[i]!)
    .sort((a, b) => a - b);
  return {
    perSecond: (1000 * gaps.length) / (times.at(-1)! - times[0]!),
    slowMs: gaps[Math.floor(gaps.length * 0.95)]!,
  };
}

async function addSteps({ house: { database } }: TestHouse, job: string, first: number, last: number): Promise<void> {
  await database.transaction().execute(async (rows) => {
    for (let from = first; from <= last; from += 1000) {
      const values = Array.from({ length: Math.min(1000, last - from + 1) }, (_, i) => {
        const step = from + i;
        const noise = Math.sin(step * 12.9898) * 0.2;
        const figures = {
          step,
          total_steps: last,
          train_loss: 2 / Math.sqrt(1 + step / 500) + noise,
          train_mean_token_accuracy: 1 - 1 / Math.sqrt(2 + step / 500),
          learning_rate: 2e-4 * (1 - step / last),
          grad_norm: 1 + noise,
          tokens_per_second: 1200,
          ...(step % 100 === 0 && { valid_loss: 2.1 / Math.sqrt(1 + step / 500) }),
        };
        return { job_id: job, step, figures: figuresOf(figures, 1_790_000_000 + step) };
      });
      await rows.insertInto('job_figures').values(values).execute();
    }
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
