/** What comparisons, sweeps and learning curves have in common as tasks: a thread, the files they are of, what is known so far. */

import { constants } from 'node:fs';
import { access, copyFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { invalid } from '../domain/errors.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import { type Orders, undertake } from '../sweep/undertaking.ts';
import { progressFile } from './runner.ts';
import type { TaskDesk, TaskRooms } from './task-kind.ts';

export async function undertaken<Type extends keyof Orders>(
  type: Type,
  asked: Orders[Type],
  { openai, folder, offered, progress, signal }: TaskDesk,
): Promise<object> {
  // One write after the other, and of what came meanwhile only the newest.
  let newest: object | null = null;
  let writing = Promise.resolve();
  const write = async (): Promise<void> => {
    const state = newest;
    newest = null;
    if (state !== null) await writeAtomically(join(offered, progressFile), [Buffer.from(JSON.stringify(state))]);
  };
  const keep = (state: object): void => {
    newest = state;
    writing = writing.then(write);
  };
  const { baseURL, apiKey } = openai;
  // A task that goes on from another has its folder, and so its jobs.
  const order = { type, asked, id: basename(folder), access: { baseURL, apiKey: apiKey ?? '' }, folder, offered };
  const listener = {
    onNote: (message: string): void => progress({ message }),
    onCount: (count: { done: number; total: number; unit: string }): void => progress(count),
    onState: keep,
  };
  try {
    return await undertake(order, listener, signal);
  } finally {
    await writing;
  }
}

/** The path of a copy of the project's file, made once: the file itself may be deleted while the task goes on. */
export async function ownCopy({ rooms, folder }: TaskDesk, id: string, name: string): Promise<string> {
  const path = join(folder, `${name}.jsonl`);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) return path;
  await assertFile(rooms, id, name);
  await copyFile(rooms.files.path(id), `${path}.part`, constants.COPYFILE_FICLONE);
  await rename(`${path}.part`, path);
  return path;
}

export async function assertFile({ files }: TaskRooms, id: string, param: string): Promise<void> {
  if ((await files.find(id)) === null) throw invalid(param, `No such File object: ${id}`, 'file_not_found');
}

export async function assertModel({ models }: TaskRooms, name: string, param: string): Promise<void> {
  if ((await models.resolve(name)) === null)
    throw invalid(param, `The model '${name}' does not exist.`, 'model_not_found');
}
