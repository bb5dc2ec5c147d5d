/** `tunesmith serve` as a user starts it, killed when it is disposed of, and tasks watched from outside. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { isTaskOver, type Task } from '../../src/domain/task.ts';
import { programArguments } from '../../src/programs.ts';

export interface Server extends AsyncDisposable {
  readonly openai: OpenAI;
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  /** What it has logged so far. */
  readonly log: () => string;
  /** Ends it as an operator does, and waits. */
  stop(): Promise<void>;
}

/** At any free port, unless a server was there before whose place it takes. */
export async function serve(
  home: string,
  env: Readonly<Record<string, string>> = {},
  before: Pick<Server, 'origin'> | null = null,
): Promise<Server> {
  const port = before === null ? '0' : new URL(before.origin).port;
  const child: ChildProcess = spawn(
    process.execPath,
    [...programArguments('main'), 'serve', '--port', port, '--home', home],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TUNESMITH_THREADS: '1', ...env } },
  );
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  let said = '';
  const lines = createInterface({ input: child.stderr! });
  const url = await new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      said += `${line}\n`;
      const found = /https?:\/\/[^\s"]+\/v1/.exec(line)?.[0];
      if (found !== undefined) resolve(found);
    });
    lines.on('close', () => reject(new Error(`The server did not start:\n${said}`)));
  });
  return {
    origin: new URL(url).origin,
    openai: new OpenAI({ baseURL: url, apiKey: 'any', maxRetries: 0 }),
    log: () => said,
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  };
}

export const startTask = (openai: OpenAI, body: object): Promise<Task> => openai.post('/tasks', { body });

export async function waitForTask(
  openai: OpenAI,
  id: string,
  reached: (task: Task) => boolean = ({ status }) => isTaskOver(status),
): Promise<Task> {
  for (const endMs = Date.now() + 120_000; Date.now() < endMs;) {
    const task: Task = await openai.get(`/tasks/${id}`);
    if (reached(task)) return task;
    if (isTaskOver(task.status)) throw new Error(`${id} has ${task.status}: ${JSON.stringify(task.error)}`);
    await sleep(20);
  }
  throw new Error(`waited in vain for ${id}`);
}
