import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { labelsOf, readLabelled, toJsonl } from '../../src/quickstart/labelled.ts';

let folder = '';
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'tunesmith-labelled-'))));
afterAll(() => rm(folder, { recursive: true }));

async function fileWith(text: string): Promise<string> {
  const path = join(folder, 'examples.jsonl');
  await writeFile(path, text);
  return path;
}

const example = { prompt: [{ role: 'user', content: 'a "quoted"\nmail' }], label: 'spam' } as const;

test('examples written are examples read', async () => {
  expect(await readLabelled(await fileWith(toJsonl([example, example])))).toEqual([example, example]);
});

test('a byte order mark, empty lines and blanks around a label do no harm', async () => {
  const text = `\uFEFF${toJsonl([{ ...example, label: ' spam\n' }])}\n\r\n`;
  expect(await readLabelled(await fileWith(text))).toEqual([example]);
});

test.each([
  ['nonsense', /line 1: not JSON/],
  ['{"prompt": "x"}', /line 1: "messages" is missing/],
  [
    `${toJsonl([example])}{"messages": [{"role": "user", "content": "x"}]}`,
    /line 2: the last message is not an assistant/,
  ],
  ['{"messages": [{"role": "assistant", "content": null}]}', /line 1: the last message is not an assistant's text/],
  ['\n\n', /has no examples/],
])('%j is refused with its place', async (text, complaint) => {
  await expect(readLabelled(await fileWith(text))).rejects.toThrow(complaint);
});

test('a file that is not there is named', async () => {
  await expect(readLabelled(join(folder, 'missing.jsonl'))).rejects.toThrow(/missing\.jsonl cannot be read/);
});

test('labels come by frequency, then by alphabet', () => {
  const of = (label: string) => ({ ...example, label });
  expect(labelsOf([of('b'), of('c'), of('a'), of('c')])).toEqual(['c', 'a', 'b']);
});
