/** Tables that a measurement writes into a document, between two comments that mark their place. */

import { readFile, writeFile } from 'node:fs/promises';

export async function writeInto(page: string, name: string, text: string): Promise<void> {
  const path = new URL(`../docs/${page}`, import.meta.url);
  const whole = await readFile(path, 'utf8');
  const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  if (!whole.includes(start) || !whole.includes(end)) throw new Error(`docs/${page} has no place for ${name}.`);
  const [before, after] = [whole.slice(0, whole.indexOf(start) + start.length), whole.slice(whole.indexOf(end))];
  await writeFile(path, `${before}\n\n${text}\n\n${after}`);
}

export const markdownTable = ([head, ...rows]: readonly (readonly string[])[]): string =>
  [head!, head!.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** Which machine, and when. */
export const measuredOn = (processor: string, threads: number): string =>
  `${processor.trim()}, ${threads} cores, ${new Date().toISOString().slice(0, 10)}.`;
