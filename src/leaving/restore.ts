/**
 * Makes what was captured again on a server: files, fine-tuning jobs on a base model of one's choice, evals, and on
 * request their newest runs.
 *
 * Everything goes through the public API. What this server will not take as it was is left out or changed, and each
 * such difference is told; what cannot be made says why. Doing it again goes on: a fine-tune of a fine-tune waits
 * until its parent has been trained, a run until its model has.
 */

import { openAsBlob } from 'node:fs';
import { APIConnectionError, APIError, type OpenAI } from 'openai';
import type { IdMap, MappedKind } from './id-map.ts';
import { hashFile, nameOf, type Capture } from './manifest.ts';

export const restoredKinds = ['files', 'fine_tuning_jobs', 'evals'] as const;
export type RestoredKind = (typeof restoredKinds)[number];

export interface RestoreOptions {
  /** The base model that stands in for OpenAI's. */
  readonly model: string;
  /** Other models by their old names: bases, fine-tunes, graders. */
  readonly models?: ReadonlyMap<string, string>;
  /** Judges where the old judge has no counterpart; without it, `model`. */
  readonly graderModel?: string | undefined;
  readonly only?: readonly RestoredKind[];
  /** These jobs and no others, also where they did not succeed. */
  readonly jobs?: readonly string[] | undefined;
  readonly withRuns?: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (restored: Restored) => void;
}

export interface Restored {
  readonly kind: MappedKind;
  readonly old: string;
  /** Null where nothing was made; `reason` says why. */
  readonly here: string | null;
  readonly state: 'made' | 'there' | 'waiting' | 'left_out';
  readonly reason: string | null;
  /** In what it is not as it was. */
  readonly differences: readonly string[];
}

export async function restore(openai: OpenAI, from: Capture, ids: IdMap, options: RestoreOptions): Promise<Restored[]> {
  return new Restoring(openai, from, ids, options).run();
}

type Job = OpenAI.FineTuning.FineTuningJob;
type JobRequest = OpenAI.FineTuning.JobCreateParams;
type Run = OpenAI.Evals.RunRetrieveResponse;
type Made = Omit<Restored, 'kind' | 'old'>;

const uploadable = ['fine-tune', 'evals'] as const;
const metadataPairsMax = 16;

class Restoring {
  readonly #openai: OpenAI;
  readonly #from: Capture;
  readonly #ids: IdMap;
  readonly #options: RestoreOptions;
  readonly #restored: Restored[] = [];

  constructor(openai: OpenAI, from: Capture, ids: IdMap, options: RestoreOptions) {
    this.#openai = openai;
    this.#from = from;
    this.#ids = ids;
    this.#options = options;
  }

  async run(): Promise<Restored[]> {
    const { only = restoredKinds } = this.#options;
    if (only.includes('files')) await this.#files();
    if (only.includes('fine_tuning_jobs')) await this.#jobs();
    if (only.includes('evals')) await this.#evals();
    return this.#restored;
  }

