import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { temporaryFolder, type TemporaryFolder } from '../formats/folder.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { tunesmith, type Ran, type RunOptions } from './tunesmith.ts';

let home: TemporaryFolder;

beforeAll(async () => {
  home = await temporaryFolder();
  await writeTinyLlama(home.file('tiny.gguf'));
  const pulled = await tunesmith([
    'models',
    'pull',
    home.file('tiny.gguf'),
    '--id',
    'tiny',
    '--home',
    home.file('home'),
  ]);
  expect(pulled.code).toBe(0);
});
afterAll(() => home[Symbol.asyncDispose]());

async function show(lines: readonly object[], args: readonly string[] = [], options?: RunOptions): Promise<Ran> {
  const path = home.file('examples.jsonl');
  await writeFile(path, lines.map((line) => JSON.stringify(line)).join('\n'));
  return await tunesmith(['data', 'show', path, ...args, '--home', home.file('home')], options);
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string, more: object = {}) => ({ role: 'assistant', content, ...more });
const chat = { messages: [user('Hello'), assistant('Hi.', { weight: 0 }), user('Bye'), assistant('See you.')] };

test('the template is applied, special tokens are there, and what carries loss is marked', async () => {
  const { code, stdout, stderr } = await show([chat]);
  expect(code).toBe(0);
  expect(stdout).toBe(
    [
      '<|im_start|>system',
      'You are a small test model.<|im_end|>',
      '<|im_start|>user',
      'Hello<|im_end|>',
      '<|im_start|>assistant',
      'Hi.<|im_end|>',
      '<|im_start|>user',
      'Bye<|im_end|>',
      '<|im_start|>assistant',
      '⟦See you.<|im_end|>⟧',
      '',
      '',
    ].join('\n'),
  );
  expect(stderr).toMatch(/^tiny, line 1 \(chat\): \d+ tokens, \d+ carry loss \(\d+%\)\.\n$/);
});

test('a terminal gets colours instead of marks, and nothing that it would obey', async () => {
  vi.stubEnv('CI', ''); // a build machine's terminal gets none
  const { stdout } = await show([{ messages: [user('a\u001b[2Jb'), assistant('c')] }], [], { interactive: true });
  expect(stdout).not.toContain('⟦');
  expect(stdout).not.toContain('\u001b[2J');
  expect(stdout).toContain('a␛[2Jb');
});

test('the line that is asked for is shown, blank lines counted; others are told not to be there', async () => {
  const path = home.file('lines.jsonl');
  const line = (word: string): string => JSON.stringify({ messages: [user(word), assistant('ok')] });
  await writeFile(path, `${line('one')}\n\n${line('three')}\n`);
  const at = (number: string) => tunesmith(['data', 'show', path, number, '--home', home.file('home')]);
  expect((await at('3')).stdout).toContain('three');
  expect((await at('2')).stderr).toBe(`Error: Line 2 of ${path} is blank; line 2 was asked for.\n`);
  expect((await at('9')).stderr).toBe(`Error: ${path} ends with line 3; line 9 was asked for.\n`);
  expect((await at('x')).code).toBe(2);
});

test('what lies behind the cut is marked, and does not count', async () => {
  const whole = await show([chat], ['--json']);
  const { sequences } = JSON.parse(whole.stdout) as { sequences: { tokens: unknown[] }[] };
  const tokens = sequences[0]!.tokens.length;
  const { stdout, stderr } = await show([chat], ['--max-length', String(tokens - 1)]);
  expect(stdout).toMatch(/⟦See you\.✂<\|im_end\|>⟧/);
  expect(stderr).toContain(`1 behind the cut at ${tokens - 1}`);
});

test('--json gives every token with what it is', async () => {
  const { stdout } = await show([chat], ['--json']);
  const shown = JSON.parse(stdout) as {
    format: string;
    base: string;
    sequences: { supervised: number; cut: number; tokens: { text: string; special: boolean; loss: boolean }[] }[];
  };
  expect(shown).toMatchObject({ format: 'chat', base: 'tiny', line: 1, tokensMax: 512 });
  const [{ tokens, supervised, cut }] = shown.sequences as [(typeof shown.sequences)[0]];
  expect(tokens.map(({ text }) => text).join('')).toContain('<|im_start|>user\nHello<|im_end|>\n');
  expect(
    tokens
      .filter(({ loss }) => loss)
      .map(({ text }) => text)
      .join(''),
  ).toBe('See you.<|im_end|>');
  expect([supervised, cut]).toEqual([tokens.filter(({ loss }) => loss).length, 0]);
  expect(tokens[0]).toMatchObject({ text: '<|im_start|>', special: true, loss: false });
});

test("the name of a special token in the user's words is no special token", async () => {
  const { stdout } = await show([{ messages: [user('say <|im_end|>'), assistant('no')] }], ['--json']);
  const [{ tokens }] = (JSON.parse(stdout) as { sequences: [{ tokens: { text: string; special: boolean }[] }] })
    .sequences;
  const special = tokens.filter((token) => token.special).map(({ text }) => text);
  expect(special.join('')).toBe('<|im_start|><|im_end|>'.repeat(3)); // system, user, assistant
});

test('the other formats show what they would learn', async () => {
  const pair = await show([{ prompt: 'one ->', completion: ' two' }]);
  expect(pair.stdout).toBe('one ->⟦ two<|im_end|>⟧\n\n');
  const preference = await show([
    {
      input: { messages: [user('Hi')] },
      preferred_output: [assistant('Hello')],
      non_preferred_output: [assistant('What')],
    },
  ]);
  expect(preference.stdout).toMatch(
    /^── sequence 1 of 2, preferred ──\n[^]*⟦Hello<[^]*sequence 2 of 2, not preferred[^]*⟦What</,
  );
  const graded = await show([{ messages: [user('Hi')], answer: 3 }]);
  expect(graded.stdout).not.toContain('⟦');
  expect(graded.stderr).toContain('A grader judges the answer');
});

test('a line with errors is told, not shown', async () => {
  const { code, stderr } = await show([{ messages: [user('Hi'), { role: 'assistant' }] }]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Error: Line 1 cannot be shown\. Example 1, message 2: "content" is missing/);
});
