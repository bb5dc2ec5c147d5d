/** What tasks work with in this house: a project's rooms, and a client of this very server. */

import OpenAI from 'openai';
import type { House } from '../house.ts';
import type { TaskRooms } from '../tasks/task-kind.ts';

export function taskRoomsOf(house: House, project: string): TaskRooms {
  const { bases, database, blobs, log, home, settings } = house;
  return { ...house.of(project), bases, database, blobs, log, home, threads: settings.threads };
}

/** `origin` is where the server can be reached from this machine. */
export async function startTasks(house: House, origin: string): Promise<void> {
  await house.taskRunner.start((project) => ({
    rooms: taskRoomsOf(house, project),
    openai: new OpenAI({ baseURL: `${origin}/v1`, apiKey: house.keyring.innerKey(project) }),
  }));
}
