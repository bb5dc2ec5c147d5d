/**
 * The base models on this machine: `models/base/<id>/` with `model.gguf` and `manifest.json`.
 *
 * The folder is the truth and nothing is remembered beside it, so a model that another process pulled is there
 * at once. A model appears by one rename, when its file was verified and its manifest written, and it is never
 * changed afterwards; what a broken pull leaves lies in `.incoming/` and serves the next attempt.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { notFound, TunesmithError } from '../domain/errors.ts';
import { flushFolder, writeAtomically } from '../formats/atomic-write.ts';
import { findInCatalogue, type ModelSource } from './catalogue.ts';
import { holdLock } from './lock.ts';
import { manifestSchema, type BaseModel, type Manifest } from './manifest.ts';
import { isBaseModelId } from './names.ts';
import {
  describeSource,
  fetchModel,
  planPull,
  type PulledFile,
  type PullOptions,
  type PullPlan,
  type PullSettings,
} from './pull.ts';
import { hubSettings } from './sources/hub.ts';
import { findLocalModel } from './sources/local.ts';
import { receivedAt } from './sources/receive.ts';

export type { BaseModel } from './manifest.ts';
export type { PullEvent, PullOptions } from './pull.ts';

/** A folder that should hold a model and does not. */
export interface BrokenModel {
  readonly id: string;
  readonly message: string;
}

export class BaseModels {
  /** The data folder. */
  readonly home: string;
  readonly #folder: string;
  /** What is on its way in or out. */
  readonly #incoming: string;
  readonly #settings: PullSettings;

  private constructor(home: string, settings: PullSettings) {
    this.home = home;
    this.#folder = join(home, 'models', 'base');
    this.#incoming = join(this.#folder, '.incoming');
    this.#settings = settings;
  }

