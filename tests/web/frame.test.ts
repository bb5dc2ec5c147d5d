/** What stands around every page. */

import { describe, expect, test } from 'vitest';
import { violationsOn } from './axe.ts';
import { chromiumPath, openDashboard, sizes } from './browser.ts';

describe.skipIf(chromiumPath === null)('the dashboard', () => {
  test('is at /, with a policy that lets nothing in from elsewhere', async () => {
    await using dashboard = await openDashboard();
    const answer = await fetch(`${dashboard.origin}/`);
    const policy = answer.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    const nonce = /'nonce-([^']+)'/.exec(policy)![1]!;
    expect(await answer.text()).toContain(`nonce="${nonce}"`);
    expect((await fetch(`${dashboard.origin}/`)).headers.get('content-security-policy')).not.toBe(policy);
    const page = await dashboard.visit('/');
    await expect.poll(() => page.title()).toBe('Home · Tunesmith');
  });

  test('says so when an address is no page, and lets one go on', async () => {
    await using dashboard = await openDashboard();
    const page = await dashboard.visit('/settings/of/nothing');
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await page.getByRole('main').getByRole('link', { name: 'home' }).click();
    await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
  });

  test('has its menu behind a button on a phone, by keyboard too', async () => {
    await using dashboard = await openDashboard();
    const page = await dashboard.visit('/', { size: 'phone' });
    expect(page.viewportSize()).toEqual(sizes.phone);
    expect(await page.getByRole('link', { name: 'Settings' }).isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Open the menu' }).press('Enter');
    await page.getByRole('link', { name: 'Settings' }).press('Enter');
    await expect.poll(() => new URL(page.url()).pathname).toBe('/settings');
    await expect.poll(() => page.getByRole('link', { name: 'Settings' }).isVisible()).toBe(false);
  });

  test('is light or dark as the system is, or as its reader wants', async () => {
    await using dashboard = await openDashboard();
    const page = await dashboard.visit('/', { scheme: 'dark' });
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(await ground()).toBe('rgb(21, 23, 27)');
    await page.getByRole('button', { name: 'Colours: as your system has them' }).click();
    expect(await ground()).toBe('rgb(251, 251, 252)');
    await page.reload();
    await page.getByRole('button', { name: 'Colours: light' }).waitFor();
    expect(await violationsOn(page)).toEqual([]);
  });
});
