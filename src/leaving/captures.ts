/**
 * The captures of a project: folders below `captures/<project>/` in the data folder, each with its manifest.
 *
 * The manifest on the disk is the truth, also while a task fills the capture; nothing is kept in memory. Commands of
 * the command line read and write the same folders when they are pointed at them.
 */

import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { TunesmithError, invalid, notFound } from '../domain/errors.ts';
import {
  captureKinds,
  isCaptureName,
  type CaptureKind,
  type CaptureRecording,
  type CapturedJobView,
  type CapturedModelView,
  type CapturedObject,
  type OpenAICapture,
  type OpenAICaptureDetails,
  type WindDown,
} from '../domain/openai-capture.ts';
import { guardedFetcher } from '../outbound/guarded-fetch.ts';
import type { CapturedModel } from './capture.ts';
import { IdMap, mappedKinds } from './id-map.ts';
import { lockCapture } from './lock.ts';
import { Capture, type Entry } from './manifest.ts';
import { shutdownSource, windDown } from './shutdown.ts';
import { openSource, type Source, type SourceOptions } from './source.ts';

export const endings: WindDown = {
  evals_read_only: windDown.evalsReadOnly,
  evals_off: windDown.evalsOff,
  no_new_jobs: windDown.noNewJobs,
  source: shutdownSource.text,
};

const shownMax = { problems: 200, models: 2000, jobs: 500 } as const;

/** What a project is asked for when nobody names a capture. */
export const usualCapture = 'openai';

export class Captures {
  readonly #folder: string;
  readonly #allowed: boolean | readonly string[];

  /** `allowed` are internal hosts that may be asked, or true for all. */
  constructor(home: string, project: string, allowed: boolean | readonly string[]) {
    this.#folder = join(home, 'captures', project);
    this.#allowed = allowed;
  }

