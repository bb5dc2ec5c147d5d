/**
 * MLflow's tracking server, by its REST API 2.0.
 *
 * One run per job, in the experiment that the settings name. The run carries the job's id as a tag, by which a run
 * that was made just before a crash is found again instead of made twice; a metric told twice is the same metric.
 */

import { type Call, callJson, HttpFailure } from './http.ts';
import { type News, settingsOf, type Tracker } from './run.ts';

export interface MlflowSettings {
  /** MLFLOW_TRACKING_URI, an http or https address. */
  readonly url: string;
  readonly experiment: string;
  /** MLFLOW_TRACKING_TOKEN. */
  readonly token: string | null;
}

interface Run {
  readonly run: string;
}

const metricsPerCall = 1000;
const paramBytesMax = 500;
const jobTag = 'tunesmith.job';
const statuses = { succeeded: 'FINISHED', failed: 'FAILED', cancelled: 'KILLED' } as const;

export class Mlflow implements Tracker<Run> {
  readonly name = 'mlflow';
  readonly #settings: MlflowSettings;

  constructor(settings: MlflowSettings) {
    this.#settings = settings;
  }

  follows(): boolean {
    return true;
  }

  async tell({ job, points, outcome }: News, state: Run | null, signal: AbortSignal): Promise<Run> {
    const run = state?.run ?? (await this.#openRun(job, signal));
    const metrics = points.flatMap(({ step, time, values }) =>
      Object.entries(values).map(([key, value]) => ({ key, value, step, timestamp: time * 1000 })),
    );
    for (let start = 0; start < metrics.length; start += metricsPerCall)
      await this.#post(
        'runs/log-batch',
        { run_id: run, metrics: metrics.slice(start, start + metricsPerCall) },
        signal,
      );
    if (outcome !== null) {
      // Only now is nothing "auto" any more: a parameter of MLflow's cannot be changed once it is said.
      const params = Object.entries(settingsOf(job)).map(([key, value]) => ({
        key,
        value: String(value).slice(0, paramBytesMax),
      }));
      const tags = job.fine_tuned_model === null ? [] : [{ key: 'tunesmith.model', value: job.fine_tuned_model }];
      await this.#post('runs/log-batch', { run_id: run, params, tags }, signal);
      const end_time = (job.finished_at ?? Math.floor(Date.now() / 1000)) * 1000;
      await this.#post('runs/update', { run_id: run, status: statuses[outcome], end_time }, signal);
    }
    return { run };
  }

  async #openRun(job: News['job'], signal: AbortSignal): Promise<string> {
    const experiment = await this.#experiment(signal);
    const found = await this.#post<{ runs?: { info: { run_id: string } }[] }>(
      'runs/search',
      { experiment_ids: [experiment], filter: `tags."${jobTag}" = '${job.id}'`, max_results: 1 },
      signal,
    );
    const known = found.runs?.[0];
    if (known !== undefined) return known.info.run_id;
    const made = await this.#post<{ run: { info: { run_id: string } } }>(
      'runs/create',
      {
        experiment_id: experiment,
        run_name: job.user_provided_suffix ?? job.id,
        start_time: job.created_at * 1000,
        tags: [
          { key: jobTag, value: job.id },
          { key: 'mlflow.source.name', value: 'tunesmith' },
        ],
      },
      signal,
    );
    return made.run.info.run_id;
  }

  async #experiment(signal: AbortSignal): Promise<string> {
    const name = this.#settings.experiment;
    const query = new URLSearchParams({ experiment_name: name }).toString();
    try {
      const found = await this.#call<{ experiment: { experiment_id: string } }>({
        method: 'GET',
        path: `experiments/get-by-name?${query}`,
        signal,
      });
      return found.experiment.experiment_id;
    } catch (error) {
      if (!(error instanceof HttpFailure) || error.status !== 404) throw error;
      return (await this.#post<{ experiment_id: string }>('experiments/create', { name }, signal)).experiment_id;
    }
  }

  async #post<Answer>(path: string, body: unknown, signal: AbortSignal): Promise<Answer> {
    return await this.#call<Answer>({ method: 'POST', path, body, signal });
  }

  async #call<Answer>({ path, ...call }: Omit<Call, 'url' | 'headers'> & { path: string }): Promise<Answer> {
    const { url, token } = this.#settings;
    const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
    return (await callJson({ ...call, url: `${url.replace(/\/+$/, '')}/api/2.0/mlflow/${path}`, headers })) as Answer;
  }
}
