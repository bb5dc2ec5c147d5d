/**
 * Answers of earlier runs, so that a stopped evaluation goes on and a repeated one asks nothing.
 *
 * A file per server and model, a line per answer, named by a fingerprint of everything that was asked: messages,
 * tools and parameters. Lines are appended as answers come; one that a crash cut short is passed over. Failures are
 * not remembered: they are asked again.
 */

import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { askAll, bodyWith, type Answered, type Asking } from './ask.ts';
import type { TestItem } from './task.ts';

export interface Remembering {
  /** Where the answers of all models are. */
  readonly folder: string;
  /** Where the model is served, and what else tells it from others of the same name. */
  readonly server: string;
  /** Asks everything again. */
  readonly fresh?: boolean;
  /** Told how many answers were known before the first question. */
  readonly onKnown?: (count: number) => void;
  /** Awaited before the first question that is really asked. */
  readonly before?: () => Promise<void>;
}

/** Like `askAll`, in the order of the test, with what is remembered left unasked. */
export async function* askUnknown(
  openai: OpenAI,
  model: string,
  items: readonly TestItem[],
  { folder, server, fresh = false, onKnown = () => {}, before = async () => {} }: Remembering,
  asking: Asking = {},
): AsyncGenerator<Answered, void> {
  const memory = await openMemory<Answered>(folder, [server, model], fresh);
  const body = bodyWith(items, asking);
  const keys = items.map(({ input, tools }) => fingerprint([input, tools ?? null, body, asking.labels ?? []]));
  const open = items.filter((_, i) => !memory.known.has(keys[i]!));
  onKnown(items.length - open.length);
  if (open.length > 0) await before();
  // The room for answers follows the whole test, so that the same question stays the same when part of it is known.
  const answerTokensMax = body.max_completion_tokens!;
  const answers = askAll(openai, model, open, { ...asking, answerTokensMax });
  try {
    for (const [i, item] of items.entries()) {
      const key = keys[i]!;
      const earlier = memory.known.get(key);
      if (earlier !== undefined) {
        yield { ...earlier, ...item };
        continue;
      }
      const { value: answered } = await answers.next();
      if (answered === undefined) throw new Error('there are fewer answers than questions');
      if (answered.error === null) await memory.keep(key, answered);
      yield answered;
    }
  } finally {
    await answers.return();
  }
}

export interface Memory<Value> {
  readonly known: ReadonlyMap<string, Value>;
  readonly keep: (key: string, answered: Value) => Promise<void>;
}

/** What is known of one source of answers; `fresh` forgets it until it is told again. */
export async function openMemory<Value>(folder: string, source: unknown, fresh: boolean): Promise<Memory<Value>> {
  const path = join(folder, `${fingerprint(source)}.jsonl`);
  const known = fresh ? new Map<string, Value>() : await readKnown<Value>(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keep = (key: string, answered: Value): Promise<void> =>
    appendFile(path, `\n${JSON.stringify({ key, answered })}`, { mode: 0o600 });
  return { known, keep };
}

async function readKnown<Value>(path: string): Promise<Map<string, Value>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const known = new Map<string, Value>();
  for (const line of text.split('\n')) {
    try {
      const { key, answered } = JSON.parse(line) as { key: string; answered: Value };
      known.set(key, answered);
    } catch {
      // cut short by a crash, or empty
    }
  }
  return known;
}

export const fingerprint = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
