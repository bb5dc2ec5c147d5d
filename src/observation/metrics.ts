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
    this.#lookUp(
      'tunesmith_jobs',
      'Fine-tuning jobs by status; validating_files, queued and paused ones wait.',
      'status',
      () => countJobs(database),
    );
    this.#lookUp('tunesmith_training_tokens_per_second', 'Speed of the newest step of each running job.', 'job', () =>
      trainingSpeeds(database),
    );
    this.#lookUp(
      'tunesmith_children_resident_memory_bytes',
      'Memory of trainers and runtimes, the processes below the server.',
      'kind',
      async () => [{ label: 'all', value: await childrenMemory(process.pid) }],
    );
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

  /** A gauge whose values, by the value of its only label, are looked up whenever somebody asks. */
  #lookUp(name: string, help: string, labelName: string, values: () => Promise<Labelled[]>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [labelName],
      registers: [],
      collect: async () => {
        gauge.reset();
        for (const { label, value } of await values()) gauge.set({ [labelName]: label }, value);
      },
    });
    this.#registry.registerMetric(gauge);
  }

  async text(): Promise<string> {
    return await this.#registry.metrics();
  }
}

interface Labelled {
  readonly label: string;
  readonly value: number;
}

async function countJobs(database: Kysely<Schema>): Promise<Labelled[]> {
  return await database
    .selectFrom('jobs')
    .select((row) => ['status as label', row.fn.countAll<number>().as('value')])
    .groupBy('status')
    .execute();
}

async function trainingSpeeds(database: Kysely<Schema>): Promise<Labelled[]> {
  const newest = await database
    .selectFrom('jobs')
    .innerJoin('job_events', (join) =>
      join.onRef('job_events.job_id', '=', 'jobs.id').onRef('job_events.step', '=', 'jobs.step'),
    )
    .select(['jobs.id', 'job_events.object'])
    .where('jobs.status', '=', 'running')
    .execute();
  return newest.flatMap(({ id, object }) => {
    const { tokens_per_second } = (JSON.parse(object) as JobEvent).data as StepMetrics;
    return tokens_per_second === undefined ? [] : [{ label: id, value: tokens_per_second }];
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
