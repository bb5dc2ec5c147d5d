/** What the documents tell a reader to run is run, or at least is there: README, examples. */

import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { settingsTable } from '../../src/config.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { writeTinyLlama } from '../tiny-model.ts';

const root = resolve(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const run = promisify(execFile);

/** The code blocks of one language, in order. */
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, code]) => code ?? '');
const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));

describe('README', () => {
  test('the first screen has exactly two commands: the main job, and the tests', () => {
    const [beforeFirstChapter = ''] = readme.split('\n## ');
    expect([...beforeFirstChapter.matchAll(/^```sh\n(.*)\n```/gm)].map(([, command]) => command)).toEqual([
      'npm ci && npm run quickstart',
      'npm cit',
    ]);
    expect(beforeFirstChapter.match(/^```/gm)).toHaveLength(4);
  });

  test('every npm script it names is there', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(2);
    for (const name of named) expect(scripts).toHaveProperty([String(name)]);
  });

  const lines = commands.map((line) => line.replace('npm run tunesmith --', 'tunesmith'));
  test.each(lines.filter((line) => line.startsWith('tunesmith ')))('%s: command and options exist', async (line) => {
    const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').slice(1);
    const { code, stdout } = await tunesmith([...words, '--help']);
    expect(code).toBe(0);
    for (const option of words.filter((word) => word.startsWith('--'))) expect(stdout).toContain(option);
    const isParent = ['models', 'files', 'jobs'].includes(String(words[0]));
    expect(stdout).toMatch(new RegExp(`^Usage: tunesmith ${words.slice(0, isParent ? 2 : 1).join(' ')}`));
  });

  test('the settings it links to are the settings', () => {
    const page = readFileSync(join(root, 'docs/settings.md'), 'utf8');
    const told = [...page.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    const known = Object.values(settingsTable).map(({ variable }) => variable);
    expect(told).toEqual(expect.arrayContaining(known));
    expect(told.filter((name) => !known.includes(String(name)))).toEqual(['HF_ENDPOINT']);
  });

  test('its links lead somewhere, and its map names every folder of src', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => String(path));
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const [map = ''] = blocks('text');
    expect(folders.map(({ name }) => `${name}/`).filter((name) => !map.includes(name))).toEqual([]);
  });
});

describe('programs, against a house with a tiny model', () => {
  let house: TestHouse;
  let training = '';
  beforeAll(async () => {
    house = await openTestHouse({ modelAliases: { 'smollm2-135m-instruct': 'tiny' } });
    await writeTinyLlama(join(house.home, 'tiny.gguf'));
    await house.house.bases.pull(join(house.home, 'tiny.gguf'));
    training = join(house.home, 'train.jsonl');
    const messages = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hi' },
    ];
    await writeFile(training, `${JSON.stringify({ messages })}\n`.repeat(12));
  });
  afterAll(() => house[Symbol.asyncDispose]());

  const environment = () => ({ ...process.env, OPENAI_BASE_URL: house.url, OPENAI_API_KEY: 'tunesmith' });

  test("the README's program runs as it stands, but for the address", async () => {
    const [program = ''] = blocks('js');
    expect(program).toContain('http://127.0.0.1:8080/v1');
    const folder = join(house.home, 'program');
    await mkdir(folder);
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    await symlink(training, join(folder, 'train.jsonl'));
    await writeFile(join(folder, 'program.mjs'), program.replace('http://127.0.0.1:8080/v1', house.url));
    const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: folder });
    expect(stdout.endsWith('\n')).toBe(true);
    const [job] = (await house.openai.fineTuning.jobs.list()).data;
    expect(job).toMatchObject({ status: 'succeeded', model: 'smollm2-135m-instruct' });
  });

  test('examples/fine-tune.mjs trains and asks', async () => {
    const program = join(root, 'examples/fine-tune.mjs');
    const { stdout } = await run(process.execPath, [program, 'tiny', training], { env: environment() });
    expect(stdout).toMatch(/^Created fine-tuning job: ftjob-/);
    expect(stdout).toMatch(/^ft:tiny:personal::\w{8} says: /m);
  });

  test('examples/fine-tune.sh trains and asks', async () => {
    const { stdout } = await run('sh', [join(root, 'examples/fine-tune.sh'), 'tiny', training], { env: environment() });
    expect(stdout).toMatch(/^uploaded file-\w+\ncreated ftjob-\w+\nft:tiny:personal::\w{8} says:\n\{/);
    expect(JSON.parse(stdout.slice(stdout.indexOf('{')))).toMatchObject({ object: 'chat.completion' });
  });

  test('an example whose job fails says why and ends with an error', async () => {
    const bad = join(house.home, 'bad.jsonl');
    await writeFile(bad, 'not JSON\n'.repeat(12));
    const program = join(root, 'examples/fine-tune.mjs');
    await expect(run(process.execPath, [program, 'tiny', bad], { env: environment() })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ftjob-\w+ failed: .*line 1/) as unknown,
    });
  });
});

test('the hyper-parameters that the README lists are those the server takes', async () => {
  await using house = await openTestHouse();
  const listed = /hyper-parameters than[\s\S]*?\(`method[^)]*\): ([\s\S]*?)\. The job/.exec(readme)?.[1] ?? '';
  const names = [...listed.matchAll(/`(\w+)`/g)].map(([, name]) => String(name));
  const hyperparameters = { nonsense: 1 } as object;
  const request = { model: 'm', training_file: 'f', hyperparameters };
  const refusal = await house.openai.fineTuning.jobs.create(request).then(String, (error: Error) => error.message);
  const supported = /Supported hyper-parameters are: ([^.]*)/.exec(refusal)?.[1]?.split(', ') ?? [];
  expect(supported.filter((name) => !['n_epochs', 'batch_size', 'learning_rate_multiplier'].includes(name))).toEqual(
    names,
  );
});