  async #one(
    kind: MappedKind,
    old: string,
    isThere: (here: string) => Promise<unknown>,
    make: () => Promise<Made>,
  ): Promise<void> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    let made: Made;
    try {
      const known = this.#ids.get(kind, old);
      if (known !== null && (await this.#isThere(() => isThere(known))))
        made = { here: known, state: 'there', reason: null, differences: [] };
      else {
        if (known !== null) await this.#ids.forget(kind, old);
        made = await make();
        if (made.here !== null) await this.#ids.set(kind, old, made.here);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof APIError) || error instanceof APIConnectionError || error.status === 401) throw error;
      const reason = `this server refuses it: ${error.message}`;
      made = { here: null, state: 'left_out', reason, differences: [] };
    }
    const restored = { kind, old, ...made };
    this.#restored.push(restored);
    this.#options.onProgress?.(restored);
  }

  async #isThere(look: () => Promise<unknown>): Promise<boolean> {
    try {
      await look();
      return true;
    } catch (error) {
      if (error instanceof APIError && error.status === 404) return false;
      throw error;
    }
  }

  /** With the key under which the server recognises the same request. */
  #request(kind: MappedKind, old: string, body: unknown) {
    return { signal: this.#options.signal, headers: { 'Idempotency-Key': this.#ids.requestKey(kind, old, body) } };
  }

  async #objects<Found>(kind: 'files' | 'fine_tuning_jobs' | 'evals', name: string): Promise<Found[]> {
    const paths = this.#from.entries(kind).map(({ path }) => path);
    const found: Found[] = [];
    for (const path of paths.filter((each) => each.split('/').length === 3 && each.endsWith(`/${name}`)))
      found.push(await this.#from.readJson<Found>(path));
    return found;
  }

  async #files(): Promise<void> {
    for (const file of byAge(await this.#objects<OpenAI.FileObject>('files', 'file.json'))) {
      const purpose = uploadable.find((each) => each === file.purpose);
      if (purpose === undefined) continue; // results of jobs: the jobs here write their own
      await this.#one(
        'files',
        file.id,
        (here) => this.#openai.files.retrieve(here, { signal: this.#options.signal }),
        () => this.#file(file, purpose),
      );
    }
  }

  async #file({ id, filename }: OpenAI.FileObject, purpose: (typeof uploadable)[number]): Promise<Made> {
    const path = `files/${nameOf(id)}/content`;
    const entry = this.#from.get(path);
    if (entry === null) return leftOut('its content was not captured');
    if ((await hashFile(this.#from.path(path))).sha256 !== entry.sha256)
      return leftOut('its content is not what was captured; delete it and capture again');
    const file = new File([await openAsBlob(this.#from.path(path))], filename);
    const made = await this.#openai.files.create(
      { file, purpose },
      this.#request('files', id, [entry.sha256, purpose]),
    );
    return { here: made.id, state: 'made', reason: null, differences: [] };
  }

  async #jobs(): Promise<void> {
    const { jobs: wanted } = this.#options;
    const all = byAge(await this.#objects<Job>('fine_tuning_jobs', 'job.json'));
    for (const unknown of wanted?.filter((id) => !all.some((job) => job.id === id)) ?? [])
      this.#restored.push({ kind: 'jobs', old: unknown, ...leftOut('no such job was captured') });
    for (const job of all) {
      if (wanted === undefined ? job.status !== 'succeeded' : !wanted.includes(job.id)) continue;
      await this.#one(
        'jobs',
        job.id,
        async (here) => {
          const found = await this.#openai.fineTuning.jobs.retrieve(here, { signal: this.#options.signal });
          await this.#mapModel(job, found);
        },
        () => this.#job(job, all),
      );
    }
  }

  async #mapModel(job: Job, here: Job): Promise<void> {
    const [old, model] = [job.fine_tuned_model, here.fine_tuned_model];
    if (old === null || model === null || this.#ids.get('models', old) === model) return;
    await this.#ids.set('models', old, model);
    this.#restored.push({ kind: 'models', old, here: model, state: 'made', reason: null, differences: [] });
  }

  async #job(job: Job, all: readonly Job[]): Promise<Made> {
    const differences: string[] = [];
    const parent = all.find(({ fine_tuned_model }) => fine_tuned_model === job.model);
    const mapped = this.#mapped(job.model);
    if (mapped === null && parent !== undefined && this.#ids.get('jobs', parent.id) !== null)
      return { here: null, state: 'waiting', reason: `${parent.id}, which it continues, is still to be trained here`, differences }; // prettier-ignore
    const model = mapped ?? this.#options.model;
    if (mapped === null && job.model.startsWith('ft:'))
      differences.push(`it continued ${job.model}, which is not here; it begins from ${model}`);
    else if (model !== job.model) differences.push(`base model ${model} in place of ${job.model}`);
    const training = this.#ids.get('files', job.training_file);
    if (training === null) return leftOut(`its training file ${job.training_file} is not here`);
    const validation = job.validation_file == null ? null : this.#ids.get('files', job.validation_file);
    if (job.validation_file != null && validation === null)
      differences.push(`its validation file ${job.validation_file} is not here`);
    if ((job.integrations ?? []).length > 0) differences.push('integrations are not carried over: they need keys');
    const suffix = suffixOf(job);
    const request: JobRequest = {
      model,
      training_file: training,
      ...(validation !== null && { validation_file: validation }),
      ...(suffix !== null && { suffix: suffix.slice(0, 64) }),
      seed: job.seed,
      method: methodOf(job, differences),
      metadata: this.#metadata(job.metadata ?? null, { openai_job: job.id, openai_model: job.fine_tuned_model }),
    };
    const made = await this.#createJob(job.id, request, differences);
    return { here: made.id, state: 'made', reason: null, differences };
  }

  /** A field that is refused by name is left to the server, and told; what cannot go without is the server's word. */
  async #createJob(old: string, request: JobRequest, differences: string[]): Promise<Job> {
    for (let body = request; ;) {
      try {
        return await this.#openai.fineTuning.jobs.create(body, this.#request('jobs', old, body));
      } catch (error) {
        const without = error instanceof APIError && error.status === 400 ? withoutRefused(body, error) : null;
        if (without === null) throw error;
        differences.push(`${without.name} ${without.value} is not taken here: ${(error as APIError).message}`);
        body = without.body;
      }
    }
  }

  /** What a model's old name means here: said so, or trained here. Null where neither. */
  #mapped(model: string): string | null {
    return this.#options.models?.get(model) ?? this.#ids.get('models', model);
  }

  #metadata(old: Record<string, string> | null, ours: Record<string, string | null>): Record<string, string> {
    const pairs = { ...old };
    for (const [name, value] of Object.entries(ours))
      if (value !== null && Object.keys(pairs).length < metadataPairsMax) pairs[name] = value.slice(0, 512);
    return pairs;
  }

  async #evals(): Promise<void> {
    for (const each of byAge(await this.#objects<OpenAI.Evals.EvalRetrieveResponse>('evals', 'eval.json'))) {
      await this.#one(
        'evals',
        each.id,
        (here) => this.#openai.evals.retrieve(here, { signal: this.#options.signal }),
        () => this.#eval(each),
      );
      const here = this.#ids.get('evals', each.id);
      if (this.#options.withRuns === true && here !== null) await this.#newestRun(each.id, here);
    }
  }

  async #eval(old: OpenAI.Evals.EvalRetrieveResponse): Promise<Made> {
    const differences: string[] = [];
    const criteria = old.testing_criteria.map((criterion) => {
      const { id: _, ...said } = withoutNulls(criterion as unknown as Record<string, unknown>);
      if (typeof said['model'] !== 'string') return said;
      const model = this.#mapped(said['model']) ?? this.#options.graderModel ?? this.#options.model;
      if (model !== said['model'])
        differences.push(`"${String(said['name'])}" is judged by ${model} in place of ${said['model']}`);
      return { ...said, model };
    });
    const body = {
      name: old.name,
      metadata: this.#metadata(old.metadata, { openai_eval: old.id }),
      data_source_config: configOf(old.data_source_config),
      testing_criteria: criteria as unknown as OpenAI.Evals.EvalCreateParams['testing_criteria'],
    };
    const made = await this.#openai.evals.create(body, this.#request('evals', old.id, body));
    return { here: made.id, state: 'made', reason: null, differences };
  }

  async #newestRun(oldEval: string, hereEval: string): Promise<void> {
    const folder = `evals/${nameOf(oldEval)}/runs/`;
    const paths = this.#from
      .entries('evals')
      .map(({ path }) => path)
      .filter((path) => path.startsWith(folder) && path.endsWith('/run.json'));
    const runs: Run[] = [];
    for (const path of paths) runs.push(await this.#from.readJson<Run>(path));
    const newest = byAge(runs.filter(({ status }) => status === 'completed')).at(-1);
    if (newest === undefined) return;
    const { signal } = this.#options;
    await this.#one(
      'runs',
      newest.id,
      (here) => this.#openai.evals.runs.retrieve(here, { eval_id: hereEval }, { signal }),
      () => this.#run(newest, hereEval, `${folder}${nameOf(newest.id)}/output_items.jsonl`),
    );
  }

  async #run(run: Run, hereEval: string, itemsPath: string): Promise<Made> {
    const differences: string[] = [];
    const source = withoutNulls(run.data_source as unknown as Record<string, unknown>);
    const model = source['model'];
    if (typeof model === 'string') {
      const mapped = this.#mapped(model);
      if (mapped === null && model.startsWith('ft:'))
        return { here: null, state: 'waiting', reason: `its model ${model} is still to be trained here`, differences };
      source['model'] = mapped ?? this.#options.model;
      if (source['model'] !== model) differences.push(`${String(source['model'])} answers in place of ${model}`);
    }
    const items = source['source'] as { type?: string; id?: string } | undefined;
    if (items?.type === 'file_id') {
      const file = this.#ids.get('files', items.id ?? '');
      if (file !== null) source['source'] = { type: 'file_id', id: file };
    }
    if ((source['source'] as { id?: string } | undefined)?.id === items?.id && items?.type !== 'file_content') {
      // Not here: what was stored over there, or a file that is gone. The items were captured with their results.
      const kept = await this.#from.readLines<OpenAI.Evals.Runs.OutputItemRetrieveResponse>(itemsPath);
      if (kept.length === 0) return leftOut('its items were not captured');
      differences.push(`its ${kept.length} items are those of the captured results`);
      source['source'] = { type: 'file_content', content: kept.map(({ datasource_item: item }) => ({ item })) };
    }
    const body = {
      name: run.name,
      metadata: this.#metadata(run.metadata, { openai_run: run.id }),
      data_source: source as unknown as OpenAI.Evals.RunCreateParams['data_source'],
    };
    const made = await this.#openai.evals.runs.create(hereEval, body, this.#request('runs', run.id, body));
    return { here: made.id, state: 'made', reason: null, differences };
  }
}

