/** Coming in where keys are on, and pages of others that would like to come in with the cookie. */

import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { Closing } from '../../src/closing.ts';
import { violationsOn } from './axe.ts';
import { chromiumPath, type Dashboard, openDashboard } from './browser.ts';

const operatorsKey = 'sk-the-operators-own-key';

async function signIn(page: Page, key = operatorsKey): Promise<void> {
  await page.getByLabel('Key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Sign in' }).press('Enter');
}

describe.skipIf(chromiumPath === null)('where keys are on', () => {
  test('one comes in with a key, stays in when the page is loaded again, and goes out', async () => {
    await using dashboard = await openDashboard({ apiKeys: [operatorsKey] });
    const page = await dashboard.visit('/files');
    expect(await violationsOn(page)).toEqual([]);
    await signIn(page, 'sk-not-the-right-one');
    await page
      .getByRole('alert')
      .getByText(/No key here is sk-no\*\*\*ne/)
      .waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await signIn(page);
    await page.getByRole('heading', { name: 'Files', exact: true }).waitFor();
    const [cookie] = await dashboard.context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/', name: 'tunesmith_session' });
    const kept = await page.evaluate('JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])');
    expect(kept, 'no key is kept where a script could read it').not.toMatch(/sk-|[\w-]{43}/);
    await page.reload();
    await page.getByRole('heading', { name: 'Files', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Key', { exact: true }).waitFor();
    expect(await dashboard.context.cookies()).toEqual([]);
  });

  test('a key that is revoked shows the door, without a reload', async () => {
    await using dashboard = await openDashboard({});
    const { keyring } = dashboard.house.house;
    const limits = { requestsPerMinute: null, tokensPerMinute: null };
    const made = await keyring.create({ project: 'research', name: 'laptop', ...limits });
    const page = await dashboard.visit('/settings');
    await signIn(page, made.value);
    await page.getByText('Project research', { exact: true }).waitFor();
    await page.getByText(/You came in with the key “laptop” of the project research/).waitFor();
    expect(await page.getByRole('button', { name: 'Make a key' }).isVisible()).toBe(false);
    expect(await violationsOn(page)).toEqual([]);
    await keyring.revoke(made.id);
    await page.getByLabel('Key', { exact: true }).waitFor({ timeout: 5000 });
  });

  test('whoever guesses is told to wait', async () => {
    await using dashboard = await openDashboard({ apiKeys: [operatorsKey] });
    const page = await dashboard.visit('/');
    for (let i = 0; i < 5; i++) {
      await signIn(page, `sk-a-guess-number-${i}-of-many`);
      await page.getByRole('alert').waitFor();
      await page.getByRole('button', { name: 'Sign in' }).and(page.locator(':not([data-loading])')).waitFor();
    }
    await signIn(page);
    await page.getByText(/Too many wrong keys were tried\. Please try again in \d+s\./).waitFor();
  });

  test('a page of another origin gets nothing and changes nothing with the cookie, not even one of this machine', async () => {
    await using closing = new Closing();
    await using dashboard = await openDashboard({ apiKeys: [operatorsKey] });
    const { openai } = dashboard.house;
    const page = await dashboard.visit('/');
    await signIn(page);
    await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
    const upload = await openai.uploads.create({ filename: 'a', purpose: 'evals', bytes: 1, mime_type: 'text/jsonl' });
    const elsewhere = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<h1>Hi</h1>'));
    closing.defer(() => elsewhere.close());
    await once(elsewhere.listen(0, '127.0.0.1'), 'listening');
    const { port } = elsewhere.address() as AddressInfo;
    dashboard.expect('request to http');
    dashboard.expect(/CORS|Cross-Origin|blocked/i);
    const url = `${dashboard.origin}/v1/uploads/${upload.id}/cancel`;
    for (const host of ['127.0.0.1', 'localhost']) {
      const foreign = await dashboard.context.newPage();
      await foreign.goto(`http://${host}:${port}/`);
      for (const mode of ['cors', 'no-cors']) await foreign.evaluate(attempt(url, mode));
      await foreign.evaluate(submitForm(url));
      await foreign.waitForLoadState();
      expect(await foreign.textContent('body'), host).toMatch(/foreign_origin|don't have access|didn't provide/);
      await foreign.close();
    }
    const { status } = await openai.uploads.complete(upload.id, { part_ids: [] }).catch(async () => {
      await openai.uploads.cancel(upload.id);
      return { status: 'was still pending' };
    });
    expect(status).toBe('was still pending');
    await framed(dashboard, port);
  });
});

/** Another site cannot put the dashboard into a frame, to have clicks land on it. */
async function framed(dashboard: Dashboard, port: number): Promise<void> {
  const foreign = await dashboard.context.newPage();
  dashboard.expect(/frame/i);
  await foreign.goto(`http://localhost:${port}/`);
  await foreign.evaluate(`new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.src = ${JSON.stringify(`${dashboard.origin}/`)};
    frame.onload = done;
    document.body.append(frame);
  })`);
  expect(await foreign.frames()[1]!.getByText('Tunesmith').count()).toBe(0);
}

const attempt = (url: string, mode: string): string =>
  `fetch(${JSON.stringify(url)}, { method: 'POST', credentials: 'include', mode: ${JSON.stringify(mode)} }).then(() => null, () => null)`;

const submitForm = (url: string): string => `(() => {
  const form = document.createElement('form');
  form.method = 'POST';
  form.enctype = 'text/plain';
  form.action = ${JSON.stringify(url)};
  document.body.append(form);
  form.submit();
})()`;
