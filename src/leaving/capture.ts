/**
 * Takes what an organisation has at OpenAI, or at any server that speaks its API, into a folder.
 *
 *   models/<id>.json                    fine-tuned models as listed; models.json: those of jobs too, with shutdown dates
 *   fine_tuning_jobs/<id>/              job.json, events.jsonl (oldest first), checkpoints.jsonl
 *   evals/<id>/                         eval.json; runs/<id>/run.json and output_items.jsonl
 *   files/<id>/                         file.json and content: of fine-tuning and evals, and whatever jobs and runs name
 *   stored_completions/<id>.json        the completion with the messages it answered
 *
 * What cannot change over there (a finished job, a file) is taken once; the rest is looked at again each time. What
 * one kind refuses is a problem in the manifest, and the other kinds go on. Everything is read, nothing is changed.
 */

import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { APIConnectionError, APIError, type OpenAI } from 'openai';
import { takeContent } from './file-content.ts';
import { nameOf, now, type Capture, type Kind, type Problem } from './manifest.ts';
import { baseOf, shutdownOf, type Shutdown } from './shutdown.ts';

/** What this takes; recordings are made by `record.ts`. */
export const takenKinds = ['evals', 'models', 'fine_tuning_jobs', 'files', 'stored_completions'] as const;
export type TakenKind = (typeof takenKinds)[number];

export interface CaptureOptions {
  readonly only?: readonly TakenKind[];
  /** Objects under way at a time. */
  readonly concurrency?: number;
  readonly signal: AbortSignal;
  /** The first wait before a file is asked for again. */
  readonly waitMs?: number;
  /** Takes the user's key out of what a server said before it is written anywhere. */
  readonly redact: (text: string) => string;
  readonly onProgress?: (counts: Counts) => void;
  readonly onBytes?: (file: string, bytes: number) => void;
}

/** Objects seen over there, and how many of them were new or different. */
export type Counts = Readonly<Record<TakenKind, { seen: number; taken: number }>>;

export interface Captured {
  readonly counts: Counts;
  readonly problems: readonly Problem[];
  readonly models: readonly CapturedModel[];
}

export interface CapturedModel extends Shutdown {
  readonly model: string;
  readonly base: string;
  /** Whether the models list still names it. */
  readonly listed: boolean;
  readonly job: string | null;
}

export async function capture(openai: OpenAI, into: Capture, options: CaptureOptions): Promise<Captured> {
  return new Capturing(openai, into, options).run();
}

/** Whether the key opened nothing at all, and what was said about it. */
export function keyRefusal({ problems }: Captured, only: readonly TakenKind[] = takenKinds): Problem | null {
  const isAll = problems.length === only.length && problems.every(({ status, id }) => status === 401 && id === null);
  return isAll ? problems[0]! : null;
}

type Job = OpenAI.FineTuning.FineTuningJob;
type Model = OpenAI.Model;

const pageSize = 100;
const filePurposes: readonly string[] = ['fine-tune', 'fine-tune-results', 'evals'];

class Capturing {
  readonly #openai: OpenAI;
  readonly #into: Capture;
  readonly #options: CaptureOptions;
  readonly #counts: Counts;
  readonly #problems: Problem[] = [];
  /** Files that jobs and runs name, whatever their purpose. */
  readonly #namedFiles = new Set<string>();
  readonly #models = new Map<string, { listed: Model | null; job: string | null }>();

  constructor(openai: OpenAI, into: Capture, options: CaptureOptions) {
    this.#openai = openai;
    this.#into = into;
    this.#options = options;
    this.#counts = Object.fromEntries(takenKinds.map((kind) => [kind, { seen: 0, taken: 0 }])) as Counts;
  }

