/**
 * A project's fine-tuning jobs as the API knows them: made, looked up, cancelled, paused, resumed.
 *
 * A user's word is a new status, written at once; whoever works on the job sees it at the next heartbeat, or at
 * the ring of the bell, and stops. So an answer never waits for a process, and a cancelled job stays cancelled
 * whatever its trainer says afterwards. Knows nothing of how training works.
 */

import { randomInt } from 'node:crypto';
import { invalid, notFound, type TunesmithError } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import { isEncoder } from '../families/table.ts';
import {
  type Hyperparameters,
  isFinal,
  methodOf,
  type MethodType,
  type Job,
  type JobEvent,
  type JobStatus,
} from '../domain/job.ts';
import { defaultProject } from '../domain/project.ts';
import type { Checkpoint } from '../domain/checkpoint.ts';
import type { JobProvenance } from '../domain/provenance.ts';
import { targetsOfBase } from '../models/adapter.ts';
import type { ModelRegistry, ServedModel } from '../models/registry.ts';
import type { Alongside } from '../store/answered-requests.ts';
import type { Blobs } from '../store/blobs.ts';
import { Files } from '../store/files.ts';
import { adapterShape } from './continuation.ts';
import { assertConsistent } from './methods.ts';
import { Bell } from './bell.ts';
import { provenanceOf } from './provenance.ts';
import { findRow, insertJob, jobOf, type JobRow, moved, type Rows, saveJob, tell, unixSeconds } from './records.ts';
import { type FiguresPage, readFigures, totalSteps } from './step-figures.ts';
import { askedHyperparameters, askedMethod, type JobRequest, modelUnavailable } from './request.ts';

/** Rows read at a time while a metadata filter looks for its jobs. */
const scanRows = 200;

/** Lists give one element more than the limit when there are more, which is what tells the pager. */
export interface PageRequest {
  /** Id of the last element of the page before, or null for the first page. */
  readonly after: string | null;
  readonly limit: number;
}

/** Only jobs with all of these pairs; null asks for the jobs that have no metadata. */
export type MetadataFilter = Readonly<Record<string, string>> | null;

export interface StepFigures extends FiguresPage {
  readonly totalSteps: number | null;
}

export interface JobsOptions {
  readonly database: Rows;
  readonly blobs: Blobs;
  readonly models: ModelRegistry;
  /** The organisation's slug, as it stands in model names. */
  readonly organization: string;
  /** Whose jobs these are; the default project's otherwise. */
  readonly project?: string;
  /** Told of a new job in the transaction that makes it; what it throws refuses the job. */
  readonly onCreated?: (rows: Rows, job: Job) => Promise<void>;
  /** The bell of the other projects' rooms; a new one otherwise. */
  readonly bell?: Bell;
}

export class Jobs {
  /** Rings when a job was made or its status changed by a user. */
  readonly bell: Bell;
  readonly #options: JobsOptions;
  readonly #database: Rows;
  readonly #blobs: Blobs;
  readonly #models: ModelRegistry;
  readonly #organization: string;
  readonly #project: string;

  constructor(options: JobsOptions) {
    this.bell = options.bell ?? new Bell();
    this.#options = options;
    this.#database = options.database;
    this.#blobs = options.blobs;
    this.#models = options.models;
    this.#organization = options.organization;
    this.#project = options.project ?? defaultProject;
  }

