/** The playground in a browser: asked, watched, stopped, looked into token by token, and saved as an example. */

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { examples, tinyHome, upload } from '../jobs/tiny-house.ts';
import { violationsOn } from './axe.ts';
import { chromiumPath, type Dashboard, openDashboard } from './browser.ts';

describe.skipIf(chromiumPath === null)('the playground', () => {
  let home: Awaited<ReturnType<typeof tinyHome>>;
  let house: TestHouse;
  let dashboard: Dashboard;
  beforeAll(async () => {
    home = await tinyHome({ contextTokens: 16_384 });
    house = await openTestHouse({ home: home.home, modelAliases: { 'gpt-4o-mini': 'tiny' } });
    dashboard = await openDashboard(house);
  }, 120_000);
  afterAll(async () => {
    await dashboard?.[Symbol.asyncDispose]();
    await house?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  const answerOf = (page: Page, model: string) => page.getByRole('article', { name: model, exact: true });
  const ended = (page: Page, model: string) => answerOf(page, model).getByText('Done', { exact: true }).waitFor();

  test('asks several models at once, by keyboard alone, and tells what each took', async () => {
    const page = await dashboard.visit('/playground?model=tiny');
    await page.getByRole('combobox', { name: 'Models' }).fill('gpt-4o');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByLabel('You say').fill('What is 3?');
    await page.getByLabel('Longest answer').fill('12');
    await page.getByLabel('You say').press('Control+Enter');
    await ended(page, 'tiny');
    await ended(page, 'gpt-4o-mini');
    for (const model of ['tiny', 'gpt-4o-mini'])
      expect(await answerOf(page, model).textContent()).toMatch(
        /first word after \d.*s · \d.* in all · \d+ tokens in, 1?\d out · \d+ tokens a second/,
      );
    const boxes = await Promise.all(['tiny', 'gpt-4o-mini'].map((model) => answerOf(page, model).boundingBox()));
    expect(boxes[0]!.y).toBe(boxes[1]!.y);
    await page.setViewportSize({ width: 390, height: 844 });
    const phone = await Promise.all(['tiny', 'gpt-4o-mini'].map((model) => answerOf(page, model).boundingBox()));
    expect(phone[0]!.x).toBe(phone[1]!.x);
    expect(phone[1]!.y).toBeGreaterThan(phone[0]!.y + phone[0]!.height);
    expect(await violationsOn(page)).toEqual([]);
  });

  test('says of every token how probable it was, to the mouse and to the keyboard', async () => {
    const page = await dashboard.visit('/playground?model=tiny');
    await page.getByLabel('You say').fill('What is 4?');
    await page.getByLabel('Longest answer').fill('8');
    await page.getByRole('button', { name: 'Ask' }).click();
    await ended(page, 'tiny');
    const tokens = answerOf(page, 'tiny').getByRole('group');
    // A token may be nothing to see: half a letter.
    const at = await tokens
      .locator('[data-at]')
      .evaluateAll((spans) => spans.findLastIndex((span) => span.getBoundingClientRect().width > 0));
    await tokens.locator(`[data-at="${at}"]`).hover();
    const card = tokens.getByRole('status');
    const text = (await card.textContent())!;
    expect(text).toMatch(/^Token .+: \d+\.\d %/);
    expect(text.match(/\d+\.\d %/g)!.length).toBeGreaterThan(5);
    await page.getByRole('heading', { level: 1 }).hover();
    await expect.poll(() => card.isVisible()).toBe(false);
    await tokens.focus();
    expect(await tokens.locator('[data-active]').getAttribute('data-at')).toBe('0');
    for (let i = 0; i < at; i++) await page.keyboard.press('ArrowRight');
    expect(await card.textContent()).toBe(text);
    expect(await violationsOn(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await expect.poll(() => card.isVisible()).toBe(false);
  });

  test('stops in the middle, keeps what was said, and asks again', async () => {
    const page = await dashboard.visit('/playground?model=tiny');
    await page.getByLabel('You say').fill('Tell me everything.');
    await page.getByLabel('Longest answer').fill('8000');
    await page.getByRole('slider').press('Home');
    const button = page.getByRole('button', { name: 'Ask' });
    await button.click();
    await answerOf(page, 'tiny').locator('[data-at="5"]').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await answerOf(page, 'tiny').getByText('Stopped', { exact: true }).waitFor();
    await button.waitFor();
    expect((await answerOf(page, 'tiny').getByRole('group').textContent())!.length).toBeGreaterThan(3);
    // The server has room again at once.
    await page.getByLabel('Longest answer').fill('4');
    await button.click();
    await ended(page, 'tiny');
  });

  test('tells what is wrong with tools, a schema or a model where it stands', async () => {
    const page = await dashboard.visit('/playground');
    await page.getByLabel('Tools').fill('{"name": "x"');
    await page.getByText('Schema', { exact: true }).click();
    await page.getByLabel('JSON schema').fill('{\n  "type": object\n}');
    await page.getByRole('button', { name: 'Ask' }).click();
    for (const words of [
      'Choose who is to answer.',
      'Write something to be answered.',
      'That is not JSON: it ends too early.',
      'That is not JSON: there is an unexpected "o" in line 2, column 11.',
    ])
      await page.getByText(words).waitFor();
    expect(await page.getByRole('article').count()).toBe(0);
    expect(await page.getByLabel('Tools').getAttribute('aria-invalid')).toBe('true');
  });

  test('holds an answer to a schema, and goes on from it', async () => {
    const page = await dashboard.visit('/playground?model=tiny');
    await page.getByLabel('You say').fill('Is it urgent?');
    await page.getByText('Schema', { exact: true }).click();
    await page
      .getByLabel('JSON schema')
      .fill(
        '{"type": "object", "properties": {"urgent": {"type": "boolean"}}, "required": ["urgent"], "additionalProperties": false}',
      );
    await page.getByLabel('Longest answer').fill('200');
    await page.getByRole('button', { name: 'Ask' }).click();
    await ended(page, 'tiny');
    const said = (await answerOf(page, 'tiny').getByRole('group').locator('[data-at]').allTextContents()).join('');
    expect(Object.keys(JSON.parse(said) as object)).toEqual(['urgent']);
    await page.getByRole('button', { name: 'Go on from here' }).click();
    expect(await page.getByLabel('The model said').inputValue()).toBe(said);
    expect(await page.getByLabel('You say').last().inputValue()).toBe('');
    // Another page and back: nothing is lost.
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
    await page.getByRole('link', { name: 'Playground' }).click();
    expect(await page.getByLabel('The model said').inputValue()).toBe(said);
    await answerOf(page, 'tiny').waitFor();
  });

  test('shows what a model calls a tool with, and saves the call as an example', async () => {
    const page = await dashboard.visit('/playground?model=tiny');
    await page.getByLabel('You say').fill('How is the weather in Rome?');
    await page.getByRole('button', { name: 'Begin with an example' }).click();
    await page.getByLabel('Must call a tool').check();
    await page.getByLabel('Longest answer').fill('400');
    await page.getByRole('button', { name: 'Ask' }).click();
    await ended(page, 'tiny');
    await answerOf(page, 'tiny').getByText('Calls the tool get_weather with').waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await page.getByRole('button', { name: 'Save as training example' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('The example holds the call of get_weather and the tools.').waitFor();
    await dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await dialog.getByRole('link', { name: 'from-playground.jsonl' }).waitFor();
    const { id } = (await house.openai.files.list({ purpose: 'fine-tune' })).data[0]!;
    const example = JSON.parse(await (await house.openai.files.content(id)).text()) as object;
    expect(example).toMatchObject({
      messages: [{ role: 'user' }, { role: 'assistant', tool_calls: [{ function: { name: 'get_weather' } }] }],
      tools: [{ type: 'function', function: { name: 'get_weather' } }],
    });
  });

  test('saves an answer that was put right as an example, in a new file and in a new version of one', async () => {
    const old = await upload(house.openai, examples());
    const page = await dashboard.visit('/playground?model=tiny');
    await page.getByLabel('System prompt').fill('One word.');
    await page.getByLabel('You say').fill('<b>What is 5?</b>');
    await page.getByLabel('Longest answer').fill('4');
    await page.getByRole('button', { name: 'Ask' }).click();
    await ended(page, 'tiny');
    await page.getByRole('button', { name: 'Save as training example' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('What the model should say').fill('a cat');
    await dialog.getByLabel('Name of the file').fill('mine');
    expect(await violationsOn(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await dialog.getByRole('link', { name: 'mine.jsonl' }).waitFor();
    await dialog.getByRole('button', { name: 'Go on asking' }).click();
    const line = {
      messages: [
        { role: 'system', content: 'One word.' },
        { role: 'user', content: '<b>What is 5?</b>' },
        { role: 'assistant', content: 'a cat' },
      ],
    };
    const contentOf = async (id: string): Promise<unknown[]> =>
      (await (await house.openai.files.content(id)).text())
        .trim()
        .split('\n')
        .map((text) => JSON.parse(text) as unknown);
    const newest = async () => (await house.openai.files.list({ purpose: 'fine-tune' })).data[0]!;
    expect(await contentOf((await newest()).id)).toEqual([line]);

    await page.getByRole('button', { name: 'Save as training example' }).click();
    await dialog.getByLabel('A file that is there').check();
    await dialog.getByRole('combobox', { name: 'File', exact: true }).click();
    await page.getByRole('option', { name: /examples\.jsonl/ }).click();
    await dialog.getByLabel('What the model should say').fill('a cat');
    await dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await dialog.getByText('the version before it is still there').waitFor();
    const made = await newest();
    expect(made.filename).toBe('examples.jsonl');
    expect((await contentOf(made.id)).at(-1)).toEqual(line);
    expect(await contentOf(made.id)).toHaveLength(examples().length + 1);
    expect(await contentOf(old)).toHaveLength(examples().length);
  });
});
