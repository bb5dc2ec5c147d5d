/** `tunesmith data convert` as a user runs it: what is said, what is written, and what is left when it ends early. */

import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chat } from '../dataset/convert/folder.ts';
import { tunesmith } from './tunesmith.ts';

let folder = '';
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'data-convert-'))));
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}
const convert = (...words: string[]) => tunesmith(['data', 'convert', ...words]);
const lines = (text: string): unknown[] => text.trim().split('\n').map((line) => JSON.parse(line) as unknown); // prettier-ignore

test('the guess and the first row are said on stderr; stdout has examples and nothing else', async () => {
  const path = await put('tickets.csv', 'id,Subject,Body,Label\n7,Late,Where is it?,shipping\n8,Broken,It fell.,\n');
  const { code, stdout, stderr } = await convert(path);
  expect(code).toBe(0);
  expect(lines(stdout)).toEqual([chat('Subject: Late\n\nWhere is it?', 'shipping')]);
  expect(stderr).toBe(`${path}
read as    CSV with "," between columns
user       Subject: {Subject}\\n\\n{Body}  (guessed)
assistant  {Label}  (guessed)
not used   id
first row  row 1 (line 2) → ${stdout}1 example
Left out 1: no answer (row 2 (line 3))
`);
});

test('what was said is not called a guess; -o writes a file that check finds nothing wrong with', async () => {
  const path = await put('faq.csv', `Frage;Antwort;x\n${'Warum?;Darum.;1\n'.repeat(12)}`);
  const output = join(folder, 'faq.jsonl');
  const ran = await convert(path, '--prompt', 'Frage', '--answer', '{Antwort}', '--system', 'Du hilfst.', '-o', output);
  expect(ran).toMatchObject({ code: 0, stdout: '' });
  expect(ran.stderr).not.toContain('guessed');
  expect(ran.stderr).toContain(`12 examples in ${output}`);
  expect(lines(await readFile(output, 'utf8'))[0]).toEqual(chat('Warum?', 'Darum.', 'Du hilfst.'));
  expect((await tunesmith(['data', 'check', output])).code).toBe(0);
});

test('with --json, what was written to a file is told on stdout', async () => {
  const path = await put('told.csv', 'question,answer\nWhy?,Because.\n,nothing asked\n');
  const output = join(folder, 'told.jsonl');
  const { stdout } = await tunesmith(['data', 'convert', path, '-o', output, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ file: path, output, rows: 2, written: 1, leftOut: [{ count: 1 }] });
});

test('an error names row, line and column, and leaves no file, nor the old one changed', async () => {
  const path = await put('bad.csv', 'question,answer\na,b\nc\n');
  const output = await put('out.jsonl', 'what was there');
  expect(await convert(path, '-o', output)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`${output} is there already; add --force to replace it`) as unknown,
  });
  const ran = await convert(path, '-o', output, '--force');
  expect(ran).toMatchObject({ code: 1, stdout: '' });
  expect(ran.stderr).toContain(
    `Error: ${path}, row 2 (line 3): it has 1 field, and the head has 2 (question, answer).`,
  );
  expect(await readFile(output, 'utf8')).toBe('what was there');
  expect((await convert(path, '-o', output, '--force', '--skip-bad')).stderr).toContain('Left out 1: it has 1 field');
  expect(lines(await readFile(output, 'utf8'))).toEqual([chat('a', 'b')]);
  expect(await convert(path, '-o', path)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is the input') as unknown,
  });
  expect((await convert(join(folder, 'nowhere.csv'))).code).toBe(1);
  expect((await convert(path, '--to', 'poems')).code).toBe(2);
});

test('Ctrl-C leaves nothing behind', async () => {
  const path = await put('long.csv', `question,answer\n${'a,b\n'.repeat(50_000)}`);
  const stop = new AbortController();
  const output = join(folder, 'out.jsonl');
  const onOutput = (text: string): void => void (text.includes('first row') && setTimeout(() => stop.abort(), 20));
  const ran = await tunesmith(['data', 'convert', path, '-o', output], { signal: stop.signal, onOutput });
  expect(ran.code).toBe(130);
  expect(await readdir(folder)).toEqual(['long.csv']);
});

test('a person who waits sees how many rows there are', async () => {
  const path = await put('t.csv', 'question,answer\na,b\n');
  const ran = await tunesmith(['data', 'convert', path, '-o', join(folder, 'o.jsonl')], { interactive: true });
  expect(ran.stderr).not.toContain('\u001b[2K'); // not within two seconds
});

test.each([
  ['chat', chat('a "b"', 'c,\nd', 'S'), 'system,prompt,answer\nS,"a ""b""","c,\nd"\n'],
  ['completion', { prompt: ' a', completion: 'b' }, 'prompt,completion\n" a",b\n'],
  ['preference', { input: { messages: [{ role: 'user', content: 'q' }] }, preferred_output: [{ role: 'assistant', content: 'x' }], non_preferred_output: [{ role: 'assistant', content: 'y' }] }, 'prompt,preferred,rejected\nq,x,y\n'],
  ['reinforcement', { messages: [{ role: 'user', content: 'q' }], points: '3' }, 'prompt,points\nq,3\n'],
] as const)('%s goes to CSV and comes back the same', async (to, example, csv) => {
  const path = await put('own.jsonl', `${JSON.stringify(example)}\n`);
  const table = await convert(path, '--to', 'csv');
  expect(table).toMatchObject({ code: 0, stdout: csv });
  const back = await convert(await put('back.csv', table.stdout), '--to', to);
  expect(lines(back.stdout), back.stderr).toEqual([example]);
}); // prettier-ignore

test('conversations that are more than a question and an answer keep their messages as JSON, and come back', async () => {
  const calls = [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }];
  const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
  const examples = [
    { messages: [...chat('a', 'b').messages, ...chat('c', 'd').messages] },
    { messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: null, tool_calls: calls }], tools },
  ]; // prettier-ignore
  const path = await put('turns.jsonl', examples.map((each) => `${JSON.stringify(each)}\n`).join(''));
  const table = await convert(path, '--to', 'csv');
  expect(table.stdout.split('\n')[0]).toBe('messages,tools');
  expect(lines((await convert(await put('back.csv', table.stdout))).stdout)).toEqual(examples);
});

test('a question behind the answer is not lost on the way to CSV; parts of a conversation are not taken there', async () => {
  const messages = [...chat('a', 'b').messages, { role: 'user', content: 'c' }];
  const path = await put('open.jsonl', `${JSON.stringify({ messages, parallel_tool_calls: false })}\n{oops\n`);
  expect((await convert(path, '--to', 'csv')).stderr).toContain('open.jsonl, line 2: it is not JSON');
  const table = await convert(path, '--to', 'csv', '--skip-bad');
  expect(table.stdout).toBe(
    `messages,parallel_tool_calls\n"${JSON.stringify(messages).replaceAll('"', '""')}",false\n`,
  );
  expect(await convert(path, '--to', 'csv', '--user', 'x')).toMatchObject({ code: 2, stdout: '' });
  expect(await convert(path, '--keep', 'x')).toMatchObject({ code: 2, stdout: '' });
});

test('any table goes to CSV, with the columns of all its rows', async () => {
  const path = await put('rows.jsonl', '{"a":1,"b":[2]}\n{"a":"x","c":null}\n');
  expect((await convert(path, '--to', 'csv')).stdout).toBe('a,b,c\n1,[2],\nx,,\n');
});
