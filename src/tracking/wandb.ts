/**
 * Weights & Biases, for jobs whose `integrations` ask for it.
 *
 * Online: the run is made by GraphQL's `upsertBucket`, which is the same run however often it is told, and history
 * lines are streamed with their line number, so a line told twice is one line. Offline: the run's transaction log is
 * written below the data folder, and `wandb sync` uploads it from wherever there is a network.
 */

import { join } from 'node:path';
import { invalid } from '../domain/errors.ts';
import type { Job } from '../domain/job.ts';
import { callJson } from './http.ts';
import { type News, settingsOf, type Tracker } from './run.ts';
import { appendToLog, type LogState } from './wandb-log.ts';
import { historyOf, wandbOf, type WandbRun, wandbRunOf } from './wandb-run.ts';

export interface WandbSettings {
  /** WANDB_API_KEY. Without one only offline runs are possible. */
  readonly key: string | null;
  /** WANDB_BASE_URL. */
  readonly url: string;
  /** WANDB_MODE. */
  readonly mode: 'online' | 'offline';
}

/** Where the run is and how many lines of its history are told; or how much of its log is written. */
type State = { readonly entity: string; readonly project: string; readonly lines: number } | LogState;

const exitCodes = { succeeded: 0, failed: 1, cancelled: 255 } as const;

const upsert = `mutation UpsertBucket($name: String, $project: String, $entity: String, $displayName: String, $config: JSONString, $tags: [String!]) {
  upsertBucket(input: { name: $name, modelName: $project, entityName: $entity, displayName: $displayName, config: $config, tags: $tags }) {
    bucket { name project { name entity { name } } }
  }
}`;

export class Wandb implements Tracker<State> {
  readonly name = 'wandb';
  readonly #settings: WandbSettings;
  readonly #folder: string;

  constructor(settings: WandbSettings, home: string) {
    this.#settings = settings;
    this.#folder = join(home, 'wandb');
  }

  follows(job: Job): boolean {
    if (wandbOf(job) === undefined) return false;
    const { mode, key } = this.#settings;
    if (mode === 'online' && key === null)
      throw invalid(
        'integrations',
        'The wandb integration needs a Weights & Biases API key, and this server has none configured. Start it with WANDB_API_KEY, or with WANDB_MODE=offline to write runs that `wandb sync` uploads later; or leave out `integrations`.',
        'integration_not_configured',
      );
    return true;
  }

  async tell(news: News, state: State | null, signal: AbortSignal): Promise<State> {
    const run = wandbRunOf(news.job);
    const exitCode = news.outcome === null ? null : exitCodes[news.outcome];
    if (this.#settings.mode === 'offline' || (state !== null && 'file' in state))
      return await appendToLog(this.#folder, run, { ...news, exitCode }, state as LogState | null);
    return await this.#stream(run, news, exitCode, state, signal);
  }

  async #stream(
    run: WandbRun,
    { job, points, outcome }: News,
    exitCode: number | null,
    state: Exclude<State, LogState> | null,
    signal: AbortSignal,
  ): Promise<State> {
    // Told at the start, and again at the end, when nothing in the configuration is "auto" any more.
    const { entity, project } = state === null || outcome !== null ? await this.#upsert(run, job, signal) : state;
    const lines = state?.lines ?? 0;
    const files = {
      'wandb-history.jsonl': { offset: lines, content: points.map((point) => JSON.stringify(historyOf(point, job))) },
      ...(points.length > 0 && {
        'wandb-summary.json': { offset: 0, content: [JSON.stringify(historyOf(points.at(-1)!, job))] },
      }),
    };
    const path = ['files', entity, project, run.id, 'file_stream'].map(encodeURIComponent).join('/');
    if (points.length > 0) await this.#post(path, { files }, signal);
    if (exitCode !== null) await this.#post(path, { complete: true, exitcode: exitCode }, signal);
    return { entity, project, lines: lines + points.length };
  }

  async #upsert(run: WandbRun, job: Job, signal: AbortSignal): Promise<{ entity: string; project: string }> {
    const config = Object.entries(settingsOf(job)).map(([name, value]) => [name, { value }]);
    const variables = {
      name: run.id,
      project: run.project,
      entity: run.entity,
      displayName: run.name,
      config: JSON.stringify(Object.fromEntries(config)),
      tags: run.tags,
    };
    const answer = (await this.#post('graphql', { query: upsert, variables }, signal)) as Upserted;
    const project = answer.data?.upsertBucket?.bucket.project;
    if (project === undefined)
      throw new Error(`Weights & Biases refused the run: ${JSON.stringify(answer.errors ?? answer).slice(0, 300)}`);
    return { entity: project.entity.name, project: project.name };
  }

  async #post(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const { url, key } = this.#settings;
    const headers = { authorization: `Basic ${Buffer.from(`api:${key}`).toString('base64')}` };
    return await callJson({ method: 'POST', url: `${url.replace(/\/+$/, '')}/${path}`, headers, body, signal });
  }
}

interface Upserted {
  readonly data?: { upsertBucket?: { bucket: { project: { name: string; entity: { name: string } } } } | null } | null;
  readonly errors?: unknown;
}
