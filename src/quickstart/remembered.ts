/**
 * Answers of earlier runs, so that a second quickstart need not ask two hundred questions again.
 *
 * One file per model and question list, named by their fingerprint: other mails, other shots or another model
 * mean other questions, and nothing stale is ever found.
 */

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Answer } from './ask.ts';

export async function remembered(
  folder: string,
  name: string,
  fresh: boolean,
  ask: () => Promise<Answer[]>,
): Promise<{ readonly answers: Answer[]; readonly fromEarlier: boolean }> {
  const path = join(folder, 'answers', `${name}.json`);
  if (!fresh) {
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text !== null) return { answers: JSON.parse(text) as Answer[], fromEarlier: true };
  }
  const answers = await ask();
  await mkdir(join(folder, 'answers'), { recursive: true });
  await writeFile(`${path}.part`, JSON.stringify(answers));
  await rename(`${path}.part`, path);
  return { answers, fromEarlier: false };
}
