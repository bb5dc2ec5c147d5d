/** Files for a test, in a folder of its own that goes with the test. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openConversion, type Conversion, type ConvertOptions } from '../../../src/dataset/convert/convert.ts';

let folder = '';

export function useFolder(): void {
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'convert-'))));
  afterAll(() => rm(folder, { recursive: true }));
}

/** Writes a file and gives its path. */
export async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

export interface Converted extends Conversion {
  readonly examples: unknown[];
}

export async function converted(path: string, options: Partial<ConvertOptions> = {}): Promise<Converted> {
  const conversion = await openConversion(path, { to: 'chat', ...options });
  const examples: unknown[] = [];
  for await (const line of conversion.lines()) examples.push(JSON.parse(line));
  return { ...conversion, examples };
}

/** A chat example of one question and one answer. */
export const chat = (user: string, assistant: string, system?: string) => ({
  messages: [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: user },
    { role: 'assistant', content: assistant },
  ],
});

/** What an error said, without the folder. */
export const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: Error) => error.message.replaceAll(`${folder}/`, ''),
  );
