/** What `sweep` and `learning-curve` have in common: options, their sense, and a stop that loses nothing. */

import { mkdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { Command } from 'commander';
import type OpenAI from 'openai';
import { tasks, type Task } from '../evals/task.ts';
import type { View } from '../evals/view.ts';
import { parseDimension, type Dimension } from '../sweep/space.ts';
import { wholeNumber, type Context } from './context.ts';
import { Interrupted, isInterruption, UsageError } from './outcome.ts';

export interface TrainingsFlags {
  readonly validation?: string;
  readonly metric?: string;
  readonly task?: string;
  readonly seed: number;
  readonly output?: string;
  readonly retry?: boolean;
  readonly fresh?: boolean;
}

/** `folder` is the beginning of the usual folder's name. */
export function trainingsOptions(command: Command, folder: string): Command {
  return command
    .option('--metric <name>', 'the figure that counts (default: the main one of the kind of task)')
    .option('--task <kind>', `${tasks.join(', ')} (default: as the references look)`)
    .option('--seed <number>', 'of the draw, the cuts and the trainings', wholeNumber, 42)
    .option('-o, --output <folder>', `where state, data and report go (default: ${folder}-<file>)`)
    .option('--retry', 'try again what failed')
    .option('--fresh', 'begin anew, whatever is there');
}

/** `lora_rank=8,16` → a dimension; `expected` and `example` are for whoever got it wrong. */
export function readSetting(text: string, expected: string, example: string): Dimension {
  const [, name, values] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || values === undefined)
    throw new UsageError(`--set ${text}: ${expected} was expected, such as ${example}.`);
  return parseDimension(name, values, `--set ${name}=`);
}

export function readTask({ task }: TrainingsFlags): Task | undefined {
  if (task !== undefined && !tasks.includes(task as Task))
    throw new UsageError(`The task "${task}" is not known; one of ${tasks.join(', ')} was expected.`);
  return task as Task | undefined;
}

interface Common {
  readonly folder: string;
  readonly fresh: boolean;
  readonly retry: boolean;
  readonly openai: OpenAI;
  readonly server: string;
  readonly answersFolder: string;
  readonly signal: AbortSignal;
  readonly view: View;
}

/** A server that trains, the folder, and what both undertakings want of them; the folder is made. */
export async function undertake(
  context: Context,
  flags: TrainingsFlags,
  folder: string,
  run: (common: Common) => Promise<void>,
): Promise<void> {
  const { terminal, signal, home, namedServer } = context;
  try {
    await mkdir(folder, { recursive: true });
    await using connection = await context.connect({ training: true });
    return await run({
      folder,
      fresh: flags.fresh === true,
      retry: flags.retry === true,
      openai: connection.openai,
      server: `sweep ${namedServer ?? 'this machine'}`,
      answersFolder: join(home, 'evals', 'answers'),
      signal,
      view: terminal,
    });
  } catch (error) {
    if (!isInterruption(error)) throw error;
    throw new Interrupted('Stopped. Jobs that wait or train stay in the queue; the same command goes on.');
  }
}

export const usualFolder = (prefix: string, file: string): string => `${prefix}-${basename(file, extname(file))}`;
