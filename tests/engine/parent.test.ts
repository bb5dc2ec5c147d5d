/** What a trainer says to its parent where it has nothing to tell. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { programArguments } from '../../src/programs.ts';
import { temporaryFolder } from '../formats/folder.ts';

/** What a program says that has a `parent`, which wants a word every half second. */
async function saidBy(program: string): Promise<string> {
  await using folder = await temporaryFolder();
  const parentFile = new URL('../../src/engine/parent.ts', import.meta.url).href;
  const head = `import { Parent } from '${parentFile}'; import { setTimeout as sleep } from 'node:timers/promises';`;
  const file = folder.file('program.mts');
  await writeFile(
    file,
    `${head}\nconst parent = new Parent(() => process.exit(2), 500);\n${program}\nprocess.exit();\n`,
  );
  const child = spawn(process.execPath, [...programArguments('engine/main').slice(0, -1), file]);
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return said;
}

test('who takes breaths in long silence is heard to be at work, and who tells things is not interrupted', async () => {
  const tale = `
    await parent.breathe();
    parent.tell({ type: 'warning', message: 'one' });
    await parent.breathe();
    await sleep(600);
    await parent.breathe();
    await parent.breathe();
    await sleep(600);
    parent.tell({ type: 'warning', message: 'two' });
    await parent.breathe();
    await parent.tellLast({ type: 'cancelled', step: 0 });`;
  const types = (await saidBy(tale)).trimEnd().split('\n').map((line) => (JSON.parse(line) as { type: string }).type); // prettier-ignore
  expect(types).toEqual(['warning', 'working', 'warning', 'cancelled']);
});
