/**
 * How light and how quick the dashboard is, in the browser that its tests drive.
 *
 * The first page: how many bytes of script come before it, compressed as they travel, and when it can be used: its
 * heading stands and the main thread has nothing long left to do. Then a job of 100,000 steps: when its curves stand,
 * and how many frames a second there are while the pointer moves across them and while they are zoomed. A frame is what
 * the page's script sees of one; what is on the screen may come a frame later.
 */

import { availableParallelism, cpus } from 'node:os';
import type { Page } from 'playwright-core';
import { figuresOf } from '../src/jobs/step-figures.ts';
import { openDashboard, type Dashboard } from '../tests/web/browser.ts';
import { examples, tinyHome, upload } from '../tests/jobs/tiny-house.ts';
import { openTestHouse, type TestHouse } from '../tests/house.ts';
import { markdownTable, measuredOn, writeInto } from './page.ts';

const loads = 5;
const stepsDocumented = 100_000;
const steps = Number(process.env['BENCH_DASHBOARD_STEPS'] ?? stepsDocumented);
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
  const table: string[][] = [];
  const row = (what: string, value: number, unit: string, goal = ''): void => {
    table.push([what, `${value.toFixed(0)} ${unit}`.trim(), goal]);
  };
  const scriptBytes = firsts.map((first) => first.scriptBytes);
  const usableMs = firsts.map((first) => first.usableMs);
  row('Script before the first page, compressed', Math.max(...scriptBytes) / 1000, 'kB', 'under 250 kB');
  row(`The first page can be used after, median of ${loads}`, median(usableMs), 'ms', 'under 1 s');
  row(`The same, slowest of ${loads}`, Math.max(...usableMs), 'ms');

  const began = performance.now();
  const page = await dashboard.visit(`/jobs/${id}`);
  const canvas = page.locator('canvas').first();
  await canvas.waitFor();
  row(`The curves of ${steps.toLocaleString('en')} steps stand after`, performance.now() - began, 'ms');
  const box = (await canvas.boundingBox())!;
  const at = (share: number): [number, number] => [box.x + box.width * share, box.y + box.height / 2];
  const moving = await framesWhile(page, async () => {
    await page.mouse.move(...at(0.9), { steps: 60 });
    await page.mouse.move(...at(0.15), { steps: 60 });
  });
  row('Frames a second while the pointer moves over them', moving.perSecond, '', '60');
  row('Of twenty such frames the slowest takes', moving.slowMs, 'ms', '17 ms');
  const zooming = await framesWhile(page, async () => {
    await page.mouse.move(...at(0.3));
    await page.mouse.down();
    await page.mouse.move(...at(0.7), { steps: 30 });
    await page.mouse.up();
    await page.mouse.dblclick(...at(0.5));
  });
  row('Frames a second while they are zoomed in and out', zooming.perSecond, '', '60');
  row('Of twenty such frames the slowest takes', zooming.slowMs, 'ms', '17 ms');
  const conditions = 'One run, Chromium drawing by software on the same cores as the server.';
  const measured = `${markdownTable([['What', 'Measured', 'Goal'], ...table])}\n\n${conditions} ${measuredOn(cpus()[0]!.model, availableParallelism())}`;
  console.log(measured);
  if (steps === stepsDocumented) await writeInto('dashboard.md', 'dashboard', measured);
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
