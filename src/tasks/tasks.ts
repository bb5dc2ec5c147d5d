/**
 * The tasks of a project: made, looked up, cancelled, deleted, and the files they offer.
 *
 * A user's word is written at once; the runner is told and acts. Knows nothing of what tasks do.
 */

import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import { invalid, notFound, TunesmithError } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import { isTaskOver, type Task, type TaskFile, type TaskStatus, type TaskType } from '../domain/task.ts';
import { tar, tarBytes, type TarEntry } from '../formats/tar.ts';
import type { Alongside } from '../store/answered-requests.ts';
import { changeTask, findTask, type Rows, taskOf, type TaskRow } from './records.ts';
import { offeredFolder, progressFile, type TaskRunner } from './runner.ts';

export interface NewTask {
  readonly type: TaskType;
  /** As it was given, which its kind has found to be right; secrets are taken out here. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly continueFrom: string | null;
}

export interface TaskQuery {
  readonly type: TaskType | null;
  readonly status: TaskStatus | null;
  readonly after: string | null;
  readonly limit: number;
}

export class Tasks {
  readonly #database: Rows;
  readonly #project: string;
  readonly #runner: TaskRunner;

  constructor(database: Rows, project: string, runner: TaskRunner) {
    this.#database = database;
    this.#project = project;
    this.#runner = runner;
  }

  async create({ type, request, continueFrom }: NewTask, alongside?: Alongside<Task>): Promise<Task> {
    const kind = this.#runner.kinds[type];
    const secrets = new Map(
      kind.secrets.flatMap((name) => (typeof request[name] === 'string' ? [[name, request[name]] as const] : [])),
    );
    const task = newTask(type, Object.fromEntries(Object.entries(request).filter(([name]) => !secrets.has(name))));
    const { id, status, created_at } = task;
    this.#runner.keepSecrets(id, secrets);
    try {
      await this.#database.transaction().execute(async (rows) => {
        const folder = continueFrom === null ? id : await this.#folderOfEarlier(rows, continueFrom, type);
        const row = { id, project: this.#project, type, status, created_at, folder };
        const object = JSON.stringify(task);
        await rows
          .insertInto('tasks')
          .values({ ...row, secrets: JSON.stringify([...secrets.keys()]), object })
          .execute();
        await alongside?.(rows, task);
      });
    } catch (error) {
      this.#runner.forget(id);
      throw error;
    }
    this.#runner.notice(id);
    return task;
  }

  async get(id: string): Promise<Task> {
    return taskOf(await this.#row(id));
  }

  /** Newest first, one more than asked for when there is more. */
  async list({ type, status, after, limit }: TaskQuery): Promise<Task[]> {
    let query = this.#mine()
      .select('object')
      .orderBy('seq', 'desc')
      .limit(limit + 1);
    if (type !== null) query = query.where('type', '=', type);
    if (status !== null) query = query.where('status', '=', status);
    if (after !== null) {
      const cursor = await this.#mine().where('id', '=', after).select('seq').executeTakeFirst();
      if (cursor === undefined)
        throw invalid('after', `Invalid 'after': there is no task '${after}'.`, 'invalid_value');
      query = query.where('seq', '<', cursor.seq);
    }
    return (await query.execute()).map(taskOf);
  }

