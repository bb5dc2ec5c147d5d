/**
 * Whose weights a model's name stands for.
 *
 * Three kinds of names answer: base models by their id, the operator's aliases for them, and fine-tuned models
 * with their checkpoints by `ft:base:org:suffix:id`. Base models live in their manifests; the database remembers
 * the fine-tuned ones.
 * Base models are everybody's; a fine-tuned one is its project's, and of those it was lent to (`lending.ts`).
 * The registry loads nothing and knows nothing of training.
 */

import { access, rm } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import type { Kysely } from 'kysely';
import { notFound, TunesmithError } from '../domain/errors.ts';
import type { Model } from '../domain/model.ts';
import { defaultProject } from '../domain/project.ts';
import type { Schema } from '../store/schema.ts';
import { readAnswers } from './answers.ts';
import type { BaseModel, BaseModels } from './base-models.ts';
import { wholeModelAt } from './whole-model.ts';
import { modelsSeenBy } from './lending.ts';

/** A model that can answer: whole weights, and perhaps an adapter to put on them. */
export interface ServedModel {
  /** The name as it was asked for, which is how it is shown. */
  readonly id: string;
  /** A base model, or the weights that a fine-tuned model has of its own. */
  readonly base: BaseModel;
  /** The folder of a fine-tuned model's own weights; null where those are a base model's. */
  readonly ownFolder: string | null;
  /** Absolute path of `adapter.gguf`, or null without one. */
  readonly adapter: string | null;
  /** The adapter's folder, with `adapter_model.safetensors` to train on from. */
  readonly adapterFolder: string | null;
  /** The closed set of answers that it was taught, where there is one; the most frequent first. */
  readonly labels?: readonly string[] | null;
}