  /** The platform at `baseUrl`, reached without being led to where only this machine can go. */
  source(options: Omit<SourceOptions, 'fetch'>): Source {
    return openSource({ ...options, fetch: guardedFetcher(this.#allowed) });
  }

  /** Where the capture of this name is, or would be. */
  folder(name: string): string {
    if (!isCaptureName(name))
      throw invalid('capture', `A capture is named by small letters, digits, - and _; found "${name.slice(0, 80)}".`);
    return join(this.#folder, name);
  }

  nameOf(name: string | null | undefined): string {
    return name ?? usualCapture;
  }

  /** Where the capture is from; null where there is none. */
  async placeOf(name: string): Promise<string | null> {
    this.folder(name);
    return (await this.#readIfThere(name))?.baseUrl ?? null;
  }

  /** The folder of one recording, which need not be named where there is only one. */
  async recording(name: string, id: string | null): Promise<string> {
    const capture = await this.open(name);
    const all = (await recordingsOf(capture)).filter(({ answered }) => answered > 0);
    const found = id === null && all.length === 1 ? all[0] : all.find((each) => each.id === id);
    if (found !== undefined) return capture.path(`recordings/${found.id}`);
    if (id !== null) throw invalid('recording', `The capture "${name}" has no recording ${id} with answers in it.`);
    throw invalid(
      'recording',
      all.length === 0
        ? `The capture "${name}" has no recording yet: a task of the type openai_record makes one.`
        : `The capture "${name}" has ${all.length} recordings; name one: ${all.map((each) => each.id).join(', ')}.`,
    );
  }

  /** Only one at a time works with a capture. */
  async lock(name: string): Promise<AsyncDisposable> {
    const folder = this.folder(name);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await lockCapture(folder).catch((cause: unknown) => {
      if (!(cause instanceof TunesmithError)) throw cause;
      const message = `The capture "${name}" is being worked with by another task; wait for it, or stop it.`;
      throw new TunesmithError('conflict', message, { param: 'capture', code: 'capture_in_use', cause });
    });
  }

  /** An existing capture, or a new one; one capture never mixes two places. To be locked before. */
  async begin(name: string, baseUrl: string): Promise<Capture> {
    await this.assertFrom(name, baseUrl);
    return await Capture.open(this.folder(name), baseUrl);
  }

  async assertFrom(name: string, baseUrl: string): Promise<void> {
    const found = await this.#readIfThere(name);
    if (found !== null && found.baseUrl !== baseUrl)
      throw invalid(
        'base_url',
        `The capture "${name}" holds what was taken from ${found.baseUrl}, and ${baseUrl} was named: give it another name.`,
      );
  }

  async list(): Promise<OpenAICapture[]> {
    const names = await readdir(this.#folder).catch(noneIfMissing);
    const found: OpenAICapture[] = [];
    for (const name of names.filter(isCaptureName).sort()) {
      const capture = await this.#readIfThere(name);
      if (capture !== null) found.push(summaryOf(name, capture));
    }
    return found;
  }

  /** The capture itself, for whoever works with it. */
  async open(name: string): Promise<Capture> {
    const capture = isCaptureName(name) ? await this.#readIfThere(name) : null;
    if (capture === null) throw notFound('capture', `No such capture: ${name}`);
    return capture;
  }

  /** Which thing there has become which here. */
  async idMap(name: string): Promise<IdMap> {
    return await IdMap.open(this.folder(name), 'this server');
  }

  async get(name: string): Promise<OpenAICaptureDetails> {
    const capture = await this.open(name);
    const ids = await this.idMap(name);
    const { problems } = capture.manifest;
    const models = capture.get('models.json') === null ? [] : await capture.readJson<CapturedModel[]>('models.json');
    return {
      ...summaryOf(name, capture),
      problems: problems
        .slice(0, shownMax.problems)
        .map(({ kind, id, status, reason, message }) => ({ kind, id, status, reason, message })),
      models: models.slice(0, shownMax.models).map((each): CapturedModelView => {
        const { model, base, listed, job, date, source } = each;
        const here = ids.get('models', model);
        return { model, base, listed, job, shutdown_date: date, shutdown_source: source, here };
      }),
      jobs: await jobsOf(capture, ids),
      recordings: await recordingsOf(capture),
      wind_down: endings,
      restored: Object.fromEntries(
        mappedKinds.map((kind) => [kind, Object.keys(ids.all(kind)).length]),
      ) as OpenAICaptureDetails['restored'],
    };
  }

  /** By path, one more than `limit`. */
  async objects(
    name: string,
    { kind, after, limit }: { kind: CaptureKind | null; after: string | null; limit: number },
  ): Promise<CapturedObject[]> {
    const capture = await this.open(name);
    return capture
      .entries(kind ?? undefined)
      .filter(({ path }) => after === null || path > after)
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .slice(0, limit + 1)
      .map(({ path, kind: of, id, bytes, sha256, taken_at }) => ({
        object: 'openai.captured_object',
        id: path,
        kind: of,
        original_id: id,
        bytes,
        sha256,
        taken_at: seconds(taken_at),
      }));
  }

  /** The folder and all in it; what was made of it here stays. */
  async delete(name: string): Promise<void> {
    await this.open(name);
    const folder = this.folder(name);
    // In one step out of sight, so that nobody reads what is half gone.
    const gone = join(this.#folder, `.deleted-${name}-${Date.now()}`);
    {
      await using _ = await this.lock(name);
      await rename(folder, gone);
    }
    await rm(gone, { recursive: true, force: true });
  }

  async #readIfThere(name: string): Promise<Capture | null> {
    const folder = join(this.#folder, name);
    if ((await stat(join(folder, 'manifest.json')).catch(() => null)) === null) return null;
    return await Capture.read(folder);
  }
}

function summaryOf(name: string, capture: Capture): OpenAICapture {
  const { base_url, started_at, finished_at, problems } = capture.manifest;
  const entries = capture.entries();
  const ids = Object.fromEntries(captureKinds.map((kind) => [kind, new Set<string>()])) as Record<
    CaptureKind,
    Set<string>
  >;
  for (const { kind, id, path } of entries) if (path !== 'models.json') ids[kind]?.add(id);
  return {
    object: 'openai.capture',
    id: name,
    base_url,
    started_at: seconds(started_at),
    finished_at: finished_at === null ? null : seconds(finished_at),
    bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
    counts: Object.fromEntries(captureKinds.map((kind) => [kind, ids[kind].size])) as OpenAICapture['counts'],
    problem_count: problems.length,
  };
}

async function jobsOf(capture: Capture, ids: IdMap): Promise<CapturedJobView[]> {
  const newest = capture
    .entries('fine_tuning_jobs')
    .filter(({ path }) => path.endsWith('/job.json'))
    .sort(byTime)
    .slice(-shownMax.jobs);
  const jobs: CapturedJobView[] = [];
  for (const { path } of newest) {
    const { id, model, status, created_at, fine_tuned_model, method } =
      await capture.readJson<OpenAI.FineTuning.FineTuningJob>(path);
    const here = ids.get('jobs', id);
    jobs.push({ id, model, status, created_at, fine_tuned_model, method: method?.type ?? 'supervised', here });
  }
  return jobs.sort((a, b) => b.created_at - a.created_at);
}

async function recordingsOf(capture: Capture): Promise<CaptureRecording[]> {
  const found: CaptureRecording[] = [];
  for (const { path, id } of capture.entries('recordings')) {
    const [, folder, file] = path.split('/');
    if (file !== 'test.jsonl' || folder === undefined) continue;
    const answers = capture.path(`recordings/${folder}/answers.jsonl`);
    found.push({
      id: folder,
      model: id.slice(0, id.lastIndexOf(' ')),
      questions: await countLines(capture.path(path)),
      answered: await countLines(answers),
      bytes: (await stat(answers).catch(() => null))?.size ?? 0,
    });
  }
  return found;
}

/** That hold anything; 0 of a file that is not there. */
async function countLines(path: string): Promise<number> {
  let count = 0;
  let isEmpty = true;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>)
      for (const byte of chunk) {
        if (byte > 32) isEmpty = false;
        else if (byte === 10) {
          if (!isEmpty) count += 1;
          isEmpty = true;
        }
      }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return isEmpty ? count : count + 1;
}

const byTime = (a: Entry, b: Entry): number => (a.taken_at < b.taken_at ? -1 : 1);
const seconds = (time: string): number => Math.floor(Date.parse(time) / 1000);

function noneIfMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
