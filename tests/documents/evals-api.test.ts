/** What docs/evals-api.md says is so. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { tunesmith } from '../cli/tunesmith.ts';
import { waitForRun } from '../evals/api/eval-journey.ts';
import { openTestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';

const page = readFileSync(new URL('../../docs/evals-api.md', import.meta.url), 'utf8');

test('its example makes an eval and a run of it', async () => {
  await using house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
  const [, made] = /evals\.create\(([\s\S]*?)\);\n/.exec(page)!;
  const [, asked] = /runs\.create\(id, ([\s\S]*?)\);\n/.exec(page)!;
  const { evals } = house.openai;
  const { id } = await evals.create(parse(made!) as Parameters<typeof evals.create>[0]);
  const run = await evals.runs.create(id, parse(asked!) as Parameters<typeof evals.runs.create>[1]);
  const ended = await waitForRun(house.openai, id, run.id);
  expect(ended).toMatchObject({ status: 'completed', result_counts: { total: 1, errored: 0 } });
});

const commands = new Set([...page.matchAll(/tunesmith (evals) (\w+)/g)].map(([command]) => command));
test.each([...commands])('%s exists', async (command) => {
  const { code, stdout } = await tunesmith([...command.split(' ').slice(1), '--help']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`Usage: ${command}`) });
});
