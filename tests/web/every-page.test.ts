/**
 * What is true of every page, in a house that somebody has used: on a phone and on a desk, light and dark, axe finds
 * nothing wrong with it, nothing is wider than the screen, the keyboard reaches everything and shows where it is, and
 * what came from outside is text.
 */

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { violationsOn } from './axe.ts';
import { chromiumPath, type Dashboard, openDashboard, sizes, type View } from './browser.ts';
import { type LivedIn, openLivedIn } from './lived-in.ts';

const views: readonly Required<View>[] = [
  { size: 'desk', scheme: 'light' },
  { size: 'desk', scheme: 'dark' },
  { size: 'phone', scheme: 'light' },
  { size: 'phone', scheme: 'dark' },
];

const pages = [
  'home',
  'files',
  'file',
  'broken-file',
  'jobs',
  'new-job',
  'job',
  'failed-job',
  'models',
  'base-model',
  'model',
  'playground',
  'evaluations',
  'new-evaluation',
  'evaluation',
  'run',
  'compare',
  'sweeps',
  'leaving',
  'settings',
];

describe.skipIf(chromiumPath === null)('every page', () => {
  let lived: LivedIn;
  let dashboard: Dashboard;
  beforeAll(async () => {
    lived = await openLivedIn();
    dashboard = await openDashboard(lived.house);
  });
  afterAll(async () => {
    await dashboard?.[Symbol.asyncDispose]();
    await lived?.[Symbol.asyncDispose]();
  });

  test('is in this list', () => {
    expect(Object.keys(lived.addresses)).toEqual(pages);
  });

  test.each(pages)('%s: axe finds nothing, nothing overflows, and nothing from outside has run', async (name) => {
    const page = await dashboard.visit(lived.addresses[name]!);
    await settled(page);
    for (const { size, scheme } of views) {
      await page.setViewportSize(sizes[size]);
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      await page.waitForTimeout(100); // charts follow in the next frames
      const where = `${name} on a ${size} in the ${scheme}`;
      expect(await violationsOn(page), where).toEqual([]);
      const [width, shown] = (await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')) as number[];
      expect(width, `${where} is wider than the screen`).toBeLessThanOrEqual(shown!);
      expect(await page.title(), where).toMatch(/ · Tunesmith$/);
    }
    await page.close();
  });

  test.each(pages)('%s: the keyboard reaches everything there is to press, and shows where it is', async (name) => {
    const page = await dashboard.visit(lived.addresses[name]!);
    await settled(page);
    const reached = new Set<string>();
    for (let presses = 0; presses < 400; presses++) {
      await page.keyboard.press('Tab');
      const [element, isSeen] = (await page.evaluate(whereFocusIs)) as [string | null, boolean];
      if (element === null) break;
      expect(isSeen, `the focus on ${element} is not to be seen`).toBe(true);
      if (reached.has(element)) break;
      reached.add(element);
    }
    const missed = (await page.evaluate<string[]>(pressable)).filter((each) => !reached.has(each));
    expect(missed).toEqual([]);
    await page.close();
  });
});

/** Until what the page asked for has come and been drawn. */
async function settled(page: Page): Promise<void> {
  await page.waitForLoadState('load');
  const looking = page.getByRole('status').filter({ hasText: 'Looking…' });
  await expect.poll(() => looking.count(), { timeout: 20_000 }).toBe(0);
  await page.waitForTimeout(400);
}

/** Elements get numbers as they are met, which stay with them. */
const numbering = `
  const numbers = (globalThis.numbers ??= new Map());
  const nameOf = (element) => {
    if (!numbers.has(element)) numbers.set(element, numbers.size);
    return numbers.get(element) + ' ' + element.tagName.toLowerCase() + ' ' + (element.getAttribute('aria-label') ?? element.textContent ?? '').trim().slice(0, 60);
  };`;

/** The focused element, null when the focus has left the page, and whether anything about it shows the focus. */
const whereFocusIs = `(() => {${numbering}
  const element = document.activeElement;
  if (element === null || element === document.body) return [null, true];
  const shows = (one) => {
    const { outlineStyle, outlineWidth, boxShadow, borderColor } = getComputedStyle(one);
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none' || one.matches('input, textarea, select');
  };
  const around = [element, element.parentElement, element.nextElementSibling, element.parentElement?.querySelector('label')];
  return [nameOf(element), around.some((one) => one && shows(one))];
})()`;

/** What a mouse could press. Of radio buttons of one group the keyboard reaches one, and the arrows the others. */
const pressable = `(() => {${numbering}
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [role=button], [role=tab], [role=switch]')];
  return all
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled && element.type !== 'radio' && element.type !== 'file')
    .filter((element) => element.getAttribute('role') !== 'tab' || element.getAttribute('aria-selected') === 'true')
    .filter((element) => element.tabIndex >= 0 && element.closest('[inert], [aria-hidden=true]') === null)
    .map(nameOf);
})()`;
