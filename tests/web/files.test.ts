/** Files in a real browser: brought, looked over, mended, counted, compared, read as a model sees them, edited. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toFile } from 'openai';
import type { Download, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatLine, examples, tinyHome } from '../jobs/tiny-house.ts';
import { violationsOn } from './axe.ts';
import { chromiumPath, type Dashboard, openDashboard } from './browser.ts';

const misspelt = chatLine('Who is it?', 'me').replace('"assistant"', '"asistant"');
const broken = [...examples(), misspelt, '{"messages": ['];

describe.skipIf(chromiumPath === null)('files', () => {
  let home: Awaited<ReturnType<typeof tinyHome>>;
  let dashboard: Dashboard;
  beforeAll(async () => {
    home = await tinyHome();
    dashboard = await openDashboard({ home: home.home });
  }, 120_000);
  afterAll(async () => {
    await dashboard?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  const stored = async (lines: readonly string[], name: string): Promise<string> => {
    const file = await toFile(Buffer.from(lines.join('\n')), name);
    return (await dashboard.house.openai.files.create({ file, purpose: 'fine-tune' })).id;
  };
  const linesOf = async (id: string): Promise<string[]> =>
    (await (await dashboard.house.openai.files.content(id)).text()).trimEnd().split('\n');
  const newest = async () => (await dashboard.house.openai.files.list({ limit: 1 })).data[0]!;

  test('a broken file is dropped, shown line by line, mended, and the mended file taken home', async () => {
    const page = await dashboard.visit('/files');
    await drop(page, 'broken.jsonl', broken.join('\n'));
    await page.getByRole('link', { name: 'broken.jsonl' }).first().click();
    await page.getByText('A job would refuse this file: 2 errors in 2 of 14 examples.').waitFor();

    const lines = page.getByRole('table', { name: 'Problems by line' });
    const row = lines.getByRole('row').filter({ has: page.getByRole('button', { name: 'Look at line 13' }) });
    expect(await row.innerText()).toContain('Write "role": "assistant".');
    await lines.getByRole('button', { name: 'Look at line 14' }).waitFor();
    await page.getByText('"asistant"', { exact: true }).first().waitFor();

    expect(await page.getByRole('checkbox', { name: 'Leave out 1 row that cannot be mended' }).isChecked()).toBe(true);
    await page.getByRole('button', { name: 'Make the mended file' }).click();
    const saved = await downloaded(page, () => page.getByRole('link', { name: 'Download the mended file' }).click());
    expect(saved.suggestedFilename()).toBe('broken_prepared.jsonl');
    const rows = (await readFile(await saved.path(), 'utf8')).trimEnd().split('\n');
    expect(rows).toEqual([...examples(), chatLine('Who is it?', 'me')]);

    await page.getByRole('link', { name: 'broken_prepared.jsonl' }).click();
    await page.getByText('13 examples, ready to train on.').waitFor();
    await page.getByText('Made from broken.jsonl: 1 row left out, 1 repair made.').waitFor();
    await page.getByRole('tab', { name: 'Price and time' }).click();
    await page.getByRole('button', { name: 'Measure how fast this machine is' }).click();
    await page.getByText(/^about .*, and nothing to pay$/).waitFor();
    await page.getByRole('textbox', { name: 'Epochs' }).fill('1');
    await page
      .getByText(/^less than a cent$/)
      .first()
      .waitFor();
    await page.close();
  });

  test('a large file comes in parts, is stopped, gone on with, and is whole in the end', async () => {
    const line = `${chatLine('How long?', 'x'.repeat(1000))}\n`;
    const content = line.repeat(Math.ceil((20 * 2 ** 20) / line.length));
    const page = await dashboard.visit('/files');
    const parts: string[] = [];
    let isHeld = true;
    await page.route('**/v1/uploads/*/parts', async (route) => {
      parts.push(route.request().url());
      if (parts.length > 2 && isHeld) return; // never answered: as slow as a connection can be
      await route.continue();
    });
    await page.locator('input[type=file]').setInputFiles({
      name: 'large.jsonl',
      mimeType: 'application/jsonl',
      buffer: Buffer.from(content),
    });
    await expect.poll(() => parts.length, { timeout: 30_000 }).toBe(3);
    await page.getByRole('button', { name: 'Stop large.jsonl' }).click();
    await page.getByText(/^Stopped at/).waitFor();
    isHeld = false;
    await page.getByRole('button', { name: 'Go on with large.jsonl' }).click();
    await page.getByText(/, arrived\.$/).waitFor();
    expect(new Set(parts).size).toBe(1); // one upload, gone on with
    const file = await newest();
    expect(file).toMatchObject({ filename: 'large.jsonl', bytes: content.length });
    await page.close();
  });

  test('an upload that was stopped by closing the page goes on when the same file is chosen again', async () => {
    const line = `${chatLine('How far?', 'y'.repeat(1000))}\n`;
    const buffer = Buffer.from(line.repeat(Math.ceil((20 * 2 ** 20) / line.length)));
    const first = await dashboard.visit('/files');
    let sent = 0;
    await dashboard.context.route('**/v1/uploads/*/parts', async (route) => {
      sent += 1;
      if (sent !== 3) await route.continue();
    });
    // Playwright gives a buffer a new date each time; a file on disk keeps its own.
    const path = join(home.home, 'again.jsonl');
    await writeFile(path, buffer);
    await first.locator('input[type=file]').setInputFiles(path);
    await expect.poll(() => sent, { timeout: 30_000 }).toBe(3);
    await expect.poll(() => first.evaluate('Object.values(localStorage).filter((value) => value.includes("part_")).length')).toBe(1); // prettier-ignore
    await first.waitForTimeout(300);
    await first.close();
    const again = await dashboard.visit('/files');
    await again.locator('input[type=file]').setInputFiles(path);
    await again.getByText(/, arrived\.$/).waitFor();
    expect(sent).toBeLessThanOrEqual(5); // three parts, one or two of them twice
    expect((await newest()).bytes).toBe(buffer.length);
    await dashboard.context.unroute('**/v1/uploads/*/parts');
    await again.close();
  });

  test('an example is seen as the model sees it: what it learns is marked, and only that', async () => {
    const id = await stored(examples(), 'train.jsonl');
    const page = await dashboard.visit(`/files/${id}?part=examples`);
    await page.getByRole('listitem', { name: 'Line 1', exact: true }).waitFor();
    await page.getByRole('combobox', { name: 'As a model sees them' }).click();
    await page.getByRole('option', { name: 'tiny', exact: true }).click();
    const first = page.getByRole('listitem', { name: 'Line 1', exact: true });
    await first.locator('mark').waitFor();
    const learnt = await first.locator('mark').allInnerTexts();
    expect(learnt.join('')).toContain('red');
    expect(learnt.join('')).not.toContain('What');
    expect(await first.innerText()).toMatch(/\d+ tokens, \d+ of them learnt/);
    await page.close();
  });

  test('examples are accepted, edited, mended and left out, and saved as a new file beside the old one', async () => {
    const id = await stored(broken, 'raw.jsonl');
    const page = await dashboard.visit(`/files/${id}?part=examples`);
    const line = (n: number) => page.getByRole('listitem', { name: `Line ${n}`, exact: true });
    await page.getByRole('button', { name: 'Accept: line 1', exact: true }).click();
    await page.getByRole('button', { name: 'Leave out: line 2', exact: true }).click();
    await page.getByRole('button', { name: 'Edit: line 3', exact: true }).click();
    await line(3).getByRole('textbox').fill('{"messages": [');
    expect(await line(3).getByRole('button', { name: 'Keep the change' }).isDisabled()).toBe(true);
    await line(3).getByRole('textbox').fill(chatLine('What is 2?', 'two'));
    await line(3).getByRole('button', { name: 'Keep the change' }).click();
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.getByRole('button', { name: 'Accept the repair: line 13' }).click();
    await page.getByRole('button', { name: 'Leave out: line 14' }).click();
    await page.reload(); // what was decided is still there
    await page.getByText('2 edited, 2 left out, 1 accepted as they are.').waitFor();

    await page.getByRole('textbox', { name: 'Save as a new file' }).fill('picked.jsonl');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('link', { name: 'picked.jsonl' }).waitFor();
    const file = await newest();
    expect(file.filename).toBe('picked.jsonl');
    const [one, , , ...others] = examples();
    expect(await linesOf(file.id)).toEqual([
      one,
      chatLine('What is 2?', 'two'),
      ...others,
      chatLine('Who is it?', 'me'),
    ]);
    expect(await linesOf(id)).toEqual(broken);
    await page.close();
  });

  test('what two files share is found when they are compared', async () => {
    const train = await stored(examples(), 'mine.jsonl');
    await stored([chatLine('Where is it?', 'here'), examples()[6]!], 'exam.jsonl');
    const page = await dashboard.visit(`/files/${train}?part=findings`);
    await page.getByText('ready to train on').waitFor();
    await page.getByRole('combobox', { name: 'The other file' }).fill('exam.jsonl');
    await page.getByRole('option', { name: /^exam\.jsonl/ }).click();
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByRole('heading', { name: 'Examples that stand in both files' }).waitFor();
    await page.getByRole('button', { name: 'Look at line 7' }).first().click();
    await page.getByRole('listitem', { name: 'Line 7', exact: true }).waitFor();
    expect(await page.getByRole('list', { name: 'Examples' }).getByRole('listitem').count()).toBe(1);
    await page.goBack();
    await page.getByRole('heading', { name: 'Examples that stand in both files' }).waitFor();
    await page.close();
  });

  test('statistics are pictures with their figures, which can be taken along', async () => {
    const labelled = Array.from({ length: 30 }, (_, i) =>
      chatLine(`Is the mail number ${i} spam?`, i % 3 ? 'ham' : 'spam'),
    );
    const id = await stored(labelled, 'labels.jsonl');
    const page = await dashboard.visit(`/files/${id}?part=statistics`);
    await page.getByRole('heading', { name: 'Labels' }).waitFor();
    expect(await page.getByRole('row', { name: /^ham/ }).innerText()).toContain('20');
    await page.getByText('Whoever always says “ham” is right 67 % of the time').waitFor();
    const table = await downloaded(page, () => page.getByRole('button', { name: 'Save as a table: 2 labels' }).click());
    expect(await readFile(await table.path(), 'utf8')).toBe('"Label","examples"\n"ham","20"\n"spam","10"\n');
    const picture = await downloaded(page, () =>
      page.getByRole('button', { name: 'Save as a picture: 2 labels' }).click(),
    );
    expect((await readFile(await picture.path())).subarray(1, 4).toString()).toBe('PNG');
    await page.close();
  });

  test('the keyboard alone finds an error, reads its row, leaves it out and saves the rest', async () => {
    const id = await stored(broken, 'keys.jsonl');
    const page = await dashboard.visit(`/files/${id}`);
    await page.getByText('A job would refuse this file').waitFor();
    const at = (): Promise<string> =>
      page.evaluate('document.activeElement.getAttribute("aria-label") ?? document.activeElement.innerText');
    const tabTo = async (name: string): Promise<void> => {
      for (let i = 0; i < 120; i++) {
        if ((await at()) === name) return;
        await page.keyboard.press('Tab');
      }
      throw new Error(`The keyboard does not reach "${name}".`);
    };
    await tabTo('Look at line 14');
    await page.keyboard.press('Enter');
    await page.getByRole('listitem', { name: 'Line 14', exact: true }).waitFor();
    await expect.poll(at).toBe('Examples'); // the tab that has opened
    await tabTo('Edit: line 14');
    await page.keyboard.press('Enter');
    await page.keyboard.type('x'); // the field has the focus
    await expect.poll(() => page.getByRole('textbox', { name: 'Line 14 as JSON' }).inputValue()).toContain('x');
    await tabTo('Never mind');
    await page.keyboard.press('Enter');
    await tabTo('Leave out: line 14');
    await page.keyboard.press('Enter');
    await expect.poll(at).toBe('Take back: line 14');
    await page.keyboard.press('Shift+Tab');
    await expect.poll(at).toBe('Forget them');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'keys_edited.jsonl' }).waitFor();
    expect(await linesOf((await newest()).id)).toEqual(broken.slice(0, 13));
    await page.close();
  });

  test.each([
    ['desk', 'light'],
    ['phone', 'dark'],
  ] as const)(
    'axe finds nothing in any part of a file on a %s in the %s, and nothing overflows',
    async (size, scheme) => {
      const rows = [...broken, chatLine('Mail me', 'to joe.doe@example.com'), examples()[0]!];
      const id = await stored(rows, `parts-${size}.jsonl`);
      const page = await dashboard.visit(`/files/${id}`, { size, scheme });
      await page.getByText('A job would refuse this file').waitFor();
      for (const part of ['Problems', 'Findings', 'Statistics', 'Price and time', 'Examples']) {
        await page.getByRole('tab', { name: part }).click();
        await page.getByRole('tabpanel').locator('section, li').first().waitFor();
        if (part === 'Examples') {
          await page.getByRole('combobox', { name: 'As a model sees them' }).click();
          await page.getByRole('option', { name: 'tiny', exact: true }).click();
          await page.locator('mark').first().waitFor();
          await page.getByRole('button', { name: 'Leave out: line 2', exact: true }).click();
          await page.getByRole('button', { name: 'Edit: line 3', exact: true }).click();
        }
        expect(await violationsOn(page), part).toEqual([]);
        const isWider = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
        expect(isWider, `${part} is wider than the screen`).toBe(false);
      }
      await page.close();
    },
  );

  test('an upload goes on by itself when the server was away for a while', async () => {
    const page = await dashboard.visit('/files');
    let isAway = true;
    await page.route('**/v1/files', (route) =>
      route.request().method() === 'POST' && isAway ? route.abort('connectionrefused') : route.continue(),
    );
    await drop(page, 'patient.jsonl', examples().join('\n'));
    await page.getByText('this goes on by itself when it does').waitFor();
    isAway = false;
    await page.getByText(/, arrived\.$/).waitFor();
    expect(await newest()).toMatchObject({ filename: 'patient.jsonl' });
    await page.close();
  });

  test('a hundred thousand files scroll as ten do, and any is found by its name', async () => {
    const { database } = dashboard.house.house;
    const object = (i: number) => ({
      id: `file-many${i}`,
      object: 'file',
      bytes: i,
      created_at: 1_700_000_000,
      expires_at: null,
      filename: `one of many ${i}.jsonl`,
      purpose: 'evals',
      status: 'processed',
      status_details: null,
    });
    for (let start = 0; start < 100_000; start += 500) {
      const rows = Array.from({ length: 500 }, (_, i) => ({
        id: `file-many${start + i}`,
        project: 'default',
        purpose: 'evals',
        created_at: 1_700_000_000,
        expires_at: null,
        object: JSON.stringify(object(start + i)),
        sha256: '0'.repeat(64),
      }));
      await database.insertInto('files').values(rows).execute();
    }
    const page = await dashboard.visit('/files');
    const list = page.getByRole('table', { name: 'Files' });
    await list.getByRole('link', { name: 'one of many 99999.jsonl' }).waitFor();
    for (let i = 0; i < 3; i++) {
      await list.evaluate((each) => each.scrollTo(0, each.scrollHeight));
      await page.waitForTimeout(300);
    }
    expect(await list.getByRole('row').count()).toBeLessThan(60);
    await page.getByRole('textbox', { name: 'Find a file by its name' }).fill('many 77.jsonl');
    await list.getByRole('link', { name: 'one of many 77.jsonl' }).waitFor();
    await page.getByText('1 file found').waitFor();
    await page.close();
    await database.deleteFrom('files').where('id', 'like', 'file-many%').execute();
  });

  test('a file is deleted only when it is said twice, and is gone from the list', async () => {
    const id = await stored(examples(), 'unwanted.jsonl');
    const page = await dashboard.visit(`/files/${id}`);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('heading', { name: 'Files', exact: true }).waitFor();
    await expect.poll(() => page.getByRole('link', { name: 'unwanted.jsonl' }).count()).toBe(0);
    await expect(dashboard.house.openai.files.retrieve(id)).rejects.toMatchObject({ status: 404 });
    const { data } = await dashboard.house.openai.get<{ data: { request: { file: string } }[] }>('/tasks', {
      query: { type: 'file_check', limit: 100 },
    });
    expect(data.filter(({ request }) => request.file === id)).toEqual([]);
    await page.close();
  });
});