  async cancel(id: string): Promise<Task> {
    await this.#row(id);
    const cancelled = await changeTask(this.#database, id, (task) => {
      if (isTaskOver(task.status))
        throw invalid(
          null,
          `Task ${id} has ${task.status === 'cancelled' ? 'been cancelled' : task.status} already; there is nothing to cancel.`,
          'invalid_task_state',
        );
      return { ...task, status: 'cancelled', finished_at: Math.floor(Date.now() / 1000) };
    });
    this.#runner.forget(id);
    this.#runner.notice(id);
    return cancelled ?? (await this.get(id));
  }

  /** Gone at once; work that goes on is stopped, and the files go with it, unless a later task goes on with them. */
  async delete(id: string): Promise<void> {
    const { folder } = await this.#row(id);
    await this.#database.deleteFrom('tasks').where('id', '=', id).execute();
    this.#runner.forget(id);
    this.#runner.notice(id);
    const heir = await this.#database.selectFrom('tasks').select('id').where('folder', '=', folder).executeTakeFirst();
    if (heir === undefined) await this.#runner.discard(folder);
  }

  /** What an earlier task was asked for, for one that goes on from there. */
  async requestOf(id: string): Promise<Readonly<Record<string, unknown>>> {
    const row = await this.#mine().where('id', '=', id).selectAll().executeTakeFirst();
    if (row === undefined) throw noEarlier(id);
    return taskOf(row).request as Readonly<Record<string, unknown>>;
  }

  /** What an ended task offers, by name. */
  async files(id: string): Promise<TaskFile[]> {
    const folder = await this.#offeredBy(id);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(ifMissing([]));
    const files: TaskFile[] = [];
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      files.push({
        object: 'task.file',
        name: relative(folder, path).split(sep).join('/'),
        bytes: (await lstat(path)).size,
      });
    }
    return files.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Only what `files` lists is handed out, so a name cannot lead anywhere else. */
  async file(id: string, name: string): Promise<{ readonly file: TaskFile; readonly bytes: NodeJS.ReadableStream }> {
    if (name === progressFile) return await this.#progress(id);
    const file = (await this.files(id)).find((each) => each.name === name);
    if (file === undefined) throw notFound('name', `Task ${id} has no file '${name}'.`);
    const path = join(await this.#offeredBy(id), ...name.split('/'));
    return { file, bytes: createReadStream(path, { highWaterMark: 1 << 20 }) };
  }

  /** What is known so far is replaced whole each time, so it can be had at any time. */
  async #progress(id: string): Promise<{ readonly file: TaskFile; readonly bytes: NodeJS.ReadableStream }> {
    const row = await this.#row(id);
    const path = join(this.#runner.folderOf(row.folder), offeredFolder, progressFile);
    const bytes = await readFile(path).catch(() => null);
    if (bytes === null) throw notFound('name', `Task ${id} has no file '${progressFile}'.`);
    return { file: { object: 'task.file', name: progressFile, bytes: bytes.length }, bytes: Readable.from([bytes]) };
  }

  /** All of them in one tar archive, in a folder of that name. */
  async archive(
    id: string,
    name: string,
  ): Promise<{ readonly sizeBytes: number; readonly bytes: NodeJS.ReadableStream }> {
    const folder = await this.#offeredBy(id);
    const files = await this.files(id);
    if (files.length === 0) throw notFound('id', `Task ${id} has no files.`);
    const entries: TarEntry[] = [];
    for (const file of files) {
      const path = join(folder, ...file.name.split('/'));
      const changedAt = Math.floor((await lstat(path)).mtimeMs / 1000);
      const content = opened(path);
      entries.push({ name: `${name}/${file.name}`, sizeBytes: file.bytes, changedAt, content });
    }
    return { sizeBytes: tarBytes(entries), bytes: Readable.from(tar(entries), { objectMode: false }) };
  }

  async #offeredBy(id: string): Promise<string> {
    const row = await this.#row(id);
    if (!isTaskOver(taskOf(row).status))
      throw new TunesmithError('conflict', `Task ${id} is ${row.status}; its files can be had when it has ended.`, {
        code: 'task_not_over',
      });
    return join(this.#runner.folderOf(row.folder), offeredFolder);
  }

  async #folderOfEarlier(rows: Rows, id: string, type: TaskType): Promise<string> {
    const earlier = await findTask(rows, id);
    if (earlier === undefined || earlier.project !== this.#project) throw noEarlier(id);
    const wrong = (what: string) => invalid('continue_from', `Invalid 'continue_from': ${what}.`, 'invalid_value');
    if (earlier.type !== type) throw wrong(`${id} is of the type '${earlier.type}', expected '${type}'`);
    if (earlier.status !== 'failed' && earlier.status !== 'cancelled')
      throw wrong(`${id} is ${earlier.status}; expected one that has failed or was cancelled`);
    return earlier.folder;
  }

  async #row(id: string): Promise<TaskRow> {
    const row = await this.#mine().where('id', '=', id).selectAll().executeTakeFirst();
    if (row === undefined) throw notFound('id', `No task found with id '${id}'.`);
    return row;
  }

  #mine() {
    return this.#database.selectFrom('tasks').where('project', '=', this.#project);
  }
}

const noEarlier = (id: string): TunesmithError =>
  invalid('continue_from', `Invalid 'continue_from': there is no task '${id}'.`, 'invalid_value');

/** Opened when its turn comes: an archive of many files has one of them open. */
async function* opened(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
}

const ifMissing =
  <Value>(value: Value) =>
  (error: NodeJS.ErrnoException): Value => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };

function newTask(type: TaskType, request: object): Task {
  return {
    object: 'task',
    id: newId('task'),
    type,
    status: 'queued',
    created_at: Math.floor(Date.now() / 1000),
    started_at: null,
    finished_at: null,
    progress: { done: 0, total: null, unit: '', message: null },
    request,
    result: null,
    error: null,
  };
}
