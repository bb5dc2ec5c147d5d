/** What docs/graders.md and docs/batches-and-webhooks.md say is so. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { batchEndpoints } from '../../src/domain/batch.ts';
import type { GraderErrors } from '../../src/domain/grader.ts';
import { webhookEvents } from '../../src/domain/webhook.ts';
import { noErrors } from '../../src/graders/failure.ts';
import { textMetrics } from '../../src/graders/similarity/metrics.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { openTestHouse } from '../house.ts';

const page = (name: string): string => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
const graders = page('graders');
const batches = page('batches-and-webhooks');

test('the example of a grader gives what it promises', async () => {
  await using house = await openTestHouse();
  const [, code] = /run\(([\s\S]*?)\);\n```/.exec(graders)!;
  const body = parse(code!) as Parameters<typeof house.openai.fineTuning.alpha.graders.run>[0];
  const { reward, metadata } = await house.openai.fineTuning.alpha.graders.run(body);
  expect({ reward, errors: metadata.errors }).toEqual({ reward: 1, errors: noErrors satisfies GraderErrors });
});

test('every metric, event and endpoint is named', () => {
  for (const metric of Object.keys(textMetrics).filter((name) => !/rouge_[234]/.test(name)))
    expect(graders).toContain(`\`${metric}\``);
  for (const endpoint of batchEndpoints) expect(batches).toContain(`\`${endpoint}\``);
  const families = new Set(webhookEvents.map((event) => event.slice(0, event.lastIndexOf('.'))));
  for (const family of families) {
    const endings = webhookEvents
      .filter((event) => event.startsWith(`${family}.`))
      .map((event) => event.split('.').at(-1));
    for (const ending of endings) expect(batches).toMatch(new RegExp(`${family}[^;]*\\.${ending}\``));
  }
});

const commands = [...batches.matchAll(/tunesmith (batches|webhooks) (\w+)/g)].map(([command]) => command);
test.each([...new Set(commands)])('%s exists', async (command) => {
  const { code, stdout } = await tunesmith([...command.split(' ').slice(1), '--help']);
  expect({ code, usage: stdout.startsWith(`Usage: ${command}`) }).toEqual({ code: 0, usage: true });
});