const leftOut = (reason: string): Made => ({ here: null, state: 'left_out', reason, differences: [] });

/** Parents come before what continues them. */
const byAge = <Each extends { readonly created_at: number }>(all: readonly Each[]): Each[] =>
  [...all].sort((a, b) => a.created_at - b.created_at);

/** As asked for, or else as it stands in the model's name. */
function suffixOf(job: Job): string | null {
  const asked = (job as { user_provided_suffix?: string | null }).user_provided_suffix;
  const suffix = asked ?? job.fine_tuned_model?.split(':')[3] ?? '';
  return suffix === '' ? null : suffix.replaceAll(/[^A-Za-z0-9._-]/g, '-');
}

const carried = ['n_epochs', 'batch_size', 'learning_rate_multiplier', 'beta'] as const;

function methodOf(job: Job, differences: string[]): NonNullable<JobRequest['method']> {
  const type = job.method?.type ?? 'supervised';
  const method = (job.method as Record<string, unknown> | null | undefined)?.[type] as
    Record<string, unknown> | undefined;
  const old = (method?.['hyperparameters'] ?? job.hyperparameters ?? {}) as Record<string, unknown>;
  const names = type === 'reinforcement' ? Object.keys(old) : carried;
  const hyperparameters = Object.fromEntries(
    names.flatMap((name) => (old[name] === undefined || old[name] === null ? [] : [[name, old[name]]])),
  );
  if (typeof old['learning_rate_multiplier'] === 'number')
    differences.push(`learning_rate_multiplier ${old['learning_rate_multiplier']} multiplies this base's own rate`);
  return { type, [type]: { ...method, hyperparameters } };
}

