/** Texts of a folder: what is read, what is left out and why, and straight to examples by the folders' names. */

import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collectFolder } from '../../src/collect/folder.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { chat } from '../dataset/convert/folder.ts';
import { article } from './site.ts';
import { pdfOf } from './write-pdf.ts';

let folder = '';
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'collect-'))));
afterEach(() => rm(folder, { recursive: true }));

async function put(files: Readonly<Record<string, string | Buffer>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

test('text, Markdown, HTML and PDF are read in the order of their paths, with titles and folders', async () => {
  await put({
    'a.txt': 'Grüße\r\nzwei ',
    'old.txt': Buffer.from('Grüße', 'latin1'),
    'wide.txt': Buffer.from('\uFEFFGrüße', 'utf16le'),
    'notes/b.md': '---\ntitle: "Bee"\n---\n# Heading\n\nText.',
    'notes/c.html': article('Cee', 'gamma'),
    'papers/d.pdf': pdfOf(['Hello from page one', 'and page two']),
  });
  const found = [];
  for await (const each of collectFolder(folder)) found.push('found' in each ? each.found : each.skipped);
  expect(found).toMatchObject([
    { source: 'a.txt', text: 'Grüße\nzwei' },
    { source: 'notes/b.md', title: 'Bee', folder: 'notes', text: '# Heading\n\nText.' },
    {
      source: 'notes/c.html',
      title: 'Cee | Site',
      folder: 'notes',
      text: expect.stringContaining('gamma, and this') as unknown,
    },
    { source: 'old.txt', text: 'Grüße' },
    { source: 'papers/d.pdf', folder: 'papers', text: 'Hello from page one\n\nand page two' },
    { source: 'wide.txt', text: 'Grüße' },
  ]);
  expect(found[0]).not.toHaveProperty('folder');
});

test('what cannot be read is left out with its reason; links and hidden files are not looked at', async () => {
  await put({
    'broken.pdf': 'no PDF',
    'empty.txt': ' \n',
    'zeros.txt': Buffer.alloc(8),
    'image.png': 'x',
    '.hidden.txt': 'x',
    'scan.pdf': pdfOf(['']),
  });
  await symlink('/etc', join(folder, 'link'));
  await symlink('/etc/hostname', join(folder, 'link.txt'));
  const reasons: Record<string, string> = {};
  for await (const each of collectFolder(folder))
    if ('skipped' in each) reasons[each.skipped.source] = each.skipped.reason;
  expect(reasons).toMatchObject({
    'broken.pdf': expect.stringMatching(/PDF/) as unknown,
    'empty.txt': 'no text in it',
    'image.png': 'not text, Markdown, HTML or PDF',
    'scan.pdf': 'it has no text; scanned pages are pictures',
    'zeros.txt': 'not text: it has zero bytes in it',
  });
  expect(Object.keys(reasons)).toHaveLength(5);
});

test('the names of the folders become the answers, in one command', async () => {
  await put({ 'mails/ham/1.txt': 'See you', 'mails/spam/2.txt': 'Buy now', 'mails/3.txt': 'nobody knows' });
  const output = join(folder, 'mails.jsonl');
  const words = [
    'data',
    'collect',
    'folder',
    join(folder, 'mails'),
    '--user',
    'Mail: {text}',
    '--assistant',
    '{folder}',
  ];
  const ran = await tunesmith([...words, '--system', 'Spam or ham?', '-o', output]);
  expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: '' });
  expect(ran.stderr).toContain('left out 3.txt: the answer is empty');
  const examples = (await readFile(output, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(examples).toEqual([
    chat('Mail: See you', 'ham', 'Spam or ham?'),
    chat('Mail: Buy now', 'spam', 'Spam or ham?'),
  ]);
  const raw = await tunesmith(['data', 'collect', 'folder', join(folder, 'mails/ham')]);
  expect(raw.stdout).toBe('{"text":"See you","source":"1.txt"}\n');
});

test('a folder without texts, a file, and nothing at all are errors, and leave no output', async () => {
  await put({ 'empty/a.png': 'x' });
  const output = join(folder, 'out.jsonl');
  const empty = await tunesmith(['data', 'collect', 'folder', join(folder, 'empty'), '-o', output]);
  expect(empty).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('has no text, Markdown, HTML or PDF file') as unknown,
  });
  await expect(readFile(output)).rejects.toMatchObject({ code: 'ENOENT' });
  expect((await tunesmith(['data', 'collect', 'folder', join(folder, 'empty/a.png')])).stderr).toContain(
    'is not a folder',
  );
  expect((await tunesmith(['data', 'collect', 'folder', join(folder, 'nowhere')])).code).toBe(1);
  const typo = await tunesmith(['data', 'collect', 'folder', folder, '--assistant', '{lable}']);
  expect(typo.stderr).toContain(
    '--assistant names the column "lable", which is not there; there are "text", "source", "title", "folder"',
  );
});
