/**
 * Runs tasks in the background, each lane for itself.
 *
 * A task is `running` from when its kind is called until its row says what came of it. One that is found running when
 * nobody runs it is what a killed server has left behind: a kind that resumes is called again, any other has failed.
 * Cancelling and deleting write the row first and stop the work afterwards, so what is told is true at once; the
 * folder of a deleted task goes when its work has ended. Knows nothing of HTTP.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { Background } from '../background.ts';
import { isTaskOver, type Task, type TaskError, type TaskType } from '../domain/task.ts';
import type { Log } from '../log.ts';
import { isUnforeseen, secretGone, serverStopped, taskError, withoutSecrets } from './failure.ts';
import { Progress } from './progress.ts';
import { changeTask, findTask, foldersInUse, type Rows, taskOf, type TaskRow, unfinishedTasks } from './records.ts';
import { lanes, type TaskKind, type TaskLane, type TaskRooms } from './task-kind.ts';

export interface TaskRunnerOptions {
  readonly database: Rows;
  readonly log: Log;
  /** The data folder. */
  readonly home: string;
  readonly kinds: Readonly<Record<TaskType, TaskKind>>;
  readonly lookMs?: number;
}

/** What a task is given of a project. */
export interface Outfit {
  readonly rooms: TaskRooms;
  readonly openai: OpenAI;
}

const restMs = 1000;

export class TaskRunner implements AsyncDisposable {
  readonly kinds: Readonly<Record<TaskType, TaskKind>>;
  readonly #options: Required<TaskRunnerOptions>;
  readonly #folder: string;
  /** By task, then by field. Here and nowhere else. */
  readonly #secrets = new Map<string, ReadonlyMap<string, string>>();
  /** Folders of tasks whose work goes on, and when it ends. */
  readonly #busy = new Map<string, Promise<void>>();
  #lanes: Background[] = [];

  constructor(options: TaskRunnerOptions) {
    this.#options = { lookMs: 1000, ...options };
    this.kinds = options.kinds;
    this.#folder = join(options.home, 'tasks');
  }

  /** `outfit` is asked once per task, when it begins. */
  async start(outfit: (project: string) => Outfit): Promise<void> {
    const { database, log, lookMs } = this.#options;
    await this.#sweep();
    this.#lanes = (Object.keys(lanes) as TaskLane[]).map((lane) => {
      const types = Object.values(this.kinds).flatMap((kind) => (kind.lane === lane ? [kind.type] : []));
      return new Background({
        unfinished: () => unfinishedTasks(database, types),
        bringOn: (id, signal) => this.#bringOn(id, outfit, signal),
        onError: (task, error) => log.error('task.stumbled', { task, error }),
        atOnce: lanes[lane],
        lookMs,
        restMs,
      });
    });
  }

  /** Leaves what runs as a kill would: the next server takes it up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#lanes.splice(0).map((lane) => lane[Symbol.asyncDispose]()));
  }

  folderOf(name: string): string {
    return join(this.#folder, name);
  }

  keepSecrets(id: string, secrets: ReadonlyMap<string, string>): void {
    if (secrets.size > 0) this.#secrets.set(id, secrets);
  }

  /** A task is new, or its user wants no more of it. */
  notice(id: string): void {
    for (const lane of this.#lanes) lane.notice(id);
  }

  /** To be called when no row names the folder any more; it goes when nobody writes into it. */
  async discard(folder: string): Promise<void> {
    await this.#busy.get(folder);
    await rm(this.folderOf(folder), { recursive: true, force: true });
  }

  /** Folders whose task was deleted while the server died. */
  async #sweep(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const used = await foldersInUse(this.#options.database);
    for (const name of await readdir(this.#folder)) if (!used.has(name)) await this.discard(name);
  }

  async #bringOn(id: string, outfit: (project: string) => Outfit, signal: AbortSignal): Promise<void> {
    const { database } = this.#options;
    const row = await findTask(database, id);
    if (row === undefined || isTaskOver(taskOf(row).status)) return;
    const kind = this.kinds[taskOf(row).type];
    if (row.status === 'running' && !kind.resumes) return await this.#end(id, { error: serverStopped });
    const secrets = this.#secrets.get(id) ?? new Map<string, string>();
    const gone = (JSON.parse(row.secrets) as string[]).find((name) => !secrets.has(name));
    if (gone !== undefined) return await this.#end(id, { error: secretGone(gone) });
    // An earlier task with the same folder may still be winding down.
    await this.#busy.get(row.folder);
    if (signal.aborted) return;
    const work = this.#run(row, kind, secrets, outfit(row.project), signal);
    const ended = work.then(
      () => undefined,
      () => undefined,
    );
    this.#busy.set(row.folder, ended);
    try {
      await work;
    } finally {
      if (this.#busy.get(row.folder) === ended) this.#busy.delete(row.folder);
    }
  }

  async #run(
    { id, folder: name }: TaskRow,
    kind: TaskKind,
    secrets: ReadonlyMap<string, string>,
    { rooms, openai }: Outfit,
    signal: AbortSignal,
  ): Promise<void> {
    const { database, log } = this.#options;
    const folder = this.folderOf(name);
    const offered = join(folder, offeredFolder);
    await mkdir(offered, { recursive: true });
    const begun = await changeTask(database, id, (task) =>
      isTaskOver(task.status) ? null : { ...task, status: 'running', started_at: task.started_at ?? now() },
    );
    if (begun === null) return;
    log.info('task.started', { task: id, type: kind.type });
    const progress = new Progress(database, id, secrets.values(), (error) =>
      log.error('task.stumbled', { task: id, error }),
    );
    let ending: Partial<Task>;
    try {
      const request = kind.schema.parse({ ...begun.request, ...Object.fromEntries(secrets) });
      const result = await kind.run(request, {
        rooms,
        openai,
        signal,
        folder,
        offered,
        secret: (field) => secrets.get(field) ?? null,
        progress: (news) => progress.tell(news),
      });
      ending = { result };
    } catch (error) {
      if (signal.aborted) return; // cancelled, or the server closes: the row says which
      if (isUnforeseen(error))
        log.error('task.failed', { task: id, error: withoutSecrets(taskError(error), secrets.values()) });
      ending = { error: taskError(error) };
    } finally {
      await progress.close();
    }
    await this.#end(id, withoutSecrets(ending, secrets.values()));
  }

  async #end(
    id: string,
    ending: { readonly error?: TaskError | null; readonly result?: object | null },
  ): Promise<void> {
    const { database, log } = this.#options;
    const status = ending.error == null ? 'succeeded' : 'failed';
    const ended = await changeTask(database, id, (task) =>
      isTaskOver(task.status) ? null : { ...task, ...ending, status, finished_at: now() },
    );
    this.forget(id);
    if (ended !== null)
      log.info('task.ended', { task: id, status, ...(ended.error === null ? {} : { code: ended.error.code }) });
  }

  /** Its secrets are needed no more. */
  forget(id: string): void {
    this.#secrets.delete(id);
  }
}

/** Below a task's folder: what users may take away. */
export const offeredFolder = 'files';

/** Among them: what a task knows so far, as its result will have it, for those kinds that tell. */
export const progressFile = 'progress.json';

const now = (): number => Math.floor(Date.now() / 1000);