/** The model in a folder that training made: its own weights or those of its base, and an adapter where it has one. */
export async function fineTunedModel(id: string, folder: string, findBase: () => BaseModel): Promise<ServedModel> {
  const own = await wholeModelAt(folder);
  const path = resolve(folder, 'adapter.gguf');
  const adapter = own === null || (await exists(path)) ? path : null;
  return {
    id,
    base: own ?? findBase(),
    ownFolder: own === null ? null : folder,
    adapter,
    adapterFolder: adapter === null ? null : folder,
    labels: await readAnswers(folder),
  };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** From the name that clients use to the id of a base model. */
export type Aliases = Readonly<Record<string, string>>;

export interface FineTunedModel {
  readonly id: string;
  readonly createdAt: number;
  /** The base as the job named it, and the id of the local model that it stood for. */
  readonly base: string;
  readonly baseModelId: string;
  readonly jobId: string;
  /** Below the data folder, with forward slashes. */
  readonly folder: string;
  /** Ours beside OpenAI's fields: how the model did on its validation file. */
  readonly taskMetrics?: object | null;
}

export class ModelRegistry {
  readonly #database: Kysely<Schema>;
  readonly #bases: BaseModels;
  readonly #aliases: Aliases;
  readonly #organisation: string;
  readonly #project: string;

  constructor(
    database: Kysely<Schema>,
    bases: BaseModels,
    aliases: Aliases = {},
    organisation: string = 'personal',
    project: string = defaultProject,
  ) {
    this.#database = database;
    this.#bases = bases;
    this.#aliases = aliases;
    this.#organisation = organisation;
    this.#project = project;
  }

  /** The registry as that project sees it. */
  of(project: string): ModelRegistry {
    return new ModelRegistry(this.#database, this.#bases, this.#aliases, this.#organisation, project);
  }

  /** What the name stands for, or null when nothing here has it. */
  async resolve(name: string): Promise<ServedModel | null> {
    const base = this.#findBase(name);
    if (base !== undefined) return { id: name, base, ownFolder: null, adapter: null, adapterFolder: null };
    const row = await this.#row(name);
    if (row === undefined) return null;
    return await fineTunedModel(name, this.#absolute(row.folder), () => {
      const below = this.#bases.find(row.base_model_id);
      if (below !== undefined) return below;
      throw notFound(
        'model',
        `The model '${name}' needs the base model '${row.base_model_id}', which was removed from this machine. Bring it back with: tunesmith models pull ${row.base_model_id}`,
        'model_not_found',
      );
    });
  }

  /** Every name that answers: bases, aliases, then fine-tuned models and checkpoints, newest first. */
  async list(): Promise<Model[]> {
    const bases = this.#bases.list();
    const aliased = Object.entries(this.#aliases).flatMap(([alias, id]) => {
      const base = bases.find((base) => base.id === id);
      return base === undefined ? [] : [baseObject(alias, base)];
    });
    const rows = await modelsSeenBy(this.#database, this.#project).select('object').orderBy('seq', 'desc').execute();
    return [
      ...bases.map((base) => baseObject(base.id, base)),
      ...aliased,
      ...rows.map((row) => JSON.parse(row.object) as Model),
    ];
  }

  async retrieve(name: string): Promise<Model> {
    const base = this.#findBase(name);
    if (base !== undefined) return baseObject(name, base);
    const row = await this.#row(name);
    if (row === undefined) throw unknown(name);
    return JSON.parse(row.object) as Model;
  }

  /** Makes a fine-tuned model or checkpoint answer once `transaction` commits; a second time changes nothing. */
  async register(transaction: Kysely<Schema>, model: FineTunedModel): Promise<Model> {
    this.#absolute(model.folder);
    const { id, createdAt: created, taskMetrics } = model;
    const official: Model = { id, object: 'model', created, owned_by: this.#organisation };
    const object = taskMetrics == null ? official : { ...official, task_metrics: taskMetrics };
    await transaction
      .insertInto('models')
      .values({
        id: model.id,
        project: this.#project,
        created_at: model.createdAt,
        base: model.base,
        base_model_id: model.baseModelId,
        job_id: model.jobId,
        folder: model.folder,
        object: JSON.stringify(object),
      })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
    return object;
  }

  /** Forgets a fine-tuned model and deletes its files. Bases belong to the operator, not to the API. */
  async delete(name: string): Promise<void> {
    if (this.#findBase(name) !== undefined)
      throw new TunesmithError(
        'forbidden',
        `The model '${name}' is a base model; only fine-tuned models can be deleted here. The operator of this server can run: tunesmith models remove`,
        { param: 'model' },
      );
    const row = await this.#row(name);
    if (row === undefined) throw unknown(name);
    if (row.project !== this.#project)
      throw new TunesmithError(
        'forbidden',
        `The model '${name}' belongs to another project, which lets this one use it; only that one can delete it.`,
        { param: 'model' },
      );
    await this.#database.transaction().execute(async (rows) => {
      await rows.deleteFrom('models').where('id', '=', name).execute();
      await rows.deleteFrom('checkpoint_permissions').where('model_id', '=', name).execute();
    });
    const sharing = await this.#database.selectFrom('models').select('id').where('folder', '=', row.folder).execute();
    if (sharing.length === 0) await rm(this.#absolute(row.folder), { recursive: true, force: true });
  }

  #findBase(name: string): BaseModel | undefined {
    return this.#bases.find(Object.hasOwn(this.#aliases, name) ? this.#aliases[name]! : name);
  }

  async #row(name: string) {
    const columns = ['project', 'base_model_id', 'folder', 'object'] as const;
    return modelsSeenBy(this.#database, this.#project).select(columns).where('id', '=', name).executeTakeFirst();
  }

  /** Rows name folders below the data folder; one that leads out of it is never touched. */
  #absolute(folder: string): string {
    const path = resolve(this.#bases.home, folder);
    if (path.startsWith(this.#bases.home + sep)) return path;
    throw new Error(`the model folder ${JSON.stringify(folder)} lies outside ${this.#bases.home}`);
  }
}

const baseObject = (id: string, base: BaseModel): Model => ({
  id,
  object: 'model',
  created: base.createdAt,
  owned_by: 'system',
});

const unknown = (name: string): TunesmithError =>
  notFound('model', `The model '${name}' does not exist`, 'model_not_found');
