/** The rows of tasks: read and written here and nowhere else. */

import type { Kysely, Selectable } from 'kysely';
import type { Task, TaskType } from '../domain/task.ts';
import type { Schema, TasksTable } from '../store/schema.ts';

export type Rows = Kysely<Schema>;
export type TaskRow = Selectable<TasksTable>;

export const taskOf = (row: Pick<TaskRow, 'object'>): Task => JSON.parse(row.object) as Task;

export async function findTask(rows: Rows, id: string): Promise<TaskRow | undefined> {
  return await rows.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function unfinishedTasks(rows: Rows, types: readonly TaskType[]): Promise<string[]> {
  const found = await rows
    .selectFrom('tasks')
    .select('id')
    .where('status', 'in', ['queued', 'running'])
    .where('type', 'in', types)
    .orderBy('seq')
    .execute();
  return found.map(({ id }) => id);
}

/** Changes a task in one transaction, as it is by then; null from `change` leaves it alone. What it is afterwards, or null. */
export async function changeTask(rows: Rows, id: string, change: (task: Task) => Task | null): Promise<Task | null> {
  return await rows.transaction().execute(async (transaction) => {
    const row = await findTask(transaction, id);
    const task = row === undefined ? null : change(taskOf(row));
    if (task === null) return null;
    await transaction
      .updateTable('tasks')
      .set({ status: task.status, object: JSON.stringify(task) })
      .where('id', '=', id)
      .execute();
    return task;
  });
}

/** Names of the folders that are some task's. */
export async function foldersInUse(rows: Rows): Promise<Set<string>> {
  const found = await rows.selectFrom('tasks').select('folder').distinct().execute();
  return new Set(found.map(({ folder }) => folder));
}
