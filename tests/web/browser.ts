/**
 * The dashboard as a user has it: a real browser (Debian's Chromium) before a real server.
 *
 *   await using dashboard = await openDashboard();
 *   const page = await dashboard.visit('/files');
 *   await page.getByRole('heading', { name: 'Files' }).waitFor();
 *
 * When the dashboard is closed, whatever the pages complained of meanwhile makes the test fail: errors in the console,
 * exceptions, requests to anywhere but this server, anything that the page's policy had to stop.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { Closing } from '../../src/closing.ts';
import type { Settings } from '../../src/config.ts';
import { openTestHouse, type TestHouse } from '../house.ts';

const root = join(import.meta.dirname, '../..');

/** Where Chromium lies; null where there is none, and the tests of the dashboard are skipped. */
export const chromiumPath: string | null =
  [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
    (path) => path !== undefined && existsSync(path),
  ) ?? null;

/** Phone and desk, as the issue of the dashboard names them. */
export const sizes = { phone: { width: 390, height: 844 }, desk: { width: 1440, height: 900 } } as const;

/** A browser beside a trainer and a model on two cores may be late. */
const patienceMs = 60_000;

export interface View {
  readonly size?: keyof typeof sizes;
  readonly scheme?: 'light' | 'dark';
}

export interface Dashboard extends AsyncDisposable {
  readonly house: TestHouse;
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  readonly context: BrowserContext;
  /** A new tab at this address, when what it asked for has come. */
  visit(path: string, view?: View): Promise<Page>;
  /** What a page may complain of because the test makes it: a part of the text. */
  expect(complaint: string | RegExp): void;
  /** What was complained of and not expected, so far. */
  readonly complaints: readonly string[];
}

/** On a house of its own, or on one that the test has. */
export async function openDashboard(settings: Partial<Settings> | TestHouse = {}): Promise<Dashboard> {
  if (chromiumPath === null)
    throw new Error('There is no Chromium here; install the package chromium, or set CHROMIUM.');
  await using opening = new Closing();
  await buildWhereStale();
  const house = 'openai' in settings ? settings : opening.use(await openTestHouse(settings));
  const browser = await launch(chromiumPath);
  opening.defer(() => browser.close());
  const context = await browser.newContext({ viewport: sizes.desk, reducedMotion: 'reduce', acceptDownloads: true });
  context.setDefaultTimeout(patienceMs);
  const origin = new URL(house.url).origin;
  const heard: string[] = [];
  const expected: (string | RegExp)[] = [];
  listen(context, origin, (complaint) => heard.push(complaint));
  const unexpected = (): string[] =>
    heard.filter(
      (text) => !expected.some((each) => (typeof each === 'string' ? text.includes(each) : each.test(text))),
    );
  const open = opening.move();
  return {
    house,
    origin,
    context,
    visit: async (path, { size = 'desk', scheme = 'light' } = {}) => {
      const page = await context.newPage();
      await page.setViewportSize(sizes[size]);
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      await page.goto(`${origin}${path}`);
      await page
        .getByRole('heading', { level: 1 })
        .waitFor({ timeout: patienceMs })
        .catch((cause: unknown) => {
          throw new Error(`There is no page at ${path}. ${unexpected().join('\n')}`, { cause });
        });
      return page;
    },
    expect: (complaint) => expected.push(complaint),
    get complaints() {
      return unexpected();
    },
    [Symbol.asyncDispose]: async () => {
      await open[Symbol.asyncDispose]();
      if (unexpected().length > 0) throw new Error(`The dashboard complained:\n${unexpected().join('\n')}`);
    },
  };
}

/** Without the requests of its own that a browser makes to its maker. */
export async function launch(executablePath: string): Promise<Browser> {
  const quiet = [
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--font-render-hinting=none',
  ];
  // Chromium will not make its sandbox for root, which is who runs in containers.
  const args = process.getuid?.() === 0 ? [...quiet, '--no-sandbox'] : quiet;
  return await chromium.launch({ executablePath, args });
}

function listen(context: BrowserContext, origin: string, complain: (text: string) => void): void {
  context.on('console', (message) => {
    // Refused requests are answers, which pages show; Chromium writes a line of its own about each.
    if (message.text().startsWith('Failed to load resource')) return;
    if (['error', 'warning'].includes(message.type())) complain(`${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (error) => complain(`exception: ${error.error().stack ?? String(error.error())}`));
  context.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !/^(blob|data|about):/.test(url)) complain(`request to ${url}`);
  });
}

/** Under `npm run build` older files would vanish below pages that other tests have open; here they are kept. */
let built: Promise<void> | null = null;
export function buildWhereStale(): Promise<void> {
  return (built ??= (async () => {
    const made = await stat(join(root, 'dist/web/index.html')).catch(() => null);
    if (made !== null && made.mtimeMs > (await newest())) return;
    await promisify(execFile)(process.execPath, [join(root, 'web/build.mjs'), '--keep']);
  })());
}

async function newest(): Promise<number> {
  const entries = await readdir(join(root, 'web'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const times = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
  return Math.max(...times);
}
