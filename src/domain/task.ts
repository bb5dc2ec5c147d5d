/**
 * A task: something the server does that takes longer than a request, such as fetching a model. Tunesmith's own.
 *
 *   queued ──► running ──► succeeded | failed        cancelled from either
 */

/** What can be asked for; each has its file in `tasks/kinds/`. */
export const taskTypes = [
  'file_check',
  'pull',
  'export',
  'compare',
  'sweep',
  'learning_curve',
  'openai_capture',
  'openai_record',
  'openai_restore',
  'openai_parity',
] as const;
export type TaskType = (typeof taskTypes)[number];

export const taskStatuses = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type TaskStatus = (typeof taskStatuses)[number];

export interface TaskProgress {
  readonly done: number;
  /** Null while nobody knows. */
  readonly total: number | null;
  /** What is counted, in the plural: `bytes`, `lines`; empty where nothing is. */
  readonly unit: string;
  /** What is being done, in words. */
  readonly message: string | null;
}

export interface TaskError {
  readonly code: string;
  readonly message: string;
  /** The field of the request that is to blame. */
  readonly param: string | null;
}

export interface Task<Request extends object = object, Result extends object = object> {
  readonly object: 'task';
  readonly id: string;
  readonly type: TaskType;
  readonly status: TaskStatus;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly progress: TaskProgress;
  /** As it was given, without its type and its secrets. */
  readonly request: Request;
  readonly result: Result | null;
  readonly error: TaskError | null;
}

/** A file that a task has made to be taken away. */
export interface TaskFile {
  readonly object: 'task.file';
  /** May have folders in it: `gguf/model.gguf`. */
  readonly name: string;
  readonly bytes: number;
}

export const isTaskOver = (status: TaskStatus): boolean => status !== 'queued' && status !== 'running';
