/**
 * Other names of base models: those of the settings, and those that the operator gives while the server runs.
 *
 * Both lie in one object that the registry looks into at every request, so a new name answers at once. A name of the
 * settings is not changed here, and none may hide a model that is really called so.
 */

import type { Kysely } from 'kysely';
import { invalid, notFound, TunesmithError } from '../domain/errors.ts';
import type { ModelAlias } from '../domain/model-alias.ts';
import type { Schema } from '../store/schema.ts';
import type { BaseModels } from './base-models.ts';
import type { Aliases } from './registry.ts';

export class ModelAliases {
  /** From each name to the base model that it stands for, as it is now. */
  readonly names: Aliases;
  readonly #names: Record<string, string>;
  readonly #database: Kysely<Schema>;
  readonly #bases: BaseModels;
  readonly #settled: Aliases;

  private constructor(database: Kysely<Schema>, bases: BaseModels, settled: Aliases, names: Record<string, string>) {
    this.#database = database;
    this.#bases = bases;
    this.#settled = settled;
    this.#names = names;
    this.names = names;
  }

  static async open(database: Kysely<Schema>, bases: BaseModels, settled: Aliases): Promise<ModelAliases> {
    const rows = await database.selectFrom('model_aliases').selectAll().execute();
    const made = Object.fromEntries(rows.map((row) => [row.alias, row.base_model_id]));
    return new ModelAliases(database, bases, settled, { ...made, ...settled });
  }

  /** Those of the settings first, then by name. */
  async list(): Promise<ModelAlias[]> {
    const installed = new Set(this.#bases.list().map(({ id }) => id));
    const rows = await this.#database.selectFrom('model_aliases').selectAll().orderBy('alias').execute();
    const made = rows.filter(({ alias }) => !Object.hasOwn(this.#settled, alias));
    return [
      ...Object.entries(this.#settled).map(([alias, model]) => aliasOf(alias, model, null, installed)),
      ...made.map((row) => aliasOf(row.alias, row.base_model_id, row.created_at, installed)),
    ];
  }

  /** Gives a base model another name, or lets a name stand for another base model. */
  async set(alias: string, model: string): Promise<ModelAlias> {
    this.#refuseSettled(alias);
    assertName(alias);
    const bases = this.#bases.list();
    if (bases.some(({ id }) => id === alias))
      throw invalid('alias', `There is a base model called '${alias}', which an alias would hide.`);
    if (!bases.some(({ id }) => id === model))
      throw invalid(
        'model',
        `There is no base model '${model}' on this machine; those there are: ${bases.map(({ id }) => id).join(', ') || 'none'}.`,
        'model_not_found',
      );
    const row = { alias, base_model_id: model, created_at: Math.floor(Date.now() / 1000) };
    await this.#database
      .insertInto('model_aliases')
      .values(row)
      .onConflict((conflict) => conflict.column('alias').doUpdateSet(row))
      .execute();
    this.#names[alias] = model;
    return aliasOf(alias, model, row.created_at, new Set([model]));
  }

  async remove(alias: string): Promise<void> {
    this.#refuseSettled(alias);
    const row = await this.#database
      .deleteFrom('model_aliases')
      .where('alias', '=', alias)
      .returning('alias')
      .executeTakeFirst();
    if (row === undefined) throw notFound('alias', `No such alias: ${alias}`);
    delete this.#names[alias];
  }

  #refuseSettled(alias: string): void {
    if (!Object.hasOwn(this.#settled, alias)) return;
    throw new TunesmithError(
      'conflict',
      `The alias '${alias}' comes from TUNESMITH_MODEL_ALIASES; change it there and start the server again.`,
      { param: 'alias', code: 'alias_of_settings' },
    );
  }
}

function assertName(alias: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/.test(alias) && !alias.startsWith('ft:')) return;
  throw invalid(
    'alias',
    `Invalid 'alias': ${JSON.stringify(alias.slice(0, 200))} cannot name a model. Expected letters, digits and . _ : / @ -, at most 128, and no name that begins with ft:.`,
    'invalid_value',
  );
}

const aliasOf = (id: string, model: string, createdAt: number | null, installed: ReadonlySet<string>): ModelAlias => ({
  object: 'model_alias',
  id,
  model,
  available: installed.has(model),
  source: createdAt === null ? 'setting' : 'database',
  created_at: createdAt,
});
