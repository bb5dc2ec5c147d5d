/**
 * How busy and how full the machine is.
 *
 * Looking costs little and is done at most once a second, whoever asks; counting what lies in the data folder costs
 * more, so it is done aside and its last result is told.
 */

import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { DiskKind, DiskUse, System } from '../domain/system.ts';
import { childrenMemory } from './metrics.ts';

export type MachineState = Pick<System, 'processor' | 'memory' | 'disk'>;

const lookEveryMs = 1000;
const countEveryMs = 30_000;

export class Machine {
  readonly #home: string;
  readonly #closing = new AbortController();
  #times = processorTimes();
  #looked: { readonly atMs: number; readonly state: Promise<MachineState> } | null = null;
  #used: readonly DiskUse[] | null = null;
  #counting: Promise<unknown> | null = null;
  #countedMs = -Infinity;

  constructor(home: string) {
    this.#home = home;
  }

  async look(): Promise<MachineState> {
    const now = performance.now();
    if (this.#looked === null || now - this.#looked.atMs > lookEveryMs)
      this.#looked = { atMs: now, state: this.#look() };
    return await this.#looked.state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#counting;
  }

  async #look(): Promise<MachineState> {
    this.#count();
    const before = this.#times;
    this.#times = processorTimes();
    const [totalBytes, availableBytes] = await memory();
    const disk = await statfs(this.#home);
    const cores = availableParallelism();
    return {
      processor: {
        model: cpus()[0]?.model.trim() ?? 'unknown',
        cores,
        busy_cores: round(busyShare(before, this.#times) * cores),
        load: round(loadavg()[0]!),
      },
      memory: {
        total_bytes: totalBytes,
        available_bytes: availableBytes,
        server_bytes: process.memoryUsage.rss(),
        children_bytes: await childrenMemory(process.pid),
      },
      disk: {
        total_bytes: disk.blocks * disk.bsize,
        free_bytes: disk.bavail * disk.bsize,
        folder: this.#home,
        used: this.#used,
      },
    };
  }

  /** Begins to count what the data folder holds, unless that was done lately. */
  #count(): void {
    if (this.#counting !== null || performance.now() - this.#countedMs < countEveryMs) return;
    this.#counting = diskUse(this.#home, this.#closing.signal)
      .then(
        (used) => (this.#used = used),
        () => undefined, // the folder is going, and so are we
      )
      .finally(() => {
        this.#countedMs = performance.now();
        this.#counting = null;
      });
  }
}

/** What each part of the data folder holds, the largest first. */
export async function diskUse(home: string, signal: AbortSignal): Promise<DiskUse[]> {
  const sums = new Map<DiskKind, number>();
  const open: { path: string; kind: DiskKind }[] = [{ path: '', kind: 'other' }];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    signal.throwIfAborted();
    const entries = await readdir(join(home, folder.path), { withFileTypes: true }).catch(() => []);
    for (const [n, entry] of entries.entries()) {
      const path = folder.path === '' ? entry.name : `${folder.path}/${entry.name}`;
      const kind = kindOf(path) ?? folder.kind;
      if (entry.isDirectory()) open.push({ path, kind });
      else if (entry.isFile()) {
        const size = await stat(join(home, path)).then(
          ({ blocks, size }) => (blocks > 0 ? blocks * 512 : size),
          () => 0, // gone meanwhile
        );
        sums.set(kind, (sums.get(kind) ?? 0) + size);
      }
      if (n % 256 === 255) await setImmediate();
    }
  }
  return [...sums].map(([kind, bytes]) => ({ kind, bytes })).sort((a, b) => b.bytes - a.bytes);
}

const places: readonly (readonly [DiskKind, RegExp])[] = [
  ['files', /^files$/],
  ['base_models', /^models\/base$/],
  ['fine_tuned_models', /^models\/fine-tuned$/],
  ['jobs', /^jobs$/],
  ['tasks', /^tasks$/],
  ['database', /^tunesmith\.db/],
];

const kindOf = (path: string): DiskKind | undefined => places.find(([, name]) => name.test(path))?.[0];

/** All there is, and what can still be had without swapping: of the container where there is one. */
async function memory(): Promise<[totalBytes: number, availableBytes: number]> {
  const total = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  const available = kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
  return [total, Math.min(total, available)];
}

interface ProcessorTimes {
  readonly busy: number;
  readonly all: number;
}

function processorTimes(): ProcessorTimes {
  const times = cpus().map(({ times: { user, nice, sys, irq, idle } }) => ({ busy: user + nice + sys + irq, idle }));
  const busy = times.reduce((sum, each) => sum + each.busy, 0);
  return { busy, all: times.reduce((sum, each) => sum + each.busy + each.idle, 0) };
}

const busyShare = (before: ProcessorTimes, after: ProcessorTimes): number =>
  after.all === before.all ? 0 : Math.min(1, Math.max(0, (after.busy - before.busy) / (after.all - before.all)));

const round = (value: number): number => Math.round(value * 100) / 100;