  static async open(home: string, settings: Partial<PullSettings> = {}): Promise<BaseModels> {
    const models = new BaseModels(resolve(home), { hub: hubSettings(process.env), ...settings });
    await mkdir(models.#incoming, { recursive: true });
    return models;
  }

  /** Every usable model, by id. */
  list(): BaseModel[] {
    return this.#read().flatMap((found) => ('message' in found ? [] : [found]));
  }

  /** Folders whose manifest or file is not as it should be. */
  broken(): BrokenModel[] {
    return this.#read().flatMap((found) => ('message' in found ? [found] : []));
  }

  /** The model of that id; undefined when it was never pulled, an error when its file is damaged. */
  find(id: string): BaseModel | undefined {
    if (!isBaseModelId(id)) return undefined;
    const found = readModel(this.#folder, id);
    if (found === undefined || !('message' in found)) return found;
    throw new TunesmithError('internal', found.message, { code: 'model_damaged' });
  }

  /** Fetches a model unless it is already here, and says where it is. See `pull.ts` for what may be asked. */
  async pull(nameOrPath: string, options: PullOptions = {}): Promise<BaseModel> {
    const named = readModel(this.#folder, nameOrPath);
    if (named !== undefined && !('message' in named)) return named;
    const plan = await planPull(nameOrPath, options);
    const incoming = join(this.#incoming, plan.id);
    await using _lock = await holdLock(`${incoming}.lock`, options.signal);
    const found = readModel(this.#folder, plan.id);
    if (found !== undefined && !('message' in found)) return await this.#sameOrConflict(found, plan);
    await mkdir(incoming, { recursive: true });
    const pulled = await fetchModel(plan, incoming, this.#settings, options);
    await this.#install(plan, pulled, incoming);
    return this.find(plan.id)!;
  }

  /** Reads the whole file and compares it with its manifest. */
  async verify(id: string, signal?: AbortSignal): Promise<void> {
    const model = this.#expect(id);
    const sha256 = (await receivedAt(model.path, signal)).hash.digest('hex');
    if (sha256 === model.sha256) return;
    throw new TunesmithError(
      'internal',
      `${model.path} has SHA-256 ${sha256}; its manifest says ${model.sha256}. Remove the model and pull it again.`,
      { code: 'model_damaged' },
    );
  }

  async remove(id: string): Promise<void> {
    if (!isBaseModelId(id) || readModel(this.#folder, id) === undefined) throw missing(id);
    const trash = join(this.#incoming, `${id}.removed`);
    await rm(trash, { recursive: true, force: true });
    await rename(join(this.#folder, id), trash); // gone at once, even when deleting takes a while
    await rm(trash, { recursive: true, force: true });
  }

  #read(): (BaseModel | BrokenModel)[] {
    return readdirSync(this.#folder)
      .filter(isBaseModelId)
      .sort()
      .map((id) => readModel(this.#folder, id))
      .filter((found) => found !== undefined);
  }

  #expect(id: string): BaseModel {
    const model = this.find(id);
    if (model === undefined) throw missing(id);
    return model;
  }

  /** Two files must not hide behind one id: outside the catalogue, the one that is here must be the one asked for. */
  async #sameOrConflict(model: BaseModel, { entry, sources: [source] }: PullPlan): Promise<BaseModel> {
    if (entry !== null || source === undefined) return model;
    const same = await isSame(model, source);
    if (same) return model;
    throw new TunesmithError(
      'conflict',
      `Another file is already here as ${model.id} (from ${model.source}). Give this one a name of its own with --id, or remove the other.`,
      { param: 'model', code: 'model_exists' },
    );
  }

  async #install(plan: PullPlan, pulled: PulledFile, incoming: string): Promise<void> {
    const { entry } = plan;
    const { architecture, name, licence } = pulled.inspection;
    const manifest: Manifest = {
      version: 1,
      id: plan.id,
      name: entry?.name ?? name ?? plan.id,
      family: entry?.family ?? architecture.architecture,
      licence: entry?.licence ?? licence ?? 'unknown',
      source: pulled.source,
      revision: pulled.revision,
      sha256: pulled.sha256,
      sizeBytes: statSync(pulled.path).size,
      contextTokens: architecture.contextTokens,
      parameters: architecture.parameters,
      createdAt: Math.floor(Date.now() / 1000),
      original: entry?.original ?? null,
      architecture,
    };
    const ready = join(incoming, 'ready');
    await rm(ready, { recursive: true, force: true });
    await mkdir(ready);
    await rename(pulled.path, join(ready, 'model.gguf'));
    await writeAtomically(join(ready, 'manifest.json'), [Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)]);
    const target = join(this.#folder, plan.id);
    await rm(target, { recursive: true, force: true }); // only ever a damaged one
    await rename(ready, target);
    await flushFolder(this.#folder);
    await rm(incoming, { recursive: true, force: true });
  }
}

function readModel(folder: string, id: string): BaseModel | BrokenModel | undefined {
  if (!isBaseModelId(id)) return undefined;
  const path = join(folder, id, 'model.gguf');
  const again =
    findInCatalogue(id) === undefined ? 'Remove it and pull it again.' : `Pull it again: tunesmith models pull ${id}`;
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(readFileSync(join(folder, id, 'manifest.json'), 'utf8')));
    if (!parsed.success) return { id, message: `The manifest of ${id} cannot be read. ${again}` };
    const { version: _version, ...manifest } = parsed.data;
    const { size } = statSync(path);
    if (size !== manifest.sizeBytes)
      return { id, message: `${path} has ${size} bytes; its manifest says ${manifest.sizeBytes}. ${again}` };
    return { ...manifest, path };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      return { id, message: `${id} cannot be read (${(error as Error).message}). ${again}` };
    return statSync(join(folder, id), { throwIfNoEntry: false }) === undefined
      ? undefined
      : { id, message: `${join(folder, id)} lacks a part of the model. ${again}` };
  }
}

/** A file by its size; a checkpoint, which became another file here, by where it lies. */
async function isSame(model: BaseModel, source: ModelSource): Promise<boolean> {
  if (source.type !== 'local') return describeSource(source) === model.source;
  const { kind, path } = await findLocalModel(source.path);
  return kind === 'checkpoint' ? describeSource(source) === model.source : statSync(path).size === model.sizeBytes;
}

const missing = (id: string): TunesmithError =>
  notFound('model', `The base model '${id}' is not on this machine. See tunesmith models list.`, 'model_not_found');
