/**
 * A project lends its fine-tuned models and their checkpoints to others: OpenAI's checkpoint permissions.
 *
 * Who was lent a model can use it by its name, as one of its own, and train on from it; deleting it and lending
 * it on stay with its owner. The registry reads these rows whenever it looks for a name.
 */

import type { Kysely } from 'kysely';
import { invalid, notFound } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { CheckpointPermission } from '../domain/checkpoint.ts';
import type { CheckpointPermissionsTable, Schema } from '../store/schema.ts';

export interface PermissionQuery {
  readonly after: string | null;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  /** Only that of this borrower. */
  readonly project: string | null;
}

type PermissionRow = Pick<CheckpointPermissionsTable, 'id' | 'project' | 'created_at'>;

export class Lending {
  readonly #database: Kysely<Schema>;
  readonly #project: string;

  constructor(database: Kysely<Schema>, project: string) {
    this.#database = database;
    this.#project = project;
  }

  /** The permissions of these projects, in their order; one that was there already stays as it is. */
  async lend(model: string, projects: readonly string[]): Promise<CheckpointPermission[]> {
    return await this.#database.transaction().execute(async (rows) => {
      await this.#assertOwn(rows, model);
      const permissions: CheckpointPermission[] = [];
      for (const [i, project] of projects.entries()) {
        const known = await rows.selectFrom('projects').select('id').where('id', '=', project).executeTakeFirst();
        if (known === undefined)
          throw invalid(
            `project_ids[${i}]`,
            `There is no project '${project}'. The operator of this server can make one: tunesmith keys create --project`,
            'invalid_value',
          );
        const created_at = Math.floor(Date.now() / 1000);
        await rows
          .insertInto('checkpoint_permissions')
          .values({ id: newId('permission'), model_id: model, project, created_at })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        const row = await permissionsFor(rows, model)
          .where('project', '=', project)
          .select(columns)
          .executeTakeFirstOrThrow();
        permissions.push(permissionOf(row));
      }
      return permissions;
    });
  }

  /** One more than asked for tells the pager that there is another page. */
  async list(model: string, { after, limit, order, project }: PermissionQuery): Promise<CheckpointPermission[]> {
    await this.#assertOwn(this.#database, model);
    let query = permissionsFor(this.#database, model)
      .select(columns)
      .orderBy('seq', order)
      .limit(limit + 1);
    if (project !== null) query = query.where('project', '=', project);
    if (after !== null) {
      const cursor = await permissionsFor(this.#database, model)
        .where('id', '=', after)
        .select('seq')
        .executeTakeFirst();
      if (cursor === undefined)
        throw invalid('after', `Invalid 'after': there is no permission '${after}'.`, 'invalid_value');
      query = query.where('seq', order === 'asc' ? '>' : '<', cursor.seq);
    }
    return (await query.execute()).map(permissionOf);
  }

  async endLoan(model: string, id: string): Promise<void> {
    await this.#assertOwn(this.#database, model);
    const ended = await this.#database
      .deleteFrom('checkpoint_permissions')
      .where('model_id', '=', model)
      .where('id', '=', id)
      .returning('id')
      .executeTakeFirst();
    if (ended === undefined) throw notFound('permission_id', `No such permission: ${id}`);
  }

  async #assertOwn(rows: Kysely<Schema>, model: string): Promise<void> {
    const own = await rows
      .selectFrom('models')
      .select('id')
      .where('id', '=', model)
      .where('project', '=', this.#project)
      .executeTakeFirst();
    if (own === undefined)
      throw notFound('fine_tuned_model_checkpoint', `The model '${model}' does not exist`, 'model_not_found');
  }
}

const columns = ['id', 'project', 'created_at'] as const;

const permissionsFor = (rows: Kysely<Schema>, model: string) =>
  rows.selectFrom('checkpoint_permissions').where('model_id', '=', model);

const permissionOf = ({ id, project, created_at }: PermissionRow): CheckpointPermission => ({
  object: 'checkpoint.permission',
  id,
  created_at,
  project_id: project,
});

/** Fine-tuned models of the project, and those that others have lent it: the one place that says who sees which. */
export const modelsSeenBy = (database: Kysely<Schema>, project: string) =>
  database
    .selectFrom('models')
    .where((model) =>
      model.or([
        model('project', '=', project),
        model('id', 'in', model.selectFrom('checkpoint_permissions').select('model_id').where('project', '=', project)),
      ]),
    );
