/**
 * The base models of this machine beside those of the catalogue, as clients see them; and the way out for one.
 *
 * Bases are everybody's. How many fine-tuned models stand on one is counted for the project that asks; a base that any
 * project needs leaves only when that is meant.
 */

import type { Kysely } from 'kysely';
import type { BaseModelObject } from '../domain/base-model.ts';
import { notFound, TunesmithError } from '../domain/errors.ts';
import type { Job } from '../domain/job.ts';
import { isFinal } from '../domain/job.ts';
import { isEncoder } from '../families/table.ts';
import type { Schema } from '../store/schema.ts';
import type { BaseModel, BaseModels } from './base-models.ts';
import { catalogue, type CatalogueEntry } from './catalogue.ts';
import { describeSource } from './pull.ts';

/** What is here by its id, then what the catalogue recommends. */
export async function listBases(
  bases: BaseModels,
  database: Kysely<Schema>,
  project: string,
): Promise<BaseModelObject[]> {
  const counts = await fineTunesByBase(database, project);
  const here = bases.list().map((base) => installed(base, counts.get(base.id) ?? 0));
  const broken = bases.broken().map(({ id, message }) => damaged(id, message, counts.get(id) ?? 0));
  const known = new Set([...here, ...broken].map(({ id }) => id));
  return [...here, ...broken, ...catalogue.filter(({ id }) => !known.has(id)).map(available)];
}

export async function findBase(
  bases: BaseModels,
  database: Kysely<Schema>,
  project: string,
  id: string,
): Promise<BaseModelObject> {
  const found = (await listBases(bases, database, project)).find((base) => base.id === id);
  if (found === undefined) throw noBase(id);
  return found;
}

/** Unless `force`, refused while fine-tuned models or unfinished jobs of any project need it. */
export async function removeBase(
  bases: BaseModels,
  database: Kysely<Schema>,
  id: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const isHere = [...bases.list(), ...bases.broken()].some((base) => base.id === id);
  if (!isHere) throw noBase(id);
  if (!force) {
    const counts = await fineTunesByBase(database, null);
    const models = counts.get(id) ?? 0;
    const jobs = await jobsOn(database, id);
    const needs = [...needed(models, 'fine-tuned model'), ...needed(jobs, 'unfinished job')];
    if (needs.length > 0)
      throw new TunesmithError(
        'conflict',
        `${needs.join(' and ')} need${models + jobs === 1 ? 's' : ''} the base model '${id}' and will not work without it. To remove it all the same, ask with force=true.`,
        { param: 'id', code: 'model_in_use' },
      );
  }
  await bases.remove(id);
}

const needed = (count: number, noun: string): string[] =>
  count === 0 ? [] : [`${count} ${noun}${count === 1 ? '' : 's'}`];

/** Fine-tuned models, checkpoints not counted; of every project for null. */
async function fineTunesByBase(database: Kysely<Schema>, project: string | null): Promise<Map<string, number>> {
  let query = database.selectFrom('models').select('base_model_id').where('id', 'not like', '%:ckpt-step-%');
  if (project !== null) query = query.where('project', '=', project);
  const rows = await query
    .select((model) => model.fn.countAll<number>().as('count'))
    .groupBy('base_model_id')
    .execute();
  return new Map(rows.map(({ base_model_id, count }) => [base_model_id, count]));
}

async function jobsOn(database: Kysely<Schema>, id: string): Promise<number> {
  const rows = await database
    .selectFrom('jobs')
    .select(['object', 'plan'])
    .where('status', 'not in', ['succeeded', 'failed', 'cancelled'])
    .execute();
  return rows.filter(({ object, plan }) => {
    const job = JSON.parse(object) as Job;
    const planned = plan === null ? null : (JSON.parse(plan) as { model?: { id?: string } }).model?.id;
    return !isFinal(job.status) && (planned === id || job.model === id);
  }).length;
}

const installed = (base: BaseModel, fineTunes: number): BaseModelObject => ({
  object: 'base_model',
  id: base.id,
  name: base.name,
  status: 'installed',
  family: base.family,
  parameters: base.parameters,
  context_tokens: base.contextTokens,
  size_bytes: base.sizeBytes,
  licence: base.licence,
  sources: [base.source],
  revision: base.revision,
  sha256: base.sha256,
  original: base.original,
  created_at: base.createdAt,
  serving_only: base.architecture.servingOnly,
  encoder: isEncoder(base),
  fine_tunes: fineTunes,
  problem: null,
});

const available = (entry: CatalogueEntry): BaseModelObject => ({
  object: 'base_model',
  id: entry.id,
  name: entry.name,
  status: 'available',
  family: entry.family,
  parameters: entry.parameters,
  context_tokens: entry.contextTokens,
  size_bytes: entry.sizeBytes,
  licence: entry.licence,
  sources: entry.sources.map(describeSource),
  revision: null,
  sha256: entry.sha256,
  original: entry.original,
  created_at: null,
  serving_only: entry.servingOnly,
  encoder: null,
  fine_tunes: 0,
  problem: null,
});

function damaged(id: string, problem: string, fineTunes: number): BaseModelObject {
  const entry = catalogue.find((each) => each.id === id);
  const unknown = { family: 'unknown', parameters: 0, context_tokens: 0, size_bytes: 0, licence: 'unknown' };
  const about = entry === undefined ? { ...unknown, name: id, sources: [], original: null } : available(entry);
  return {
    ...about,
    object: 'base_model',
    id,
    status: 'damaged',
    revision: null,
    sha256: null,
    created_at: null,
    serving_only: null,
    encoder: null,
    fine_tunes: fineTunes,
    problem,
  };
}

const noBase = (id: string): TunesmithError =>
  notFound('id', `There is no base model '${id}' on this machine or in the catalogue.`, 'model_not_found');
