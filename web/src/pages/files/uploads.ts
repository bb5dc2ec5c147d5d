/**
 * Files on their way to the server. They go on while other pages are looked at, and by themselves when the server was
 * away for a while.
 *
 * A large file goes in parts by the Uploads API: then it is known how far it is, it can be stopped and gone on with,
 * and what had arrived still counts when the same file is chosen again within the hour that the server keeps it.
 */

import { useSyncExternalStore } from 'react';
import { APIError } from 'openai';
import type { FileObject } from '../../../../src/domain/file.ts';
import { isUnreachable, openai, sentenceOf } from '../../api.ts';
import { queries } from '../../live.ts';
import { forget, recall, remember } from './unfinished.ts';

export type Purpose = 'fine-tune' | 'evals' | 'batch';

export interface Upload {
  readonly key: number;
  readonly name: string;
  readonly sizeBytes: number;
  readonly sentBytes: number;
  /** `waiting`: the server cannot be reached, and it goes on by itself. */
  readonly state: 'sending' | 'waiting' | 'stopped' | 'failed' | 'done';
  readonly error: string | null;
  /** When it is done. */
  readonly file: FileObject | null;
}

/** Smaller files are there before anybody could look at a bar. */
const wholeBytesMax = 8 * 2 ** 20;
const partBytesMin = 8 * 2 ** 20;
const partBytesMax = 64 * 2 ** 20;
const partsAtOnce = 2;
const pauseMs = 1000;

let uploads: readonly Upload[] = [];
const work = new Map<number, { readonly file: File; readonly purpose: Purpose; stopping: AbortController }>();
const listeners = new Set<() => void>();
let lastKey = 0;

export function useUploads(): readonly Upload[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => uploads,
  );
}

export function send(file: File, purpose: Purpose): void {
  const key = ++lastKey;
  work.set(key, { file, purpose, stopping: new AbortController() });
  const { name, size: sizeBytes } = file;
  uploads = [{ key, name, sizeBytes, sentBytes: 0, state: 'sending', error: null, file: null }, ...uploads];
  void run(key);
}

export function stop(key: number): void {
  work.get(key)?.stopping.abort();
  change(key, { state: 'stopped' });
}

export function goOn(key: number): void {
  const job = work.get(key);
  if (job === undefined) return;
  job.stopping = new AbortController();
  change(key, { state: 'sending', error: null });
  void run(key);
}

/** Takes it off the list; what had arrived of it is thrown away. */
export function dismiss(key: number): void {
  const job = work.get(key);
  const upload = uploads.find((each) => each.key === key);
  work.delete(key);
  uploads = uploads.filter((each) => each.key !== key);
  tell();
  if (job === undefined || upload?.state === 'done') return;
  job.stopping.abort();
  const begun = recall(job.file, job.purpose);
  forget(job.file, job.purpose);
  // It would end by itself within the hour.
  if (begun !== null) openai.uploads.cancel(begun.id).catch(() => undefined);
}

async function run(key: number): Promise<void> {
  const { file, purpose, stopping } = work.get(key)!;
  const { signal } = stopping;
  while (!signal.aborted) {
    try {
      const made = await (file.size > wholeBytesMax ? sendParts(key, signal) : sendWhole(file, purpose, signal));
      change(key, { state: 'done', sentBytes: file.size, file: made });
      work.delete(key);
      void queries.invalidateQueries({ queryKey: ['files'] });
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!isUnreachable(error)) return change(key, { state: 'failed', error: sentenceOf(error) });
      change(key, { state: 'waiting' });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      if (!signal.aborted) change(key, { state: 'sending' });
    }
  }
}

async function sendWhole(file: File, purpose: Purpose, signal: AbortSignal): Promise<FileObject> {
  return (await openai.files.create({ file, purpose }, { signal })) as FileObject;
}

async function sendParts(key: number, signal: AbortSignal): Promise<FileObject> {
  const { file, purpose } = work.get(key)!;
  const begun = recall(file, purpose) ?? (await begin(file, purpose, signal));
  const { id, partBytes, parts } = begun;
  const told = (): void => change(key, { sentBytes: Math.min(file.size, parts.filter(Boolean).length * partBytes) });
  told();
  const missing = parts.flatMap((part, i) => (part === null ? [i] : []));
  const sendSome = async (): Promise<void> => {
    for (let i = missing.shift(); i !== undefined; i = missing.shift()) {
      const bytes = file.slice(i * partBytes, (i + 1) * partBytes);
      const part = await openai.uploads.parts.create(id, { data: new File([bytes], 'part') }, { signal });
      parts[i] = part.id;
      remember(file, purpose, begun);
      told();
    }
  };
  try {
    await Promise.all(Array.from({ length: partsAtOnce }, sendSome));
    const done = await openai.uploads.complete(id, { part_ids: parts as string[] }, { signal });
    forget(file, purpose);
    return done.file as FileObject;
  } catch (error) {
    // The server does not know this upload any more: the next attempt begins anew.
    if (error instanceof APIError && (error.status === 404 || error.status === 400)) forget(file, purpose);
    throw error;
  }
}

async function begin(file: File, purpose: Purpose, signal: AbortSignal) {
  const partBytes = Math.min(partBytesMax, Math.max(partBytesMin, Math.ceil(file.size / 100)));
  const { id, expires_at } = await openai.uploads.create(
    { filename: file.name, purpose, bytes: file.size, mime_type: 'text/jsonl' },
    { signal },
  );
  const parts: (string | null)[] = Array.from({ length: Math.ceil(file.size / partBytes) }, () => null);
  const begun = { id, partBytes, parts, expiresAt: expires_at };
  remember(file, purpose, begun);
  return begun;
}

function change(key: number, news: Partial<Upload>): void {
  uploads = uploads.map((upload) => (upload.key === key ? { ...upload, ...news } : upload));
  tell();
}

function tell(): void {
  for (const listener of listeners) listener();
}
