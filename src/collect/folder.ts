/**
 * Texts from a folder and the folders in it: plain text, Markdown, HTML and PDF, in the order of their paths.
 *
 * Links are not followed, hidden files and folders are left alone. A file that cannot be read is told and left out.
 */

import { isUtf8 } from 'node:buffer';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, sep } from 'node:path';
import { invalid } from '../domain/errors.ts';
import type { Found } from './document.ts';
import { Extractor } from './extractor.ts';
import { decodePage, type PageText } from './main-text.ts';

const bytesMax = 64 << 20;

type Reader = (bytes: Buffer, extractor: Extractor) => PageText | Promise<PageText>;

const htmlText: Reader = (bytes, extractor) => extractor.extract({ kind: 'html', bytes, contentType: '' });
const pdfText: Reader = (bytes, extractor) => extractor.extract({ kind: 'pdf', bytes, contentType: '' });

const readers: Readonly<Record<string, Reader>> = {
  '.txt': plainText,
  '.text': plainText,
  '.md': markdownText,
  '.markdown': markdownText,
  '.html': htmlText,
  '.htm': htmlText,
  '.xhtml': htmlText,
  '.pdf': pdfText,
};

export async function* collectFolder(root: string, signal?: AbortSignal): AsyncGenerator<Found, void> {
  if (!(await stat(root)).isDirectory()) throw invalid(null, `${root} is not a folder.`, 'not_a_folder');
  await using extractor = new Extractor();
  for await (const path of filesIn(root)) {
    signal?.throwIfAborted();
    yield await readFound(root, path, extractor);
  }
}

async function readFound(root: string, path: string, extractor: Extractor): Promise<Found> {
  const source = relative(root, path).split(sep).join('/');
  const reader = readers[extname(path).toLowerCase()];
  if (reader === undefined) return { skipped: { source, reason: 'not text, Markdown, HTML or PDF' } };
  try {
    const { size } = await stat(path);
    if (size > bytesMax) throw new Error(`larger than ${bytesMax >> 20} MB`);
    const { title, text } = await reader(await readFile(path), extractor);
    if (text.trim() === '') throw new Error('no text in it');
    const folder = basename(dirname(path));
    return { found: { text, source, ...(title !== '' && { title }), ...(dirname(source) !== '.' && { folder }) } };
  } catch (error) {
    return { skipped: { source, reason: (error as Error).message } };
  }
}

async function* filesIn(folder: string): AsyncGenerator<string, void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== 'node_modules') yield* filesIn(path);
    else if (entry.isFile()) yield path;
  }
}

function plainText(bytes: Buffer): PageText {
  const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (!isWide && bytes.includes(0)) throw new Error('not text: it has zero bytes in it');
  const text = isWide || isUtf8(bytes) ? decodePage(bytes, '') : new TextDecoder('windows-1252').decode(bytes);
  return { title: '', text: text.replaceAll('\r\n', '\n').trim() };
}

/** Markdown as it is written, without the block of settings before it. */
function markdownText(bytes: Buffer): PageText {
  const { text } = plainText(bytes);
  const front = /^---\n([\s\S]*?)\n---\n/.exec(text);
  const title = /^title:\s*["']?(.*?)["']?\s*$/m.exec(front?.[1] ?? '')?.[1] ?? /^#\s+(.*)$/m.exec(text)?.[1] ?? '';
  return { title, text: text.slice(front?.[0].length ?? 0).trim() };
}
