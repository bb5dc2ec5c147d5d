/**
 * What a kind of task is, and how to add one.
 *
 *   1. name it in `taskTypes` of `domain/task.ts`; put the types of its request and result into `domain/<noun>.ts`
 *   2. write `tasks/kinds/<type>.ts`, which exports what `taskKind({ … })` gives
 *   3. list it in `tasks/kinds.ts`
 *
 * The rest comes by itself: `POST /v1/tasks` takes its fields, and everything about a task, its progress, its files,
 * its cancelling and its end on a killed server is the same for all. A kind keeps three promises:
 *
 *   signal    it stops soon after `signal` is aborted (cancelled, or the server closes) by throwing anything at all
 *   folder    what it needs to go on lies in `desk.folder`, what users may take away in `desk.offered`; nowhere else
 *   breath    it never computes for more than some 50 ms without a pause: it streams, or leaves the work to a child
 *
 * A kind with `resumes` is run again, with the same request and folder, when a server has died under it, and finds in
 * its folder how far it got; any other has failed then. Whoever asks with `continue_from` gives a new task the folder
 * and the fields of an earlier one that was cancelled or has failed.
 */

import type { Kysely } from 'kysely';
import type OpenAI from 'openai';
import type { z } from 'zod';
import type { TaskProgress, TaskType } from '../domain/task.ts';
import type { Evals } from '../evals/api/evals.ts';
import type { EvalRuns } from '../evals/api/runs.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Captures } from '../leaving/captures.ts';
import type { Log } from '../log.ts';
import type { BaseModels } from '../models/base-models.ts';
import type { ModelRegistry } from '../models/registry.ts';
import type { Blobs } from '../store/blobs.ts';
import type { Files } from '../store/files.ts';
import type { Schema } from '../store/schema.ts';

/**
 * Which queue a task waits in. `heavy` ones keep the processor busy and go one after the other; `quick` ones are
 * short, or mostly wait themselves (for a network, for jobs and answers of this very server), and go side by side.
 */
export const lanes = { quick: 8, heavy: 1 } as const;
export type TaskLane = keyof typeof lanes;

/** The house as a task sees it: files, jobs, models and evals are those of its project. */
export interface TaskRooms {
  readonly project: string;
  readonly files: Files;
  readonly jobs: Jobs;
  readonly models: ModelRegistry;
  readonly evals: Evals;
  readonly evalRuns: EvalRuns;
  readonly captures: Captures;
  readonly bases: BaseModels;
  readonly database: Kysely<Schema>;
  readonly blobs: Blobs;
  readonly log: Log;
  /** The data folder. */
  readonly home: string;
  /** Processor cores that may be used. */
  readonly threads: number;
}

/** What a running task works with. */
export interface TaskDesk {
  readonly rooms: TaskRooms;
  /** The official client of this very server, in the name of the task's project. */
  readonly openai: OpenAI;
  readonly signal: AbortSignal;
  /** The task's own; it is there, and stays until the task is deleted. */
  readonly folder: string;
  /** Below it: what is here is listed and handed out by `/v1/tasks/:id/files`. */
  readonly offered: string;
  /** A field that the kind calls a secret; null when it was left out. */
  readonly secret: (name: string) => string | null;
  /** As often as one likes: it is written a few times a second. What is left out stays as it was. */
  readonly progress: (news: Partial<TaskProgress>) => void;
}

export interface TaskKind<Shape extends z.ZodObject = z.ZodObject> {
  readonly type: TaskType;
  /** A `z.strictObject` of the fields beside `type`; let absent be null or a default with `.nullish()`. */
  readonly schema: Shape;
  readonly lane: TaskLane;
  readonly resumes: boolean;
  /** Fields of the request, which hold a string, that are kept in memory only; `run` asks for them by name. */
  readonly secrets: readonly (keyof z.output<Shape> & string)[];
  /** Whether only the operator of the machine may ask, because it changes what all projects share. */
  readonly operatorOnly: boolean;
  /** Throws what can be said at once, before there is a task. */
  check?(request: z.output<Shape>, rooms: TaskRooms): Promise<void> | void;
  run(request: z.output<Shape>, desk: TaskDesk): Promise<object>;
}

type Told<Shape extends z.ZodObject> = Partial<TaskKind<Shape>> &
  Pick<TaskKind<Shape>, 'type' | 'schema' | 'lane' | 'resumes' | 'run'>;

export function taskKind<Shape extends z.ZodObject>(kind: Told<Shape>): TaskKind {
  return { secrets: [], operatorOnly: false, ...kind };
}
