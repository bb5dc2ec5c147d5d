/** The newest check of a file: the one that is there, or one that is begun as soon as somebody looks. */

import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { FileCheck, FileCheckOutcome, FileCheckRequest } from '../../../../src/domain/file-check.ts';
import type { Task } from '../../../../src/domain/task.ts';
import { openai, type ListOf } from '../../api.ts';
import { useOnce } from '../../live.ts';
import { isOver, startTask, useTask } from '../../parts/task-progress.tsx';

export type CheckTask = Task<FileCheckRequest, FileCheckOutcome>;
export type CheckWishes = Omit<FileCheckRequest, 'file'>;

export interface Checking {
  /** Null until there is one. */
  readonly task: CheckTask | null;
  /** What is known, also while it is checked again. */
  readonly check: FileCheck | null;
  readonly wishes: CheckWishes;
  readonly error: unknown;
  readonly again: (wishes: CheckWishes) => void;
}

const remembered = 100;

export function useCheck(file: string, isWanted: boolean): Checking {
  const client = useQueryClient();
  const found = useOnce(['file-check', file], () => newestCheck(file), { enabled: isWanted });
  const [id, setId] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const last = useRef<FileCheck | null>(null);
  const begun = useRef(false);

  async function begin(wishes: CheckWishes, before: string | null): Promise<void> {
    setError(null);
    try {
      const task = await startTask('file_check', { file, ...wishes });
      client.setQueryData(['task', task.id], task);
      client.setQueryData(['file-check', file], task);
      setId(task.id);
      if (before !== null) await openai.delete(`/tasks/${before}`);
    } catch (cause) {
      setError(cause);
    }
  }

  useEffect(() => {
    if (found.data === undefined || begun.current) return;
    begun.current = true;
    if (found.data === null) void begin({}, null);
    else setId(found.data.id);
  }, [found.data]);

  const asked = useTask(id);
  const task = (asked.data as CheckTask | undefined) ?? (found.data?.id === id ? found.data : null);
  const whole = useOnce(['file-check', 'whole', id], () => wholeCheck(id!), { enabled: task?.status === 'succeeded' });
  if (whole.data !== undefined) last.current = whole.data;
  const { file: _, ...wishes } = task?.request ?? { file };
  return {
    task,
    check: last.current,
    wishes,
    error: error ?? (found.isError ? found.error : whole.isError ? whole.error : null),
    again: (next) => void begin(next, task !== null && isOver(task) ? task.id : null),
  };
}

async function newestCheck(file: string): Promise<CheckTask | null> {
  const { data } = await openai.get<ListOf<CheckTask>>('/tasks', { query: { type: 'file_check', limit: remembered } });
  return (
    data.find(({ request, status }) => request.file === file && status !== 'failed' && status !== 'cancelled') ?? null
  );
}

/** When the file is gone, nobody asks for its checks any more. */
export async function forgetChecks(file: string): Promise<void> {
  const { data } = await openai.get<ListOf<CheckTask>>('/tasks', { query: { type: 'file_check', limit: remembered } });
  const ofFile = data.filter(({ request }) => request.file === file);
  await Promise.all(ofFile.map(({ id }) => openai.delete(`/tasks/${id}`)));
}

async function wholeCheck(task: string): Promise<FileCheck> {
  return JSON.parse(await openai.get<string>(`/tasks/${task}/files/check.json`)) as FileCheck;
}
