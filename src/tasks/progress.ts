/** How far a task is, written at most a few times a second however often it is told. */

import type { TaskProgress } from '../domain/task.ts';
import { withoutSecrets } from './failure.ts';
import { changeTask, type Rows } from './records.ts';

const betweenWritesMs = 300;

export class Progress {
  readonly #database: Rows;
  readonly #id: string;
  readonly #secrets: readonly string[];
  readonly #onError: (error: unknown) => void;
  #news: Partial<TaskProgress> = {};
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #writtenMs = -Infinity;
  #closed = false;

  constructor(database: Rows, id: string, secrets: Iterable<string>, onError: (error: unknown) => void) {
    this.#database = database;
    this.#id = id;
    this.#secrets = [...secrets];
    this.#onError = onError;
  }

  tell(news: Partial<TaskProgress>): void {
    if (this.#closed) return;
    this.#news = { ...this.#news, ...news };
    const waitMs = Math.max(0, this.#writtenMs + betweenWritesMs - performance.now());
    this.#timer ??= setTimeout(() => this.#flush(), waitMs);
  }

  /** What was told last is written; what is told from now on is not. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#flush();
    }
    await this.#writing;
  }

  #flush(): void {
    const news = withoutSecrets(this.#news, this.#secrets);
    this.#news = {};
    this.#timer = null;
    this.#writtenMs = performance.now();
    this.#writing = this.#writing
      .then(() =>
        changeTask(this.#database, this.#id, (task) =>
          task.status === 'running' ? { ...task, progress: { ...task.progress, ...news } } : null,
        ),
      )
      .then(() => undefined)
      .catch(this.#onError);
  }
}