test.skipIf(chromiumPath === null)(
  'where keys are on, files come, are looked over and go with nothing but the cookie',
  { timeout: 120_000 },
  async () => {
    await using dashboard = await openDashboard({ apiKeys: ['sk-of-the-operator'] });
    const page = await dashboard.visit('/files');
    await page.getByLabel('Key', { exact: true }).fill('sk-of-the-operator');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await drop(page, 'mine.jsonl', examples().join('\n'));
    await page.getByRole('link', { name: 'mine.jsonl' }).first().click();
    await page.getByText('12 examples, ready to train on.').waitFor();
    const saved = await downloaded(page, () => page.getByRole('link', { name: 'Download' }).click());
    expect(await readFile(await saved.path(), 'utf8')).toBe(examples().join('\n'));
  },
);

async function downloaded(page: Page, act: () => Promise<void>): Promise<Download> {
  const [download] = await Promise.all([page.waitForEvent('download'), act()]);
  return download;
}

/** As a file manager does it. */
async function drop(page: Page, name: string, content: string): Promise<void> {
  const data = await page.evaluateHandle(
    ([named, text]) => {
      const transfer = new (
        globalThis as never as { DataTransfer: new () => { items: { add(file: File): void } } }
      ).DataTransfer();
      transfer.items.add(new File([text!], named!));
      return transfer;
    },
    [name, content],
  );
  const area = page.getByRole('region', { name: 'Bring a file' });
  await area.dispatchEvent('dragover', { dataTransfer: data });
  await area.dispatchEvent('drop', { dataTransfer: data });
}
