import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFolder, readHolder } from '../../src/store/folder-lock.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'tunesmith-lock-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const lockModule = new URL('../../src/store/folder-lock.ts', import.meta.url).href;

/** A process of its own that takes the lock and says `held` or the error's code, then stays. */
function rival(): ChildProcess {
  const program = `
    import { lockFolder } from ${JSON.stringify(lockModule)};
    try { globalThis.lock = await lockFolder(${JSON.stringify(folder)}); console.log('held'); }
    catch (error) { console.log(error.code); }
    process.stdin.resume();`;
  return spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}
const word = async (child: ChildProcess): Promise<string> => String((await once(child.stdout!, 'data'))[0]).trim();
const kill = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGKILL');
  await once(child, 'exit');
};

test('a folder is held once, and free again after its lock was disposed of', async () => {
  {
    await using _lock = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toMatchObject({
      code: 'data_folder_in_use',
      message: expect.stringContaining(`${folder} is in use by another Tunesmith (process ${process.pid}, since`),
    });
  }
  expect(await readHolder(folder)).toBeNull();
  await using _again = await lockFolder(folder);
});

test('who holds a folder tells where its API is', async () => {
  await using lock = await lockFolder(folder);
  expect(await readHolder(folder)).toMatchObject({ pid: process.pid, url: null });
  await lock.announce('http://127.0.0.1:8080');
  expect(await readHolder(folder)).toMatchObject({ pid: process.pid, url: 'http://127.0.0.1:8080' });
});

test('another process is named while it lives, and its lock is free when it was killed', async () => {
  const child = rival();
  try {
    expect(await word(child)).toBe('held');
    await expect(lockFolder(folder)).rejects.toThrow(`process ${child.pid}`);
  } finally {
    await kill(child);
  }
  expect(await readHolder(folder)).toMatchObject({ pid: child.pid }); // what it told is still there, and believed no more
  await using _lock = await lockFolder(folder);
  expect(await readHolder(folder)).toMatchObject({ pid: process.pid });
});

test('of several processes that want a dead one’s folder at once, one gets it', async () => {
  const first = rival();
  expect(await word(first)).toBe('held');
  await kill(first);
  const rivals = [rival(), rival(), rival()];
  try {
    const words = await Promise.all(rivals.map(word));
    expect(words.sort()).toEqual(['data_folder_in_use', 'data_folder_in_use', 'held']);
  } finally {
    await Promise.all(rivals.map(kill));
  }
});
