/** The official Python SDK, unmodified, in a virtual environment of its own (`setup.sh`), against the real server. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse } from '../house.ts';
import { tinyHome } from '../jobs/tiny-house.ts';

const run = promisify(execFile);
const here = import.meta.dirname;

/** The names in the list at the end of the program, so that a journey which never ran is seen. */
const program = readFileSync(join(here, 'journeys.py'), 'utf8');
const journeys = [...program.split('\njourneys = [')[1]!.split(']')[0]!.matchAll(/\w+/g)].map(([name]) => name);

let missing: string | null = null;
const outcomes = new Map<string, string | null>();

beforeAll(async () => {
  const setup = await run('sh', [join(here, 'setup.sh')]).catch((error: unknown) => error as Error);
  if (setup instanceof Error) {
    if (process.env['CI']) throw setup;
    missing = `the Python SDK is not here: ${setup.message}`;
    return;
  }
  await using folder = await tinyHome({ contextTokens: 2048 });
  await using house = await openTestHouse({ home: folder.home });
  const env = { ...process.env, OPENAI_BASE_URL: house.url, OPENAI_API_KEY: 'any-key' };
  const { stdout } = await run(setup.stdout.trim(), [join(here, 'journeys.py'), 'tiny'], { env });
  for (const line of stdout.trim().split('\n')) {
    const { journey, error } = JSON.parse(line) as { journey: string; error: string | null };
    outcomes.set(journey, error);
  }
}, 300_000);

describe('the Python SDK', () => {
  test.for(journeys)('%s', (name, context) => {
    if (missing !== null) context.skip(missing);
    expect(outcomes.has(name), 'the journey never ended').toBe(true);
    expect(outcomes.get(name)).toBeNull();
  });
});