  async run(): Promise<Captured> {
    const { only = takenKinds } = this.#options;
    const acts: Record<TakenKind, () => Promise<void>> = {
      evals: () => this.#evals(),
      models: () => this.#listedModels(),
      fine_tuning_jobs: () => this.#jobs(),
      files: () => this.#files(),
      stored_completions: () => this.#completions(),
    };
    try {
      for (const kind of takenKinds.filter((each) => only.includes(each))) {
        await this.#trying(kind, null, acts[kind]);
        await this.#into.save();
      }
      const models = this.#allModels();
      if (models.length > 0)
        await this.#into.put('models.json', models, { kind: 'models', id: 'models.json', final: false });
      await this.#into.save({ problems: this.#problems });
      return { counts: this.#counts, problems: this.#problems, models };
    } catch (error) {
      await this.#into.save();
      throw error;
    }
  }

  /** A failure that concerns this object alone becomes a problem; one that concerns everything ends the run. */
  async #trying(kind: Kind, id: string | null, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (error instanceof APIConnectionError || !isAboutTheAnswer(error)) throw error;
      const status = error instanceof APIError ? (error.status ?? null) : null;
      this.#problems.push({
        kind,
        id,
        status,
        reason:
          status === 401 || status === 403 ? 'no_rights' : status === 404 || status === 410 ? 'not_there' : 'failed',
        message: this.#options.redact((error as Error).message).slice(0, 500),
        at: now(),
      });
      return false;
    }
  }

  #saw(kind: TakenKind): void {
    this.#counts[kind].seen += 1;
    this.#options.onProgress?.(this.#counts);
  }

  #took(kind: TakenKind, ...results: readonly string[]): void {
    if (results.some((result) => result !== 'same')) this.#counts[kind].taken += 1;
    this.#options.onProgress?.(this.#counts);
  }

  async #listedModels(): Promise<void> {
    for await (const model of this.#openai.models.list()) {
      if (!model.id.startsWith('ft:')) continue;
      this.#saw('models');
      this.#models.set(model.id, { listed: model, job: this.#models.get(model.id)?.job ?? null });
      this.#took(
        'models',
        await this.#into.put(`models/${nameOf(model.id)}.json`, model, { kind: 'models', id: model.id, final: false }),
      );
    }
  }

  #allModels(): CapturedModel[] {
    const models = [...this.#models].map(([model, { listed, job }]) => ({
      model,
      base: baseOf(model),
      listed: listed !== null,
      job,
      ...shutdownOf(model, listed as { readonly shutdown_date?: unknown } | null),
    }));
    // The most urgent first, unknown dates last.
    return models.sort((a, b) => ((a.date ?? '9') < (b.date ?? '9') ? -1 : a.date === b.date ? 0 : 1));
  }

  #madeBy(job: Job, model: string | null): void {
    if (model !== null) this.#models.set(model, { listed: this.#models.get(model)?.listed ?? null, job: job.id });
  }

  async #jobs(): Promise<void> {
    const jobs = advancing(this.#openai.fineTuning.jobs.list({ limit: pageSize }));
    await this.#each(jobs, async (job) => {
      this.#saw('fine_tuning_jobs');
      for (const file of [job.training_file, job.validation_file, ...(job.result_files ?? [])])
        if (file != null) this.#namedFiles.add(file);
      this.#madeBy(job, job.fine_tuned_model);
      await this.#trying('fine_tuning_jobs', job.id, () => this.#job(job));
    });
  }

  async #job(job: Job): Promise<void> {
    const { jobs } = this.#openai.fineTuning;
    const folder = `fine_tuning_jobs/${nameOf(job.id)}`;
    const final = ['succeeded', 'failed', 'cancelled'].includes(job.status);
    const entry = { kind: 'fine_tuning_jobs', id: job.id, final } as const;
    const results: string[] = [];
    if (!(await this.#into.has(`${folder}/checkpoints.jsonl`))) {
      const checkpoints = await all(jobs.checkpoints.list(job.id, { limit: pageSize }));
      results.push(await this.#into.put(`${folder}/checkpoints.jsonl`, checkpoints, { ...entry, lines: true }));
    }
    for (const { fine_tuned_model_checkpoint: model } of await this.#into.readLines<{
      fine_tuned_model_checkpoint: string;
    }>(`${folder}/checkpoints.jsonl`))
      this.#madeBy(job, model);
    if (!(await this.#into.has(`${folder}/events.jsonl`))) {
      const events = await all(jobs.listEvents(job.id, { limit: pageSize }));
      results.push(await this.#into.put(`${folder}/events.jsonl`, events.reverse(), { ...entry, lines: true }));
    }
    results.push(await this.#into.put(`${folder}/job.json`, job, entry));
    this.#took('fine_tuning_jobs', ...results);
  }

  async #evals(): Promise<void> {
    for await (const each of advancing(this.#openai.evals.list({ limit: pageSize, order: 'asc' }))) {
      this.#saw('evals');
      await this.#trying('evals', each.id, async () => {
        const folder = `evals/${nameOf(each.id)}`;
        this.#took(
          'evals',
          await this.#into.put(`${folder}/eval.json`, each, { kind: 'evals', id: each.id, final: false }),
        );
        const runs = advancing(this.#openai.evals.runs.list(each.id, { limit: pageSize, order: 'asc' }));
        await this.#each(runs, async (run) => {
          const { source } = run.data_source as { source?: { type?: string; id?: string } };
          if (source?.type === 'file_id' && source.id !== undefined) this.#namedFiles.add(source.id);
          await this.#trying('evals', run.id, () => this.#run(folder, run));
        });
      });
    }
  }

  async #run(folder: string, run: OpenAI.Evals.RunListResponse): Promise<void> {
    this.#saw('evals');
    const of = `${folder}/runs/${nameOf(run.id)}`;
    const final = ['completed', 'failed', 'canceled'].includes(run.status);
    const entry = { kind: 'evals', id: run.id, final } as const;
    const results: string[] = [];
    if (!(await this.#into.has(`${of}/output_items.jsonl`))) {
      const query = { eval_id: run.eval_id, limit: pageSize, order: 'asc' } as const;
      const items = await all(this.#openai.evals.runs.outputItems.list(run.id, query));
      results.push(await this.#into.put(`${of}/output_items.jsonl`, items, { ...entry, lines: true }));
    }
    results.push(await this.#into.put(`${of}/run.json`, run, entry));
    this.#took('evals', ...results);
  }

  async #files(): Promise<void> {
    const listed = new Set<string>();
    const wanted = async function* (this: Capturing): AsyncGenerator<OpenAI.FileObject> {
      for await (const file of advancing(this.#openai.files.list({ limit: 1000, order: 'asc' }))) {
        listed.add(file.id);
        if (filePurposes.includes(file.purpose) || this.#namedFiles.has(file.id)) yield file;
      }
    };
    await this.#each(wanted.call(this), (file) => this.#file(file));
    const unlisted = [...this.#namedFiles].filter((id) => !listed.has(id));
    await this.#each(unlisted, async (id) => {
      if (await this.#into.has(`files/${nameOf(id)}/content`)) return; // taken while it was there
      await this.#trying('files', id, async () => this.#file(await this.#openai.files.retrieve(id)));
    });
  }

  async #file(file: OpenAI.FileObject): Promise<void> {
    this.#saw('files');
    await this.#trying('files', file.id, async () => {
      const folder = `files/${nameOf(file.id)}`;
      const content = `${folder}/content`;
      const entry = { kind: 'files', id: file.id } as const;
      const results = [await this.#into.put(`${folder}/file.json`, file, { ...entry, final: false })];
      if (!(await this.#into.has(content))) {
        const path = this.#into.path(content);
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        const { signal, waitMs, onBytes } = this.#options;
        const { note, ...taken } = await takeContent(this.#openai, file.id, path, {
          bytesExpected: file.bytes ?? null,
          signal,
          ...(waitMs !== undefined && { waitMs }),
          ...(onBytes !== undefined && { onBytes: (bytes: number) => onBytes(file.id, bytes) }),
        });
        const odd = note === null ? {} : { note };
        await this.#into.note({ path: content, ...entry, ...taken, taken_at: now(), final: true, ...odd });
        results.push('new');
      }
      this.#took('files', ...results);
    });
  }

  async #completions(): Promise<void> {
    const listed = advancing(this.#openai.chat.completions.list({ limit: pageSize, order: 'asc' }));
    await this.#each(listed, async (completion) => {
      this.#saw('stored_completions');
      const path = `stored_completions/${nameOf(completion.id)}.json`;
      if (await this.#into.has(path)) return;
      await this.#trying('stored_completions', completion.id, async () => {
        const query = { limit: pageSize, order: 'asc' } as const;
        const messages = await all(this.#openai.chat.completions.messages.list(completion.id, query));
        const entry = { kind: 'stored_completions', id: completion.id } as const;
        this.#took('stored_completions', await this.#into.put(path, { completion, messages }, entry));
      });
    });
  }

  /** In the order given, some at a time; the first failure is thrown when those under way have ended. */
  async #each<Item>(
    items: AsyncIterable<Item> | Iterable<Item>,
    work: (item: Item) => Promise<unknown>,
  ): Promise<void> {
    const { concurrency = 4 } = this.#options;
    const underway = new Set<Promise<unknown>>();
    const failures: unknown[] = [];
    try {
      for await (const item of items) {
        const one = work(item)
          .catch((error: unknown) => failures.push(error))
          .finally(() => underway.delete(one));
        underway.add(one);
        if (underway.size >= concurrency) await Promise.race(underway);
        if (failures.length > 0) break;
      }
    } finally {
      await Promise.all(underway);
    }
    if (failures.length > 0) throw failures[0];
  }
}

async function all<Item extends { readonly id: string }>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of advancing(items)) found.push(item);
  return found;
}

/** Some servers know no `after` and give their first page for ever; what comes a second time ends the list as a fault. */
async function* advancing<Item extends { readonly id: string }>(
  items: AsyncIterable<Item>,
): AsyncGenerator<Item, void> {
  const seen = new Set<string>();
  for await (const item of items) {
    if (seen.has(item.id)) throw new Error(`the server's list does not advance: ${item.id} came a second time`);
    seen.add(item.id);
    yield item;
  }
}

/** What a server answered, or a file whose bytes do not come; a full disk is neither. */
function isAboutTheAnswer(error: unknown): boolean {
  if (error instanceof APIError) return true;
  const { code } = error as NodeJS.ErrnoException;
  return error instanceof Error && (code === undefined || !/^E(NOSPC|ACCES|PERM|ROFS|MFILE|IO|EXIST|ISDIR)/.test(code));
}
