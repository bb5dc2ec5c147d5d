/** What is stored here cannot act here: everything from outside is text, on every page and in every field. */

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath, type Dashboard, openDashboard } from './browser.ts';
import { type HostileHouse, openHostileHouse } from './hostile.ts';

/** Pages that show something of what is hostile, so that a page that shows nothing does not pass for a safe one. */
const showing = new Set([
  'home',
  'files',
  'file',
  'broken-file',
  'hostile-file',
  'jobs',
  'job',
  'failed-job',
  'evaluations',
  'evaluation',
  'run',
  'settings',
]);

const acted = `({
  title: document.title === 'owned',
  elements: document.querySelectorAll('img[src="x"], script:not([src]):not([nonce]), [onerror], [onload], [onclick]').length,
  links: document.querySelectorAll('a[href^="javascript:" i], a[href^="data:" i], iframe, object, embed').length,
})`;
const nothing = { title: false, elements: 0, links: 0 };

describe.skipIf(chromiumPath === null)('a house full of hostile texts', () => {
  let hostile: HostileHouse;
  let dashboard: Dashboard;
  beforeAll(async () => {
    hostile = await openHostileHouse();
    dashboard = await openDashboard(hostile.house);
    const page = await dashboard.visit('/');
    await page.getByLabel('Key', { exact: true }).fill(hostile.key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
    await page.close();
  }, 180_000);
  afterAll(async () => {
    await dashboard?.[Symbol.asyncDispose]();
    await hostile?.[Symbol.asyncDispose]();
  });

  test('none of them does anything but stand there', { timeout: 300_000 }, async () => {
    for (const [name, path] of Object.entries(hostile.addresses)) {
      const page = await dashboard.visit(path);
      await page.waitForLoadState('load');
      if (showing.has(name))
        await page
          .getByText('<img src=x', { exact: false })
          .first()
          .waitFor({ state: 'attached', timeout: 15_000 })
          .catch((cause: unknown) => {
            throw new Error(`${name} shows nothing of it`, { cause });
          });
      await openEverything(page);
      expect(await page.evaluate(acted), name).toEqual(nothing);
      await page.close();
    }
    expect(dashboard.complaints).toEqual([]);
  });

  test('what a model answers is text in the playground too', async () => {
    const page = await dashboard.visit('/playground?model=tiny');
    const words = `<img src=x onerror="document.title='owned'"> [a link](javascript:document.title='owned')`;
    await page.route('**/v1/chat/completions', (route) => route.fulfill(streamOf(words)));
    await page.getByLabel('You say').fill('Hello');
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('<img src=x', { exact: false }).first().waitFor();
    expect(await page.evaluate(acted)).toEqual(nothing);
    await page.close();
  });

  test('every page has the policy, no other site may frame it, and what is downloaded is never shown in place', async () => {
    for (const path of Object.values(hostile.addresses)) {
      const { headers } = await fetch(dashboard.origin + path);
      expect(headers.get('content-security-policy'), path).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get('x-frame-options'), path).toBe('DENY');
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('referrer-policy'), path).toBe('no-referrer');
    }
    const authorization = `Bearer ${hostile.key}`;
    const file = hostile.addresses['hostile-file']!.split('/').at(-1)!;
    const { headers } = await fetch(`${dashboard.origin}/v1/files/${file}/content`, { headers: { authorization } });
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('content-disposition')).toMatch(/^attachment;/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });
});

/** Whatever unfolds: details, tabs, deliveries, dialogs of rows. */
async function openEverything(page: Page): Promise<void> {
  const folded = page
    .getByRole('main')
    .locator('[aria-expanded="false"], [role="tab"][aria-selected="false"], summary');
  // The elements themselves: by number among those still folded, each one opened would hide its neighbour.
  for (const element of (await folded.elementHandles()).slice(0, 25)) {
    if (!(await element.isVisible())) continue;
    await element.click({ timeout: 1000 }).catch(() => undefined); // something else may lie above it by now
    await page.keyboard.press('Escape');
  }
  await page.waitForTimeout(500);
}

function streamOf(words: string): { readonly contentType: string; readonly body: string } {
  const chunk = (delta: object, reason: string | null): string =>
    `data: ${JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'tiny',
      choices: [{ index: 0, delta, finish_reason: reason, logprobs: null }],
    })}\n\n`;
  const body = `${chunk({ role: 'assistant', content: words }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`;
  return { contentType: 'text/event-stream', body };
}
