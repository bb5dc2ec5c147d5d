/**
 * The closed set of answers that a fine-tuned model was taught, in its folder: `answers.json`, the most frequent first.
 * Most models have none.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../formats/atomic-write.ts';

const fileName = 'answers.json';
const schema = z.object({ answers: z.array(z.string()).min(2) });

export async function writeAnswers(folder: string, answers: readonly string[]): Promise<void> {
  await writeAtomically(join(folder, fileName), [Buffer.from(`${JSON.stringify({ answers }, null, 2)}\n`)]);
}

export async function readAnswers(folder: string): Promise<readonly string[] | null> {
  let text: string;
  try {
    text = await readFile(join(folder, fileName), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return schema.parse(JSON.parse(text)).answers;
}
