/** Every way in which a trainer can end, with real processes that end that way. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TrainerEvent } from '../../src/engine/protocol.ts';
import { Trainer } from '../../src/jobs/trainer.ts';
import { TrainerLines } from '../../src/jobs/trainer-lines.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'trainer-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const paused = { type: 'paused', step: 3, folder: '/x' } as const;
const warning = { type: 'warning', message: 'größer 漢字' } as const;

/** A trainer whose whole program is this text; `say(event)` speaks the protocol. */
async function launch(program: string, options: { silenceMsMax?: number } = {}) {
  const say = 'const say = (event) => process.stdout.write(JSON.stringify(event) + "\\n");';
  const noise: string[] = [];
  const trainer = await Trainer.launch({
    arguments: ['-e', `${say}\n${program}`],
    folder,
    silenceMsMax: options.silenceMsMax ?? 20_000,
    onNoise: (line) => noise.push(line),
  });
  const heard = async (): Promise<TrainerEvent[]> => {
    const all: TrainerEvent[] = [];
    for await (const events of trainer.listen()) all.push(...events);
    return all;
  };
  return { trainer, heard, noise };
}

test('its last word is how it ended, whatever its exit code says', async () => {
  const { trainer, heard } = await launch(`say(${JSON.stringify(paused)}); process.exitCode = 7;`);
  await using _ = trainer;
  expect(await heard()).toEqual([paused]);
  expect(await trainer.ending()).toEqual(paused);
});

test('one that exits without a last word has crashed, and its last lines are kept', async () => {
  const { trainer, heard } = await launch(
    `say(${JSON.stringify(warning)}); console.error('no such luck'); process.exit(3);`,
  );
  await using _ = trainer;
  expect(await heard()).toEqual([warning]);
  expect(await trainer.ending()).toEqual({ type: 'crashed', how: 'exit code 3', lastLines: 'no such luck\n' });
});

test('one that is killed has crashed, by that signal', async () => {
  const { trainer, heard } = await launch(`process.kill(process.pid, 'SIGKILL');`);
  await using _ = trainer;
  expect(await heard()).toEqual([]);
  expect(await trainer.ending()).toMatchObject({ type: 'crashed', how: 'signal SIGKILL' });
});

test('one that says nothing for too long is killed', async () => {
  const { trainer, heard } = await launch(`say(${JSON.stringify(warning)}); setInterval(() => {}, 1000);`, {
    silenceMsMax: 1000,
  });
  await using _ = trainer;
  expect(await heard()).toEqual([warning]);
  expect(await trainer.ending()).toMatchObject({ type: 'silent', how: 'no word for 1 s' });
});

test('one that is asked to stop hears it, and one that will not listen is killed', async () => {
  const obedient = await launch(`
    process.stdin.once('data', (line) => { say({ type: JSON.parse(line).type === 'cancel' ? 'cancelled' : 'failed', step: 1 }); process.exit(); });`);
  await using _ = obedient.trainer;
  obedient.trainer.leave('cancel', 20_000);
  await obedient.heard();
  expect(await obedient.trainer.ending()).toEqual({ type: 'cancelled', step: 1 });

  const stubborn = await launch(`setInterval(() => {}, 1000);`);
  await using _stubborn = stubborn.trainer;
  stubborn.trainer.leave('cancel', 200);
  await stubborn.heard();
  expect(await stubborn.trainer.ending()).toMatchObject({ type: 'crashed', how: 'signal SIGKILL' });
});

test('its stdin ends when it is let go, and nothing of it is left', async () => {
  const { trainer } = await launch(`process.stdin.resume(); setInterval(() => {}, 1000);`);
  const { pid } = trainer;
  await trainer[Symbol.asyncDispose]();
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('a program that cannot be started is an error at once', async () => {
  const launching = Trainer.launch({
    arguments: [],
    folder: join(folder, 'missing'),
    silenceMsMax: 1000,
    onNoise: () => undefined,
  });
  await expect(launching).rejects.toThrow('ENOENT');
});

test('events survive any cut of the pipe, and everything else is noise', () => {
  const noise: string[] = [];
  const text = [
    JSON.stringify(warning),
    'libonnx: hello',
    '{"type":"step","step":1}',
    '',
    '{"type":"unheard-of"}',
    '[1,2',
    JSON.stringify(paused),
  ].join('\r\n');
  const bytes = Buffer.from(`${text}\n`);
  for (const size of [1, 2, 3, 7, 64, bytes.length]) {
    noise.length = 0;
    const lines = new TrainerLines((line) => noise.push(line));
    const events: TrainerEvent[] = [];
    for (let i = 0; i < bytes.length; i += size) events.push(...lines.read(bytes.subarray(i, i + size)));
    expect(events).toEqual([warning, paused]);
    expect(noise).toEqual(['libonnx: hello', '{"type":"step","step":1}', '{"type":"unheard-of"}', '[1,2']);
  }
});

test('a line that never ends does not fill the memory', () => {
  const lines = new TrainerLines(() => undefined);
  const piece = Buffer.alloc(1 << 20, 'x');
  for (let i = 0; i < 200; i++) expect(lines.read(piece)).toEqual([]);
  expect(lines.read(Buffer.from(`\n${JSON.stringify(paused)}\n`))).toEqual([paused]);
});
