/**
 * The exporter: writes one model out, in a process of its own because it computes for long.
 *
 *   export-main <order.json>      lines on stdout, see `ExportLine`; it gives up when its stdin closes
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TunesmithError } from '../domain/errors.ts';
import { Blobs } from '../store/blobs.ts';
import { openDatabase } from '../store/database.ts';
import type { ExportLine, ExportOrder } from './apart.ts';
import { exportModel, type ExportResult } from './export.ts';
import { questionsIn } from './questions.ts';
import { type Story, storyOf } from './story.ts';

const say = (line: ExportLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const stop = new AbortController();
process.stdin.on('end', () => stop.abort()).resume();

async function work({ home, ...order }: ExportOrder): Promise<ExportResult> {
  const story = await tellStory(home, order.model.id);
  const file = story?.files.findLast(({ sha256 }) => sha256 !== null);
  const conversations =
    file === undefined ? [] : await questionsIn((await Blobs.open(join(home, 'files'))).path(file.id));
  const onProgress = (what: string, done: number, total: number): void => say({ what, done, total });
  return await exportModel({ ...order, story, conversations, force: false, signal: stop.signal, onProgress });
}

async function tellStory(home: string, model: string): Promise<Story | null> {
  await using rows = await openDatabase(join(home, 'tunesmith.db'), { migrating: false });
  return await storyOf(rows, model);
}

try {
  const result = await work(JSON.parse(await readFile(process.argv[2]!, 'utf8')) as ExportOrder);
  say({ ok: true, result });
} catch (error) {
  if (!(error instanceof TunesmithError)) throw error;
  const { kind, message, code, param } = error;
  say({ ok: false, kind, message, code, param });
}
process.stdin.destroy();
