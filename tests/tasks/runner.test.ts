/** The runner with kinds of the tests' own, on a real database in a folder of its own. */

import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { Closing } from '../../src/closing.ts';
import { invalid } from '../../src/domain/errors.ts';
import { isTaskOver, type Task, type TaskType } from '../../src/domain/task.ts';
import { openLog } from '../../src/log.ts';
import { openDatabase } from '../../src/store/database.ts';
import { type TaskDesk, type TaskKind, taskKind, type TaskLane } from '../../src/tasks/task-kind.ts';
import { type Outfit, TaskRunner } from '../../src/tasks/runner.ts';
import { Tasks } from '../../src/tasks/tasks.ts';

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'tasks-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

type Work = (desk: TaskDesk, request: { readonly word: string }) => Promise<object>;

interface Room extends AsyncDisposable {
  readonly tasks: Tasks;
  readonly others: Tasks;
  readonly database: Awaited<ReturnType<typeof openDatabase>>;
}

/** A house as far as tasks see it, with one kind that does `work`; closing it is what a stopping server does. */
async function open(
  work: Work,
  { resumes = true, lane = 'quick' }: { resumes?: boolean; lane?: TaskLane } = {},
): Promise<Room> {
  await using opening = new Closing();
  const kind = taskKind({
    type: 'pull',
    schema: z.strictObject({ word: z.string(), key: z.string().nullish() }),
    lane,
    resumes,
    secrets: ['key'],
    run: ({ word }, desk) => work(desk, { word }),
  });
  const database = opening.use(await openDatabase(join(home, 'tunesmith.db')));
  const kinds = { pull: kind } as unknown as Readonly<Record<TaskType, TaskKind>>;
  const runner = opening.use(new TaskRunner({ database, log: openLog('silent'), home, kinds, lookMs: 50 }));
  await runner.start(() => ({}) as Outfit);
  const open = opening.move();
  return {
    tasks: new Tasks(database, 'default', runner),
    others: new Tasks(database, 'other', runner),
    database,
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

const begin = (tasks: Tasks, request: object = {}, continueFrom: string | null = null): Promise<Task> =>
  tasks.create({ type: 'pull', request: { word: 'hello', ...request }, continueFrom });

async function ended(tasks: Tasks, id: string, reached = (task: Task) => isTaskOver(task.status)): Promise<Task> {
  for (let i = 0; i < 500; i++) {
    const task = await tasks.get(id);
    if (reached(task)) return task;
    await sleep(10);
  }
  throw new Error(`${id} does not get there: ${JSON.stringify(await tasks.get(id))}`);
}

const running = (tasks: Tasks, id: string) => ended(tasks, id, ({ status }) => status === 'running');
const untilStopped = ({ signal }: TaskDesk): Promise<never> =>
  new Promise((_, reject) => {
    const stop = () => reject(new Error('stopped'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

test('a task runs, tells how far it is, offers its files, and says what came of it', async () => {
  await using room = await open(async ({ progress, offered }, { word }) => {
    progress({ done: 1, total: 2, unit: 'words', message: 'Writing' });
    await writeFile(join(offered, 'word.txt'), word);
    progress({ done: 2 });
    return { letters: word.length };
  });
  const { id } = await begin(room.tasks);
  const task = await ended(room.tasks, id);
  expect(task).toMatchObject({ status: 'succeeded', request: { word: 'hello' }, result: { letters: 5 }, error: null });
  expect(task.progress).toEqual({ done: 2, total: 2, unit: 'words', message: 'Writing' });
  expect(task.started_at).toBeGreaterThanOrEqual(task.created_at);
  expect(task.finished_at).toBeGreaterThanOrEqual(task.started_at!);
  expect(await room.tasks.files(id)).toEqual([{ object: 'task.file', name: 'word.txt', bytes: 5 }]);
});

test('progress that is told thousands of times is written a few times a second, and its end is not lost', async () => {
  let writes = 0;
  await using room = await open(async ({ progress }) => {
    for (let done = 1; done <= 5000; done++) {
      progress({ done, total: 5000 });
      if (done % 500 === 0) await sleep(100);
    }
    return {};
  });
  const { id } = await begin(room.tasks);
  let last = -1;
  const task = await ended(room.tasks, id, ({ progress, status }) => {
    if (progress.done !== last) writes++;
    last = progress.done;
    return isTaskOver(status);
  });
  expect(task.progress.done).toBe(5000);
  expect(writes).toBeLessThan(8);
});

test('a mistake of the user’s is told with its code and field, one of ours with its words', async () => {
  await using room = await open(async (_, { word }) => {
    throw word === 'ours' ? new Error('the disk is gone') : invalid('word', 'No such word.', 'bad_word');
  });
  const theirs = await begin(room.tasks);
  expect(await ended(room.tasks, theirs.id)).toMatchObject({
    status: 'failed',
    result: null,
    error: { code: 'bad_word', message: 'No such word.', param: 'word' },
  });
  const ours = await begin(room.tasks, { word: 'ours' });
  expect((await ended(room.tasks, ours.id)).error).toEqual({
    code: 'task_failed',
    message: 'the disk is gone',
    param: null,
  });
});

test('a cancelled task is cancelled at once, and its work stops', async () => {
  let stopped = false;
  await using room = await open(async (desk) => {
    await untilStopped(desk).finally(() => (stopped = true));
    return {};
  });
  const { id } = await begin(room.tasks);
  await running(room.tasks, id);
  expect(await room.tasks.cancel(id)).toMatchObject({ status: 'cancelled', error: null });
  await expect.poll(() => stopped).toBe(true);
  await sleep(120);
  expect((await room.tasks.get(id)).status).toBe('cancelled');
  await expect(room.tasks.cancel(id)).rejects.toMatchObject({ code: 'invalid_task_state' });
});

test('what waits is cancelled without ever having run', async () => {
  const ran: string[] = [];
  await using room = await open(
    async (desk, { word }) => {
      ran.push(word);
      return await untilStopped(desk);
    },
    { lane: 'heavy' },
  );
  const first = await begin(room.tasks, { word: 'first' });
  await running(room.tasks, first.id);
  const second = await begin(room.tasks, { word: 'second' });
  await room.tasks.cancel(second.id);
  await room.tasks.cancel(first.id);
  const third = await begin(room.tasks, { word: 'third' });
  await running(room.tasks, third.id);
  expect(ran).toEqual(['first', 'third']);
});

test('heavy tasks go one after the other, in the order in which they came', async () => {
  let atOnce = 0;
  const order: string[] = [];
  await using room = await open(
    async (_, { word }) => {
      expect(++atOnce).toBe(1);
      order.push(word);
      await sleep(20);
      atOnce--;
      return {};
    },
    { lane: 'heavy' },
  );
  const made: Task[] = [];
  for (const word of ['a', 'b', 'c']) made.push(await begin(room.tasks, { word }));
  for (const { id } of made) expect((await ended(room.tasks, id)).status).toBe('succeeded');
  expect(order).toEqual(['a', 'b', 'c']);
});

test('a kind that resumes goes on from its folder when the server comes back, another has failed', async () => {
  const work: Work = async (desk) => {
    const place = join(desk.folder, 'place');
    const before = existsSync(place) ? await readFile(place, 'utf8') : '';
    await writeFile(place, `${before}x`);
    return before === '' ? await untilStopped(desk) : { runs: before.length + 1 };
  };
  let id = '';
  {
    await using room = await open(work);
    ({ id } = await begin(room.tasks));
    await running(room.tasks, id);
    await expect.poll(() => existsSync(join(home, 'tasks', id, 'place'))).toBe(true);
  }
  {
    await using room = await open(work);
    expect(await ended(room.tasks, id)).toMatchObject({ status: 'succeeded', result: { runs: 2 } });
  }
  {
    await using room = await open(work, { resumes: false });
    ({ id } = await begin(room.tasks));
    await running(room.tasks, id);
  }
  await using room = await open(work, { resumes: false });
  expect(await ended(room.tasks, id)).toMatchObject({ status: 'failed', error: { code: 'server_stopped' } });
});

test('a secret reaches the work and nothing else, and after a restart it is asked for again', async () => {
  const secret = 'sk-very"secret';
  const work: Work = async (desk) => {
    desk.progress({ message: `asking with ${desk.secret('key')}` });
    await writeFile(join(desk.folder, 'place'), 'there');
    if (existsSync(join(desk.folder, 'again'))) throw new Error(`refused ${desk.secret('key')}`);
    return await untilStopped(desk);
  };
  let id = '';
  {
    await using room = await open(work);
    ({ id } = await begin(room.tasks, { key: secret }));
    await ended(room.tasks, id, ({ progress }) => progress.message === 'asking with ***');
    expect((await room.tasks.get(id)).request).toEqual({ word: 'hello' });
  }
  await using room = await open(work);
  expect((await ended(room.tasks, id)).error).toMatchObject({ code: 'secret_gone', param: 'key' });
  await writeFile(join(home, 'tasks', id, 'again'), '');
  const again = await begin(room.tasks, { key: secret }, id);
  expect((await ended(room.tasks, again.id)).error).toMatchObject({ code: 'task_failed', message: 'refused ***' });
  expect(existsSync(join(home, 'tasks', again.id))).toBe(false); // it went on in the earlier one's folder
  for (const name of ['tunesmith.db', 'tunesmith.db-wal'])
    expect(await readFile(join(home, name)).catch(() => Buffer.alloc(0))).not.toContain('very');
});

test('only a task of the same project and type that came to no good end is gone on from', async () => {
  await using room = await open(async () => ({}));
  const { id } = await begin(room.tasks);
  await ended(room.tasks, id);
  await expect(begin(room.tasks, {}, id)).rejects.toMatchObject({ param: 'continue_from' });
  await expect(begin(room.others, {}, id)).rejects.toMatchObject({
    message: `Invalid 'continue_from': there is no task '${id}'.`,
  });
});

test('deleting a task stops its work and takes its files, but not those that another goes on with', async () => {
  const work: Work = async (desk, { word }) => {
    if (word === 'waits') {
      await untilStopped(desk).catch(() => undefined);
      await writeFile(join(desk.folder, 'late'), '');
    }
    throw new Error('no');
  };
  await using room = await open(work);
  const waits = await begin(room.tasks, { word: 'waits' });
  await running(room.tasks, waits.id);
  await expect.poll(() => existsSync(join(home, 'tasks', waits.id))).toBe(true);
  await room.tasks.delete(waits.id);
  await expect(room.tasks.get(waits.id)).rejects.toMatchObject({ kind: 'not_found' });
  expect(existsSync(join(home, 'tasks', waits.id))).toBe(false);
  const failed = await begin(room.tasks);
  await ended(room.tasks, failed.id);
  const heir = await begin(room.tasks, {}, failed.id);
  await ended(room.tasks, heir.id);
  await room.tasks.delete(failed.id);
  expect(existsSync(join(home, 'tasks', failed.id))).toBe(true);
  await room.tasks.delete(heir.id);
  expect(existsSync(join(home, 'tasks', failed.id))).toBe(false);
});

test('folders whose task is gone are swept when the server starts', async () => {
  let kept = '';
  {
    await using room = await open(async () => ({}));
    ({ id: kept } = await begin(room.tasks));
    await ended(room.tasks, kept);
    const { id } = await begin(room.tasks);
    await ended(room.tasks, id);
    await room.database.deleteFrom('tasks').where('id', '=', id).execute();
    expect(existsSync(join(home, 'tasks', id))).toBe(true);
  }
  await using room = await open(async () => ({}));
  await room.tasks.get(kept);
  expect(existsSync(join(home, 'tasks', kept))).toBe(true);
});

test('a file is handed out by a name that is listed, and no name leads out of the folder', async () => {
  await using room = await open(async ({ offered, folder }) => {
    await writeFile(join(offered, 'a b.txt'), 'hello');
    await writeFile(join(folder, 'private.txt'), 'no');
    return {};
  });
  const { id } = await begin(room.tasks);
  await ended(room.tasks, id);
  const { file, bytes } = await room.tasks.file(id, 'a b.txt');
  expect(file.bytes).toBe(5);
  expect(await text(bytes)).toBe('hello');
  for (const name of ['../private.txt', '..%2fprivate.txt', '/etc/passwd', './a b.txt', ''])
    await expect(room.tasks.file(id, name)).rejects.toMatchObject({ kind: 'not_found' });
});
