/**
 * A house in whose rows every text that may come from outside tries to run: names of files, examples, events, errors,
 * metadata, labels, answers of models, names of keys and projects, addresses of webhooks. Some of them the API would
 * never take; what reads them must not rely on that.
 */

import { toFile } from 'openai';
import type { Kysely } from 'kysely';
import { Closing } from '../../src/closing.ts';
import type { Task } from '../../src/domain/task.ts';
import type { Schema } from '../../src/store/schema.ts';
import { examples, chatLine } from '../jobs/tiny-house.ts';
import { hostile, type LivedIn, openLivedIn } from './lived-in.ts';

export interface HostileHouse extends AsyncDisposable, Pick<LivedIn, 'house'> {
  readonly addresses: Readonly<Record<string, string>>;
  /** To come in with, as making keys has locked the door. */
  readonly key: string;
}

/** Fields whose text somebody else chose. */
const fromOutside =
  /^(name|filename|message|note|content|text|label|reason|status_details|error|user_provided_suffix|suffix|question|answer|output_text|input|output|reference|last_error|description|summary|value|problem|licence|source|metadata|item|sample|organization_id|owned_by|param)$/;
/** Parts of those that programs read. */
const structure = /^(type|object|role|status|id|model|code)$/;

export async function openHostileHouse(): Promise<HostileHouse> {
  await using opening = new Closing();
  const lived = opening.use(await openLivedIn());
  const { house } = lived;
  const { openai } = house;
  const lines = [
    ...examples().slice(0, 12),
    chatLine(hostile, hostile),
    JSON.stringify({ messages: [{ role: hostile, content: hostile }], [hostile]: hostile }),
    `{"messages": ${hostile}`,
  ];
  const upload = await toFile(Buffer.from(lines.join('\n')), `${hostile}.jsonl`);
  const { id: file } = await openai.files.create({ file: upload, purpose: 'fine-tune' });
  const task: Task = await openai.post('/tasks', { body: { type: 'file_check', file } });
  await openai.post('/webhooks', { body: { url: `https://example.com/${hostile}`, events: ['batch.failed'] } });
  await openai.post('/tasks', { body: { type: 'pull', source: hostile } }).catch(() => undefined); // it may well be refused
  for (let now = task; !['succeeded', 'failed'].includes(now.status);) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    now = await openai.get<Task>(`/tasks/${task.id}`);
  }
  await spoil(house.house.database);
  const { keyring, projects } = house.house;
  const project = await projects.create(`Project ${hostile}`);
  await keyring.create({ project: project.id, name: `Key ${hostile}`, requestsPerMinute: null, tokensPerMinute: null });
  const { value: key } = await keyring.createAdmin({ name: `Admin ${hostile}`, expiresInSeconds: null });
  const addresses = { ...lived.addresses, 'hostile-file': `/files/${file}` };
  const open = opening.move();
  return { house, addresses, key, [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() };
}

/** The JSON of every row that the dashboard shows something of. */
async function spoil(database: Kysely<Schema>): Promise<void> {
  const tables = [
    'files',
    'jobs',
    'job_events',
    'checkpoints',
    'models',
    'evals',
    'eval_runs',
    'eval_output_items',
    'tasks',
  ] as const;
  for (const table of tables) {
    const rows = await database.selectFrom(table).select(['seq', 'object']).execute();
    for (const { seq, object } of rows)
      await database
        .updateTable(table)
        .set({ object: JSON.stringify(spoiled(JSON.parse(object), '', false)) })
        .where('seq', '=', seq)
        .execute();
  }
  const [job] = await database.selectFrom('jobs').select('id').orderBy('seq').limit(1).execute();
  const event = { object: 'fine_tuning.job.event', id: 'ftevent-hostile', type: 'message', data: {} };
  const row = { ...event, level: 'error', message: `Event ${hostile}`, created_at: Math.floor(Date.now() / 1000) };
  await database
    .insertInto('job_events')
    .values({ id: row.id, job_id: job!.id, created_at: row.created_at, object: JSON.stringify(row) })
    .execute();
}

function spoiled(value: unknown, key: string, isOutside: boolean): unknown {
  const outside = isOutside || fromOutside.test(key);
  if (typeof value === 'string') return outside && !structure.test(key) ? `${value} ${hostile}` : value;
  if (Array.isArray(value)) return value.map((each) => spoiled(each, key, isOutside));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, spoiled(each, name, outside)]));
}
