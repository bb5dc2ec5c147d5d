/** What axe finds wrong with a page, as lines that a failing test can show. */

import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** By the rules of WCAG 2.2 AA and axe's own best practices. Empty where nothing is wrong. */
export async function violationsOn(page: Page): Promise<string[]> {
  // Through the debugger's door, which the page's policy does not guard.
  const isThere = await page.evaluate<boolean>(`'axe' in globalThis`);
  if (!isThere) await page.evaluate(`${axe.source}; undefined`);
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}\n${nodes.map(({ html, failureSummary }) => `  ${html}\n  ${failureSummary}`).join('\n')}`,
  );
}
