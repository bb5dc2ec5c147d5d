/** Tasks: what takes longer than a request, and the files that come of it. */

import { taskStatuses, taskTypes } from '../../../domain/task.ts';
import { taskRequest } from '../task-request.ts';
import {
  anyObject,
  deleted,
  download,
  listOf,
  number,
  object,
  orNull,
  row,
  text,
  textOrNull,
  whole,
  wholeOrNull,
  type Operations,
} from './operation.ts';

const task = object({
  object: { const: 'task' },
  id: text,
  type: { enum: taskTypes },
  status: { enum: taskStatuses },
  created_at: whole,
  started_at: wholeOrNull,
  finished_at: wholeOrNull,
  progress: object({ done: number, total: orNull(number), unit: text, message: textOrNull }),
  request: anyObject,
  result: orNull(anyObject),
  error: orNull(object({ code: text, message: text, param: textOrNull })),
});
const taskFile = object({ object: { const: 'task.file' }, name: text, bytes: whole });

export const taskOperations: Operations = {
  'POST /v1/tasks': row(
    'Tasks',
    'Begin what takes longer than a request; `continue_from` names an earlier task whose work is gone on with.',
    {
      request: taskRequest,
      response: task,
    },
  ),
  'GET /v1/tasks': row('Tasks', 'List tasks, newest first, of one `type` or `status` if wished.', {
    response: listOf(task),
  }),
  'GET /v1/tasks/:id': row('Tasks', 'Look at a task: how far it is, or what came of it.', { response: task }),
  'POST /v1/tasks/:id/cancel': row('Tasks', 'Cancel a task; what it needs to be gone on with stays.', {
    response: task,
  }),
  'DELETE /v1/tasks/:id': row('Tasks', 'Delete a task and its files.', {
    response: deleted('task.deleted'),
  }),
  'GET /v1/tasks/:id/files': row('Tasks', 'List the files that an ended task has made.', {
    response: listOf(taskFile),
  }),
  'GET /v1/tasks/:id/archive': row('Tasks', 'Download all of them as one tar archive of that `name`.', {
    response: download('application/x-tar'),
  }),
  'GET /v1/tasks/:id/files/:name': row('Tasks', 'Download such a file.', {
    response: download('application/octet-stream'),
  }),
};