  /** The jobs of that project, under the same bell. */
  of(project: string): Jobs {
    return new Jobs({ ...this.#options, models: this.#models.of(project), project, bell: this.bell });
  }

  /** A new job, waiting to be validated. */
  async create(request: JobRequest, alongside?: Alongside<Job>): Promise<Job> {
    const hyperparameters = askedHyperparameters(request);
    await this.check(request);
    const job = await this.#database.transaction().execute(async (rows) => {
      await this.#assertFiles(rows, request);
      const job = newJob(request, hyperparameters, this.#organization);
      await insertJob(rows, job, this.#project);
      await this.#options.onCreated?.(rows, job);
      await tell(rows, job.id, { message: `Created fine-tuning job: ${job.id}` });
      await tell(rows, job.id, { message: `Validating training file: ${filesInWords(job)}` });
      await alongside?.(rows, job);
      return job;
    });
    this.bell.ring();
    return job;
  }

  /** Refuses what `create` would refuse but for its files, and makes nothing. Whose weights it would train. */
  async check(request: JobRequest): Promise<ServedModel> {
    const model = await this.#trainable(request.model);
    await assertFits(askedMethod(request), askedHyperparameters(request), model, request.validation_file != null);
    return model;
  }

  /** Refuses files that a job cannot have. */
  async checkFiles(request: JobRequest): Promise<void> {
    await this.#assertFiles(this.#database, request);
  }

  async get(id: string): Promise<Job> {
    return jobOf(await this.#row(this.#database, id));
  }

  /** Newest first. */
  async list({ after, limit }: PageRequest, metadata: MetadataFilter = {}): Promise<Job[]> {
    let before = after === null ? null : (await this.#cursor(after, this.#find(this.#database, after))).seq;
    const found: Job[] = [];
    while (found.length <= limit) {
      let query = this.#database
        .selectFrom('jobs')
        .select(['seq', 'object'])
        .where('project', '=', this.#project)
        .orderBy('seq', 'desc')
        .limit(scanRows);
      if (before !== null) query = query.where('seq', '<', before);
      const rows = await query.execute();
      found.push(...rows.map(jobOf).filter((job) => hasMetadata(job, metadata)));
      if (rows.length < scanRows) break;
      before = rows.at(-1)!.seq;
    }
    return found.slice(0, limit + 1);
  }

  /** Every name a job may give as its model, and the longest example that it learns from uncut. */
  async trainable(): Promise<{ model: string; examplesTokensMax: number }[]> {
    const names = (await this.#models.list()).map(({ id }) => id);
    const models = await Promise.all(names.map((name) => this.#models.resolve(name).catch(() => null)));
    return models
      .filter((model) => model !== null)
      .filter(({ base }) => base.architecture.servingOnly === null)
      .map(({ id, base }) => ({ model: id, examplesTokensMax: base.contextTokens }));
  }

  /** Which bytes it read and made; `home` is the data folder. */
  async provenance(id: string, home: string): Promise<JobProvenance> {
    const row = await this.#row(this.#database, id);
    return await provenanceOf(this.#database, home, jobOf(row), row.plan);
  }

  async cancel(id: string): Promise<Job> {
    return await this.#change(id, 'cancel', async (rows, job) => {
      await tell(rows, id, { message: 'Fine-tuning job cancelled' });
      return moved(job, 'cancelled');
    });
  }

  /** Only a running job can be paused; its trainer keeps a snapshot and stops. */
  async pause(id: string): Promise<Job> {
    return await this.#change(id, 'pause', async (rows, job) => {
      if (job.status === 'paused') return job;
      if (job.status !== 'running') throw wrongState(job, 'paused', ['running']);
      await tell(rows, id, { message: 'Fine-tuning job paused' });
      return moved(job, 'paused');
    });
  }

  /** Puts a paused job back in the queue; it goes on where its snapshot was taken. */
  async resume(id: string): Promise<Job> {
    return await this.#change(id, 'resume', async (rows, job) => {
      if (job.status === 'running') return job;
      if (job.status !== 'paused') throw wrongState(job, 'resumed', ['paused']);
      await tell(rows, id, { message: 'Fine-tuning job resumed' });
      return moved(job, 'queued');
    });
  }

  /** Newest first, in the order they happened: several share a second. Of one type where that is asked for. */
  async events(
    id: string,
    { after, limit }: PageRequest,
    type: 'message' | 'metrics' | null = null,
  ): Promise<JobEvent[]> {
    await this.#row(this.#database, id);
    const all = this.#database.selectFrom('job_events').where('job_id', '=', id);
    const events = type === null ? all : all.where('step', type === 'metrics' ? 'is not' : 'is', null);
    let query = events
      .select('object')
      .orderBy('seq', 'desc')
      .limit(limit + 1);
    if (after !== null) {
      const cursor = events.where('id', '=', after).select('seq').executeTakeFirst();
      query = query.where('seq', '<', (await this.#cursor(after, cursor)).seq);
    }
    return (await query.execute()).map((row) => JSON.parse(row.object) as JobEvent);
  }

  /** Newest first; there are none before the job has succeeded. */
  async checkpoints(id: string, { after, limit }: PageRequest): Promise<Checkpoint[]> {
    await this.#row(this.#database, id);
    const checkpoints = this.#database.selectFrom('checkpoints').where('job_id', '=', id);
    let query = checkpoints
      .select('object')
      .orderBy('step', 'desc')
      .limit(limit + 1);
    if (after !== null) {
      const cursor = checkpoints.where('id', '=', after).select('step').executeTakeFirst();
      query = query.where('step', '<', (await this.#cursor(after, cursor)).step);
    }
    return (await query.execute()).map((row) => JSON.parse(row.object) as Checkpoint);
  }

  /** What was measured after that step, each a JSON list in the order of `metricColumns`. */
  async figures(
    id: string,
    { after, limit }: { readonly after: number; readonly limit: number },
  ): Promise<StepFigures> {
    await this.#row(this.#database, id);
    const page = await readFigures(this.#database, id, after, limit);
    return { ...page, totalSteps: await totalSteps(this.#database, id) };
  }

  async #change(id: string, act: string, change: (rows: Rows, job: Job) => Promise<Job>): Promise<Job> {
    const job = await this.#database.transaction().execute(async (rows) => {
      const job = jobOf(await this.#row(rows, id));
      if (isFinal(job.status))
        throw invalidState(`Job ${id} has already ${ended[job.status] ?? job.status}; there is nothing to ${act}.`);
      const next = await change(rows, job);
      if (next !== job) await saveJob(rows, next);
      return next;
    });
    this.bell.ring();
    return job;
  }

  async #row(rows: Rows, id: string) {
    const row = await this.#find(rows, id);
    if (row === undefined) throw notFound('fine_tune_id', `Could not find fine tune: ${id}`, 'fine_tune_not_found');
    return row;
  }

  async #find(rows: Rows, id: string): Promise<JobRow | undefined> {
    const row = await findRow(rows, id);
    return row?.project === this.#project ? row : undefined;
  }

  async #cursor<Row>(after: string, row: Promise<Row | undefined>): Promise<Row> {
    const found = await row;
    if (found === undefined)
      throw invalid('after', `Invalid 'after': there is no element '${after}' in this list.`, 'invalid_value');
    return found;
  }

  async #trainable(name: string): Promise<ServedModel> {
    const model = await this.#models.resolve(name);
    const { servingOnly } = model?.base.architecture ?? { servingOnly: null };
    if (model === null || servingOnly !== null) throw modelUnavailable(name, servingOnly);
    return model;
  }

  async #assertFiles(rows: Rows, { training_file, validation_file }: JobRequest): Promise<void> {
    const files = new Files(rows, this.#blobs, this.#project);
    for (const [param, id] of Object.entries({ training_file, validation_file })) {
      if (id === null || id === undefined) continue;
      const file = await files.find(id);
      if (file === null) throw invalid(param, `invalid ${param}: no file has the id ${id}.`);
      if (file.purpose !== 'fine-tune')
        throw invalid(param, `invalid ${param}: ${id} has the purpose '${file.purpose}', expected 'fine-tune'.`);
    }
    if (training_file === validation_file)
      throw invalid('validation_file', `The validation file must not be the training file (${training_file}).`);
  }
}

function newJob(request: JobRequest, hyperparameters: Hyperparameters, organization: string): Job {
  const id = newId('job');
  const method = askedMethod(request);
  return {
    object: 'fine_tuning.job',
    id,
    created_at: unixSeconds(),
    finished_at: null,
    model: request.model,
    fine_tuned_model: null,
    organization_id: `org-${organization}`,
    status: 'validating_files',
    training_file: request.training_file,
    validation_file: request.validation_file ?? null,
    hyperparameters: method === 'supervised' ? hyperparameters : null,
    method: methodOf(method, hyperparameters),
    result_files: [],
    trained_tokens: null,
    error: noError,
    seed: request.seed ?? randomInt(2 ** 31),
    estimated_finish: null,
    integrations: (request.integrations ?? []).map(({ type, wandb }) => ({ type, wandb: { ...wandb, run_id: id } })),
    user_provided_suffix: request.suffix ?? null,
    metadata: request.metadata ?? null,
  };
}

/** What clients read without a null check while all is well; OpenAI's type does not know it. */
const noError = { code: null, message: null, param: null } as unknown as Job['error'];

const filesInWords = ({ training_file, validation_file }: Job): string =>
  validation_file === null ? training_file : `${training_file} and validation file: ${validation_file}`;

/** What can only be judged beside the model: how long its context is, and the shape of an adapter to go on with. */
async function assertFits(
  method: MethodType,
  asked: Hyperparameters,
  { id, base, adapterFolder }: ServedModel,
  validationFile: boolean,
): Promise<void> {
  const at = (name: string): string => `method.${method}.hyperparameters.${name}`;
  if (method === 'dpo' && isEncoder(base))
    throw invalid(
      'method.type',
      `Unsupported value: 'dpo' compares answers that a model writes; ${id} is an encoder, which writes none.`,
      'unsupported_value',
    );
  assertConsistent(asked, { method, layers: base.architecture.layers, validationFile }, at);
  const { max_length } = asked;
  if (typeof max_length === 'number' && max_length > base.contextTokens)
    throw invalid(
      at('max_length'),
      `Invalid '${at('max_length')}': integer above maximum value. Expected a value <= ${base.contextTokens}, the context of ${base.id}, but got ${max_length} instead.`,
      'integer_above_max_value',
    );
  const { lora_targets } = asked;
  const known = targetsOfBase(base);
  const foreign = Array.isArray(lora_targets) ? lora_targets.find((target) => !known.includes(target)) : undefined;
  if (foreign !== undefined)
    throw invalid(
      at('lora_targets'),
      `Invalid value: '${foreign}' in '${at('lora_targets')}'. ${base.id} is a ${base.architecture.architecture} model, whose linear layers are: ${known.join(', ')}.`,
      'invalid_value',
    );
  for (const name of ['task', 'pooling'] as const) {
    if (asked[name] === undefined || isEncoder(base)) continue;
    throw invalid(
      at(name),
      `Unsupported parameter: '${at(name)}' is for encoders, which tell labels apart; ${id} writes its answers. Leave it out.`,
      'unsupported_parameter',
    );
  }
  const goesOnWithAdapter = ['auto', 'lora'].includes(asked.train ?? 'auto');
  if (adapterFolder === null || !goesOnWithAdapter) return;
  const shape = await adapterShape(adapterFolder);
  const fixed = {
    lora_rank: shape.rank,
    lora_alpha: shape.alpha,
    lora_targets: [...shape.targets].sort().join(', '),
    rslora: shape.rslora,
  };
  for (const [name, expected] of Object.entries(fixed)) {
    const value = asked[name as keyof typeof fixed] ?? 'auto';
    const found = Array.isArray(value) ? [...value].sort().join(', ') : value;
    if (found === 'auto' || found === expected) continue;
    throw invalid(
      at(name),
      `Unsupported value: '${at(name)}' is ${found}, but training goes on with the adapter of ${id}, which has ${expected}. Leave it out or ask for "auto".`,
      'unsupported_value',
    );
  }
}

function hasMetadata(job: Job, filter: MetadataFilter): boolean {
  const pairs = job.metadata ?? {};
  if (filter === null) return Object.keys(pairs).length === 0;
  return Object.entries(filter).every(([key, value]) => Object.hasOwn(pairs, key) && pairs[key] === value);
}

const ended: Partial<Record<JobStatus, string>> = { cancelled: 'been cancelled' };

const wrongState = (job: Job, verb: string, from: readonly JobStatus[]): TunesmithError =>
  invalidState(`Job ${job.id} cannot be ${verb} while it is ${job.status}; expected ${from.join(' or ')}.`);

const invalidState = (message: string): TunesmithError => invalid(null, message, 'invalid_job_state');
