/**
 * What a long collection has so far: a file beside its output, `<output>.part`, with a line per text.
 *
 * Each text is on disk before the next is fetched, so a stop or a crash costs one page at most; the same command
 * goes on behind it. A line that was cut off in the middle is taken away.
 */

import { open, rm, stat, truncate, type FileHandle } from 'node:fs/promises';
import { invalid } from '../domain/errors.ts';
import { readLines } from '../formats/jsonl.ts';
import type { CollectedText } from './document.ts';

export class KeptTexts implements AsyncDisposable {
  readonly path: string;
  /** The sources that need not be fetched again. */
  readonly sources: Set<string>;
  readonly #file: FileHandle;

  private constructor(path: string, sources: Set<string>, file: FileHandle) {
    this.path = path;
    this.sources = sources;
    this.#file = file;
  }

  /** What an earlier run left; what `earlier`, a finished collection, has counts as well. */
  static async open(path: string, earlier: string | null): Promise<KeptTexts> {
    const sources = new Set<string>();
    if (earlier !== null) for await (const { source } of readTexts(earlier)) sources.add(source);
    if (await exists(path)) {
      await dropTornLine(path);
      for await (const { source } of readTexts(path)) sources.add(source);
    }
    return new KeptTexts(path, sources, await open(path, 'a'));
  }

  async add(text: CollectedText): Promise<void> {
    await this.#file.appendFile(`${JSON.stringify(text)}\n`);
    this.sources.add(text.source);
  }

  texts(): AsyncGenerator<CollectedText, void> {
    return readTexts(this.path);
  }

  /** Everything is in the output now. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function dropTornLine(path: string): Promise<void> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const tail = Buffer.alloc(1 << 16);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - tail.length);
    const { bytesRead } = await file.read(tail, 0, end - start, start);
    const at = tail.subarray(0, bytesRead).lastIndexOf(10);
    if (at >= 0) return await truncate(path, start + at + 1);
    end = start;
  }
  await truncate(path, 0);
}

/** The texts of a collection; a file with anything else in it is none. */
export async function* readTexts(path: string): AsyncGenerator<CollectedText, void> {
  for await (const { line, text } of readLines(path)) {
    if (text.trim() === '') continue;
    const value = parsed(text);
    if (value === null)
      throw invalid(
        null,
        `${path}, line ${line}: no text with its source, so this is no earlier collection; name another file with -o.`,
        'not_a_collection',
      );
    yield value;
  }
}

function parsed(text: string): CollectedText | null {
  try {
    const value = JSON.parse(text) as Partial<CollectedText> | null;
    return typeof value?.text === 'string' && typeof value.source === 'string' ? (value as CollectedText) : null;
  } catch {
    return null;
  }
}
