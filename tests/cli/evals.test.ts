/** `tunesmith evals`, as a user runs it. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerSchema, sameAnswer } from '../evals/api/eval-journey.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';
import { type Ran, tunesmith } from './tunesmith.ts';

let house: TestHouse;
let evalId = '';
const at = (name: string): string => join(house.home, name);
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
  const made = {
    name: 'capitals',
    data_source_config: { type: 'custom', item_schema: answerSchema },
    testing_criteria: [sameAnswer],
  };
  await writeFile(at('eval.json'), JSON.stringify(made));
  const lines = [
    { item: { question: 'France?', answer: 'Paris' }, sample: { output_text: 'Paris' } },
    { item: { question: 'Norway?', answer: 'Oslo' }, sample: { output_text: '\u001b[2JRome\nit is' } },
  ];
  await writeFile(at('items.jsonl'), lines.map((line) => JSON.stringify(line)).join('\n'));
  evalId = (await run('evals', 'create', at('eval.json'))).stdout.trim();
});
afterAll(() => house[Symbol.asyncDispose]());

const run = (...words: string[]): Promise<Ran> => tunesmith([...words, '--base-url', house.url]);

describe('evals', () => {
  test('create, run, show, items, list and delete tell one story', async () => {
    expect(evalId).toMatch(/^eval_\w+$/);
    const followed = await run('evals', 'run', evalId, '--data', at('items.jsonl'), '--name', 'first', '--follow');
    expect(followed).toMatchObject({ code: 0 });
    expect(followed.stdout).toMatch(/^status +completed$/m);
    expect(followed.stdout).toMatch(/^items +1 passed, 1 failed, 0 errors, 2 in all$/m);
    const id = /evalrun_\w+/.exec(followed.stdout)![0];
    expect(followed.stderr).toContain(`tunesmith evals items ${evalId} ${id} --status fail`);
    expect((await run('evals', 'show', evalId, id)).stdout).toBe(followed.stdout);
    expect((await run('evals', 'show', evalId)).stdout).toMatch(new RegExp(`^${id} +completed +- +1 +1 +0 +2`, 'm'));
    expect((await run('evals', 'list')).stdout).toMatch(new RegExp(`^${evalId} +capitals +1`, 'm'));
    const items = await run('evals', 'items', evalId, id, '--status', 'fail');
    expect(items.stdout).toMatch(/^ +1 +fail +0 +\uFFFD\[2JRome it is$/m);
    expect(items.stdout).not.toContain('Paris');
    const json = JSON.parse((await run('evals', 'items', evalId, id, '--json')).stdout) as { status: string }[];
    expect(json.map(({ status }) => status).sort()).toEqual(['fail', 'pass']);
    expect((await run('evals', 'delete', evalId, id)).stdout).toBe(`Deleted ${id}.\n`);
    expect((await run('evals', 'show', evalId, id)).code).toBe(1);
  });

  test('run asks a model, and a terminal sees how far it is', async () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ item: { question: `Number ${i}?`, answer: 'x' } }));
    await writeFile(at('many.jsonl'), many.map((line) => JSON.stringify(line)).join('\n'));
    const asked = ['--model', 'tiny', '--prompt', '{{item.question}}', '--system', 'Be short.', '--max-tokens', '8'];
    const words = ['evals', 'run', evalId, '--data', at('many.jsonl'), ...asked, '--follow', '--base-url', house.url];
    const { code, stderr, stdout } = await tunesmith(words, { interactive: true });
    expect({ code, progress: /\d+\/100 judged/.test(stderr) }).toEqual({ code: 0, progress: true });
    expect(stdout).toMatch(/^model +tiny$/m);
    expect(stdout).toMatch(/^tokens +\d+$/m);
  });

  test('run takes a whole data source, and cancel stops it', async () => {
    const content = Array.from({ length: 500 }, () => ({ item: { question: 'a', answer: 'b' } }));
    const input_messages = { type: 'template', template: [{ role: 'user', content: '{{item.question}}' }] };
    const source = { type: 'completions', model: 'tiny', input_messages, source: { type: 'file_content', content } };
    await writeFile(at('source.json'), JSON.stringify(source));
    const started = await run('evals', 'run', evalId, '--source', at('source.json'));
    const id = started.stdout.trim();
    expect(started.stderr).toContain(`tunesmith evals follow ${evalId} ${id}`);
    expect((await run('evals', 'cancel', evalId, id)).stdout).toMatch(/ is canceled; .* 500 in all\.$/m);
    const followed = await run('evals', 'follow', evalId, id);
    expect(followed).toMatchObject({ code: 3, stderr: expect.stringContaining('is canceled') });
  });

  test('a run that fails ends with code 3 and the reason', async () => {
    await writeFile(at('bad.jsonl'), '{"item": 3}\n');
    const failed = await run('evals', 'run', evalId, '--data', at('bad.jsonl'), '--follow');
    expect(failed).toMatchObject({ code: 3, stderr: expect.stringMatching(/line 1: it has no item/) });
  });

  test.each([
    [[], /--data with a file of them, or --source/],
    [['--data', 'a', '--source', 'b'], /--data with a file of them, or --source/],
    [['--data', 'a', '--prompt', 'x'], /--prompt is for a model: add --model/],
    [['--data', 'a', '--model', 'tiny'], /--prompt with a template, or --messages/],
    [['--data', 'a', '--model', 'tiny', '--messages', 'item.m', '--system', 's'], /--system goes with --prompt/],
    [['--source', 'a', '--model', 'tiny'], /--model goes with --data/],
    [['--data', 'nowhere.jsonl'], /neither a file here nor the id/],
  ])('run %j is refused', async (words, message) => {
    const { code, stderr } = await run('evals', 'run', evalId, ...words);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });

  test('a file that is no JSON is told', async () => {
    await writeFile(at('no.json'), '{');
    expect(await run('evals', 'create', at('no.json'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is not JSON/),
    });
  });
});
