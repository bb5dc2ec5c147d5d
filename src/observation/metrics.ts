/**
 * What the house has done and how it stands, as Prometheus reads it.
 *
 * Requests and tokens are counted as they happen; what stands in the database or in memory (queue, training speed,
 * the memory of trainers and runtimes) is looked up when somebody asks. Labels come from small closed sets: routes
 * by their pattern, models only once they are known to exist.
 */

import { readdir, readFile } from 'node:fs/promises';
import type { Kysely } from 'kysely';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { JobEvent, StepMetrics } from '../domain/job.ts';
import type { Schema } from '../store/schema.ts';

export interface RequestFacts {
  readonly method: string;
  /** The pattern, such as `/v1/files/:id`; never what the client sent. */
  readonly route: string;
  readonly status: number;
  readonly ms: number;
}

export interface TokenFacts {
  readonly model: string;
  readonly promptTokens: number;
  /** Of the prompt's, those that needed no computing. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #seconds: Histogram<'method' | 'route'>;
  readonly #tokens: Counter<'model' | 'kind'>;

  constructor(database: Kysely<Schema>) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      name: 'tunesmith_http_requests_total',
      help: 'Requests answered.',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'tunesmith_http_request_seconds',
      help: 'From the arrival of a request to the end of its answer.',
      labelNames: ['method', 'route'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      registers,
    });
    this.#tokens = new Counter({
      name: 'tunesmith_tokens_total',
      help: 'Tokens of answers: prompt (cached ones among them), cached and completion.',
      labelNames: ['model', 'kind'],
      registers,
    });
    new Gauge({
      name: 'tunesmith_jobs',
      help: 'Fine-tuning jobs by status; validating_files, queued and paused ones wait.',
      labelNames: ['status'],
      registers,
      collect() {
        return countJobs(database).then((counts) => {
          this.reset();
          for (const { status, count } of counts) this.set({ status }, Number(count));
        });
      },
    });
    new Gauge({
      name: 'tunesmith_training_tokens_per_second',
      help: 'Speed of the newest step of each running job.',
      labelNames: ['job'],
      registers,
      collect() {
        return trainingSpeeds(database).then((speeds) => {
          this.reset();
          for (const { job, speed } of speeds) this.set({ job }, speed);
        });
      },
    });
    new Gauge({
      name: 'tunesmith_children_resident_memory_bytes',
      help: 'Memory of trainers and runtimes together, the processes below the server.',
      registers,
      collect() {
        return childrenMemory(process.pid).then((bytes) => this.set(bytes));
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  countRequest({ method, route, status, ms }: RequestFacts): void {
    this.#requests.inc({ method, route, status: String(status) });
    this.#seconds.observe({ method, route }, ms / 1000);
  }

  countTokens({ model, promptTokens, cachedTokens, completionTokens }: TokenFacts): void {
    this.#tokens.inc({ model, kind: 'prompt' }, promptTokens);
    this.#tokens.inc({ model, kind: 'cached' }, cachedTokens);
    this.#tokens.inc({ model, kind: 'completion' }, completionTokens);
  }

  /** A value that is looked up whenever somebody asks. */
  watch(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({ name, help, registers: [this.#registry], collect: () => gauge.set(read()) });
  }

  async text(): Promise<string> {
    return await this.#registry.metrics();
  }
}

async function countJobs(database: Kysely<Schema>) {
  return await database
    .selectFrom('jobs')
    .select((row) => ['status', row.fn.countAll<number>().as('count')])
    .groupBy('status')
    .execute();
}

async function trainingSpeeds(database: Kysely<Schema>): Promise<{ job: string; speed: number }[]> {
  const running = await database.selectFrom('jobs').select(['id', 'step']).where('status', '=', 'running').execute();
  const newest = running.map(({ id, step }) =>
    database
      .selectFrom('job_events')
      .select(['job_id', 'object'])
      .where('job_id', '=', id)
      .where('step', '=', step)
      .executeTakeFirst(),
  );
  return (await Promise.all(newest)).flatMap((row) => {
    if (row === undefined) return [];
    const { tokens_per_second } = (JSON.parse(row.object) as JobEvent).data as StepMetrics;
    return tokens_per_second === undefined ? [] : [{ job: row.job_id, speed: tokens_per_second }];
  });
}

const pageBytes = 4096;

/** Resident memory of a process's descendants; where there is no `/proc` (macOS, Windows), nothing is known: 0. */
export async function childrenMemory(parent: number): Promise<number> {
  const pids = await readdir('/proc').catch(() => []);
  const processes = await Promise.all(pids.filter((name) => /^\d+$/.test(name)).map(readProcess));
  const known = processes.filter((each) => each !== null);
  const family = new Set([parent]);
  // Children have greater numbers only until numbers start again, so look until nobody new is found.
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const { pid, ppid } of known) if (family.has(ppid)) family.add(pid);
  }
  family.delete(parent);
  return known.reduce((sum, { pid, residentBytes }) => sum + (family.has(pid) ? residentBytes : 0), 0);
}

async function readProcess(pid: string): Promise<{ pid: number; ppid: number; residentBytes: number } | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null); // it may be gone by now
  if (stat === null) return null;
  // The second field is the program's name in brackets and may hold anything; counting starts behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid: Number(pid), ppid: Number(fields[1]), residentBytes: Number(fields[21]) * pageBytes };
}
