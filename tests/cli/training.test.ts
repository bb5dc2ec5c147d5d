/** The commands that train and answer, with a tiny model, and a server that lives as long as the command. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeTinyLlama } from '../tiny-model.ts';
import { tunesmith } from './tunesmith.ts';

let home = '';
let training = '';

const example = (i: number) => {
  const label = i % 2 === 0 ? 'yes' : 'no';
  const content = label === 'yes' ? `aaaa ${i}` : `zzzz ${i}`;
  return JSON.stringify({ messages: [{ role: 'user', content }, { role: 'assistant', content: label }] }); // prettier-ignore
};

const examples = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `${example(from + i)}\n`).join('');

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tunesmith-training-'));
  training = join(home, 'train.jsonl');
  await writeFile(training, examples(0, 20));
  await writeTinyLlama(join(home, 'tiny.gguf'));
  const pulled = await tunesmith(['models', 'pull', join(home, 'tiny.gguf'), '--home', home]);
  expect(pulled.code, pulled.stderr).toBe(0);
});
afterAll(() => rm(home, { recursive: true }));

const run = (words: readonly string[], options = {}) => tunesmith([...words, '--home', home], options);
const quick = ['--epochs', '2', '--batch-size', '4', '--set', 'learning_rate=0.01', '--set', 'lora_rank=4'];

interface Created {
  readonly id: string;
  readonly status: string;
  readonly fine_tuned_model: string;
  readonly hyperparameters: Record<string, unknown>;
}

test('jobs create --follow trains to the end without a server, and the model answers', async () => {
  const created = await run(['jobs', 'create', '-m', 'tiny', '-f', training, ...quick, '--suffix', 'cli', '--follow']);
  expect(created.code, created.stderr).toBe(0);
  expect(created.stderr).toMatch(/Uploaded .*train\.jsonl as file-/);
  expect(created.stdout).toMatch(/info {3}Step 10\/10: training loss=/);
  expect(created.stdout).toMatch(/^status +succeeded$/m);
  const model = /^fine-tuned model +(ft:tiny:personal:cli:\w{8})$/m.exec(created.stdout)?.[1] ?? '';
  const id = /^id +(ftjob-\w+)$/m.exec(created.stdout)?.[1] ?? '';

  expect((await run(['models', 'list'])).stdout).toMatch(new RegExp(`^${model} +fine-tuned`, 'm'));
  expect((await run(['jobs', 'list'])).stdout).toMatch(new RegExp(`^${id} +succeeded +tiny +${model} `, 'm'));
  expect((await run(['jobs', 'events', id])).stdout).toMatch(/Created fine-tuning job[\s\S]*successfully completed/);

  const chat = ['chat', model, 'aaaa 2', '--temperature', '0', '--max-tokens', '4'];
  const completion = JSON.parse((await run([...chat, '--json'])).stdout) as OpenAI.ChatCompletion;
  expect(completion.model).toBe(model);
  const streamed = await run(chat);
  expect(streamed).toMatchObject({ code: 0, stdout: `${completion.choices[0]?.message.content}\n` });
  const asked = await run(['chat', model, '--temperature', '0', '--max-tokens', '4'], { stdin: 'aaaa 2\n' });
  expect(asked.stdout).toBe(streamed.stdout);
  expect(await run(['models', 'remove', model])).toMatchObject({ code: 0 });
});

test('with --json every event is a line of JSON and the job comes last', async () => {
  const { code, stdout } = await run(['jobs', 'create', '-m', 'tiny', '-f', training, ...quick, '--follow', '--json']);
  expect(code).toBe(0);
  const end = stdout.indexOf('\n{\n');
  const events = stdout.slice(0, end).split('\n');
  expect(events.map((line) => (JSON.parse(line) as { object: string }).object)).toEqual(
    events.map(() => 'fine_tuning.job.event'),
  );
  const job = JSON.parse(stdout.slice(end)) as Created;
  expect(job).toMatchObject({ status: 'succeeded', hyperparameters: { n_epochs: 2, batch_size: 4, lora_rank: 4 } });
});

test('a job whose file is bad ends with exit code 3 and the line that is wrong', async () => {
  const bad = join(home, 'bad.jsonl');
  await writeFile(bad, `${examples(0, 11)}{"messages": [{"role": "robot", "content": "?"}]}\n`);
  const { code, stderr } = await run(['jobs', 'create', '-m', 'tiny', '-f', bad, '--follow']);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^Error: ftjob-\w+ failed: .*12/m);
});

test('a job made without a server waits; Ctrl-C while following leaves it to be followed again', async () => {
  const made = await run(['jobs', 'create', '-m', 'tiny', '-f', training, '--epochs', '50', '--batch-size', '1']);
  expect(made.stderr).toMatch(/waits until "tunesmith serve" does/);
  const id = made.stdout.trim();

  const ctrlC = new AbortController();
  const left = await run(['jobs', 'follow', id], {
    signal: ctrlC.signal,
    onOutput: (text: string) => void (text.includes('Step 3/') && ctrlC.abort()),
  });
  expect(left.code).toBe(130);
  expect(left.stderr).toContain(
    `continues from its last checkpoint when a server runs; see it with: tunesmith jobs follow ${id}`,
  );

  expect(await run(['jobs', 'cancel', id])).toMatchObject({ code: 0 });
  const ended = await run(['jobs', 'follow', id]);
  expect(ended.code).toBe(3);
  expect(ended.stderr).toMatch(new RegExp(`^Error: ${id} cancelled`, 'm'));
});

test('a model that is not there is refused with the status of the server', async () => {
  const { code, stderr } = await run(['chat', 'no-such-model', 'hello']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Error: The model `no-such-model` does not exist .* \(404 model_not_found from http/);
});

test("the quickstart compares base and fine-tuned on a user's own files, and finds all of it again", async () => {
  const held = join(home, 'test.jsonl');
  await writeFile(held, examples(100, 6));
  const words = [
    'quickstart',
    '--model',
    'tiny',
    '--train',
    training,
    '--test',
    held,
    '--positive',
    'yes',
    '--shots',
    '2',
  ];
  // A server in the environment is for other commands: this one brings its own.
  const env = { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' };
  const first = await run([...words, '--epochs', '2', '--json'], { env });
  expect(first.code, first.stderr).toBe(0);
  const result = JSON.parse(first.stdout) as { model: string; job: string; rows: { name: string }[] };
  expect(result.rows.map(({ name }) => name)).toEqual(['always "no"', 'base, zero-shot', 'base, 2-shot', 'fine-tuned']);
  expect(first.stderr).toContain(`"model":"${result.model}"`);
  expect(first.stderr).toMatch(/serve --home/);

  const second = await run([...words, '--epochs', '2']);
  expect(second.stderr).toContain(`Already done by ${result.job}`);
  expect(second.stderr).toContain('asked in an earlier run');
  expect(second.stdout).toMatch(/^% +ACCURACY +PRECISION +RECALL +F1/);
  expect(second.stdout).toMatch(/^fine-tuned +\d+\.\d \(/m);
});
