/** Settings: keys, projects, other names for models, webhooks, storage, limits, what leaves this machine. */

import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Closing } from '../../src/closing.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { tinyHome } from '../jobs/tiny-house.ts';
import { violationsOn } from './axe.ts';
import { chromiumPath, openDashboard } from './browser.ts';

const panel = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

describe.skipIf(chromiumPath === null)('settings', () => {
  let folder: Awaited<ReturnType<typeof tinyHome>>;
  let house: TestHouse;
  beforeAll(async () => {
    folder = await tinyHome();
    house = await openTestHouse({ home: folder.home, modelAliases: { 'gpt-4': 'tiny' }, webhookHosts: ['*'] });
  });
  afterAll(async () => {
    await house?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  test('another name for a model is given, answers at once, and is taken away', { timeout: 120_000 }, async () => {
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit('/settings');
    const names = panel(page, 'Other names for models');
    await names.getByText('By TUNESMITH_MODEL_ALIASES; changed there.').waitFor();
    await names.getByLabel('Name that programs ask for').fill('gpt-4o-mini');
    await names.getByLabel('Model that answers').click();
    await page.getByRole('option', { name: /tiny/ }).click();
    await names.getByRole('button', { name: 'Add' }).click();
    await names.getByRole('button', { name: 'Remove gpt-4o-mini' }).waitFor();
    expect((await house.openai.models.retrieve('gpt-4o-mini')).id).toBe('gpt-4o-mini');

    await names.getByLabel('Name that programs ask for').fill('ft:mine');
    await names.getByRole('button', { name: 'Add' }).click();
    await names.getByText(/cannot name a model/).waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await names.getByRole('button', { name: 'Remove gpt-4o-mini' }).click();
    await names.getByRole('button', { name: 'Remove gpt-4o-mini' }).waitFor({ state: 'detached' });
    await expect(house.openai.models.retrieve('gpt-4o-mini')).rejects.toMatchObject({ status: 404 });
  });

  test('a webhook is added, its secret shown once, tested, and deleted', async () => {
    await using closing = new Closing();
    const heard: string[] = [];
    const receiver = createServer((request, response) => {
      heard.push(String(request.headers['webhook-signature']));
      response.statusCode = heard.length === 1 ? 500 : 204;
      response.end();
    }).listen(0, '127.0.0.1');
    closing.defer(() => receiver.close());
    await once(receiver, 'listening');
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/told`;
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit('/settings', { size: 'phone' });
    const webhooks = panel(page, 'Webhooks');
    await webhooks.getByText('Nobody is told.').waitFor();
    await webhooks.getByRole('button', { name: 'Add a webhook' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Address').fill('no address');
    await dialog.getByRole('button', { name: 'Add it' }).click();
    await dialog.getByText(/is no http or https address/).waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await dialog.getByLabel('Address').fill(url);
    await dialog.getByRole('button', { name: 'Add it' }).click();
    await dialog.getByText(/^whsec_/).waitFor();
    await dialog.getByRole('button', { name: 'I have copied it' }).click();
    await webhooks.getByRole('button', { name: 'Send a test' }).click();
    await webhooks.getByText('It did not take the test. It answered 500; expected 2xx.').waitFor();
    await webhooks.getByRole('button', { name: 'Send a test' }).click();
    await webhooks.getByText('It took the test.').waitFor();
    expect(heard[1]).toMatch(/^v1,/);
    await webhooks.getByRole('button', { name: 'Deliveries' }).click();
    await webhooks.getByText(/Nothing was sent to it/).waitFor();
    await panel(page, 'What leaves this machine')
      .getByText(`Webhook: ${new URL(url).origin}`)
      .waitFor();
    await webhooks.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await webhooks.getByText('Nobody is told.').waitFor();
    await panel(page, 'What leaves this machine').getByText('Nothing', { exact: true }).waitFor();
  });

  test('what is kept and what is allowed is told', async () => {
    await using dashboard = await openDashboard(house);
    const page = await dashboard.visit('/settings');
    await panel(page, 'Storage').getByText('Base models').waitFor();
    await panel(page, 'Storage').getByText(house.home).waitFor();
    await panel(page, 'Limits').getByText('1 TUNESMITH_TRAINING_JOBS').waitFor();
  });

  test(
    'the first key locks the door and signs this browser in; projects have keys with limits',
    { timeout: 120_000 },
    async () => {
      await using dashboard = await openDashboard(house);
      const page = await dashboard.visit('/settings');
      const keys = panel(page, 'Keys');
      await keys.getByText('There are no keys.').waitFor();
      await keys.getByRole('button', { name: 'Make a key' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill('My browser');
      await dialog.getByRole('button', { name: 'Make the key' }).click();
      const admin = (await dialog.getByRole('region', { name: 'Key' }).textContent())!;
      expect(admin).toMatch(/^sk-tunesmith-/);
      await dialog.getByText(/This browser is signed in with this one/).waitFor();
      expect(await violationsOn(page)).toEqual([]);
      await dialog.getByRole('button', { name: 'I have copied it' }).click();
      await keys.getByText('you are signed in with it').waitFor();
      expect((await fetch(`${house.url}/files`)).status).toBe(401);
      expect(await page.evaluate('document.cookie'), 'scripts cannot read it').toBe('');
      expect(await page.content()).not.toContain(admin);

      const projects = panel(page, 'Projects');
      await projects.getByLabel('Name of a new project').fill('Customer Support');
      await projects.getByRole('button', { name: 'Make it' }).click();
      await projects.getByText('customer-support', { exact: false }).first().waitFor();

      await keys.getByRole('button', { name: 'Make a key' }).click();
      await dialog.getByLabel('Name').fill('the bot');
      await dialog.getByLabel('Project', { exact: true }).click();
      await page.getByRole('option', { name: 'Customer Support' }).click();
      await dialog.getByLabel('Requests a minute').fill('60');
      await dialog.getByRole('button', { name: 'Make the key' }).click();
      const bot = (await dialog.getByRole('region', { name: 'Key' }).textContent())!;
      await dialog.getByRole('button', { name: 'I have copied it' }).click();
      await keys.getByText(/project customer-support · 60 requests a minute · never used/).waitFor();
      const asBot = () => fetch(`${house.url}/files`, { headers: { authorization: `Bearer ${bot}` } });
      expect((await asBot()).status).toBe(200);

      await keys.getByRole('button', { name: 'Limits of the bot' }).click();
      await dialog.getByLabel('Requests a minute').fill('');
      await dialog.getByLabel('Tokens a minute').fill('5000');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await keys.getByText(/customer-support · 5,000 tokens a minute · used just now/).waitFor();
      await keys.getByRole('button', { name: 'Revoke the bot' }).click();
      await dialog.getByRole('button', { name: 'Revoke' }).click();
      await keys.getByRole('button', { name: 'Revoke the bot' }).waitFor({ state: 'detached' });
      expect((await asBot()).status).toBe(401);

      await projects.getByRole('button', { name: 'Archive Customer Support' }).click();
      await dialog.getByRole('button', { name: 'Archive', exact: true }).click();
      await projects.getByText('Archived').waitFor();
      expect(await violationsOn(page)).toEqual([]);

      await keys.getByRole('button', { name: 'Revoke My browser' }).click();
      await dialog.getByText('this browser is signed out').waitFor();
      await dialog.getByRole('button', { name: 'Revoke' }).click();
      await page.getByLabel('Key', { exact: true }).waitFor();
    },
  );
});