interface Without {
  readonly name: string;
  readonly value: string;
  readonly body: JobRequest;
}

/** The request without what the server names in its refusal; null where it cannot do without. */
function withoutRefused(body: JobRequest, { param }: APIError): Without | null {
  const name = param?.split('.').at(-1) ?? '';
  if (name === 'suffix' || name === 'seed') {
    if (body[name] == null) return null;
    const { [name]: value, ...rest } = body;
    return { name, value: String(value), body: rest };
  }
  const { method } = body;
  if (method === undefined) return null;
  const inner = (method as unknown as Record<string, { hyperparameters?: Record<string, unknown> }>)[method.type];
  const { hyperparameters = {} } = inner ?? {};
  if (!Object.hasOwn(hyperparameters, name)) return null;
  const { [name]: value, ...rest } = hyperparameters;
  return {
    name,
    value: JSON.stringify(value),
    body: { ...body, method: { ...method, [method.type]: { ...inner, hyperparameters: rest } } },
  };
}

/** What an answer shows as a schema of items and samples is asked for by the schema of items. */
function configOf(
  config: OpenAI.Evals.EvalRetrieveResponse['data_source_config'],
): OpenAI.Evals.EvalCreateParams['data_source_config'] {
  if (config.type !== 'custom')
    return { type: config.type, ...(config.metadata != null && { metadata: config.metadata }) };
  const properties = config.schema['properties'] as Record<string, unknown> | undefined;
  return {
    type: 'custom',
    item_schema: (properties?.['item'] ?? config.schema) as Record<string, unknown>,
    include_sample_schema: properties !== undefined && 'sample' in properties,
  };
}

const withoutNulls = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null));
