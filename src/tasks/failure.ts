/** Why a task failed, as its row and its user are told. Secrets that stand in a message are taken out. */

import { APIError } from 'openai';
import { TunesmithError } from '../domain/errors.ts';
import type { TaskError } from '../domain/task.ts';

export const serverStopped: TaskError = {
  code: 'server_stopped',
  message: 'The server was stopped while this ran, and it cannot go on in the middle. Start it again.',
  param: null,
};

export const secretGone = (name: string): TaskError => ({
  code: 'secret_gone',
  message: `The server was restarted, and what was given as '${name}' was kept in memory only. Give it again to go on: a new task with it, and this one as 'continue_from'.`,
  param: name,
});

export function taskError(error: unknown): TaskError {
  if (error instanceof TunesmithError) {
    return { code: error.code ?? error.kind, message: error.message, param: error.param };
  }
  if (error instanceof APIError) {
    return { code: error.code ?? 'request_failed', message: error.message, param: error.param ?? null };
  }
  return { code: 'task_failed', message: error instanceof Error ? error.message : String(error), param: null };
}

/** Whether it is ours to know about, and not something that the user has asked for. */
export const isUnforeseen = (error: unknown): boolean =>
  !(error instanceof TunesmithError || error instanceof APIError);

/** The same with every secret blotted out wherever it stands, also between the letters of a JSON text. */
export function withoutSecrets<Value>(value: Value, secrets: Iterable<string>): Value {
  let text = JSON.stringify(value);
  for (const secret of secrets) {
    const inside = JSON.stringify(secret).slice(1, -1);
    if (inside !== '') text = text.replaceAll(inside, '***');
  }
  return JSON.parse(text) as Value;
}
