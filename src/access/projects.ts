/**
 * The projects there are: made, renamed, archived.
 *
 * A project's id is made from its name, so that it can be typed. Archiving closes the door to what it has: its keys
 * open nothing any more. Nothing of it is deleted, as with OpenAI; and the default project, which
 * is that of whoever needs no key, stays.
 */

import type { Kysely, Selectable } from 'kysely';
import { invalid, notFound } from '../domain/errors.ts';
import { randomLetters } from '../domain/ids.ts';
import { defaultProject, isProjectId, type Project } from '../domain/project.ts';
import type { ProjectsTable, Schema } from '../store/schema.ts';

export class Projects {
  readonly #database: Kysely<Schema>;

  constructor(database: Kysely<Schema>) {
    this.#database = database;
  }

  /** Oldest first. */
  async list({ archived = true } = {}): Promise<Project[]> {
    let query = this.#database.selectFrom('projects').selectAll().orderBy('created_at').orderBy('id');
    if (!archived) query = query.where('archived_at', 'is', null);
    return (await query.execute()).map(projectOf);
  }

  async get(id: string): Promise<Project> {
    const row = await this.#database.selectFrom('projects').selectAll().where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw notFound('project_id', `No such project: ${id}`);
    return projectOf(row);
  }

  async create(name: string): Promise<Project> {
    return await this.#database.transaction().execute(async (rows) => {
      const plain = idOf(name);
      const taken = await rows.selectFrom('projects').select('id').where('id', '=', plain).executeTakeFirst();
      const id = taken === undefined ? plain : `${plain.slice(0, 55)}-${randomLetters(8).toLowerCase()}`;
      const row = { id, name, created_at: unixSeconds(), archived_at: null };
      await rows.insertInto('projects').values(row).execute();
      return projectOf(row);
    });
  }

  async rename(id: string, name: string): Promise<Project> {
    assertActive(await this.get(id));
    await this.#database.updateTable('projects').set({ name }).where('id', '=', id).execute();
    return await this.get(id);
  }

  async archive(id: string): Promise<Project> {
    const project = await this.get(id);
    if (id === defaultProject)
      throw invalid('project_id', 'The default project cannot be archived: it is that of whoever needs no key.');
    if (project.status === 'archived') return project;
    const row = { archived_at: unixSeconds() };
    await this.#database.updateTable('projects').set(row).where('id', '=', id).execute();
    return await this.get(id);
  }
}

/** Throws for a project in which nothing may be made any more. */
export function assertActive({ id, status }: Project): void {
  if (status === 'archived')
    throw invalid('project_id', `The project ${id} is archived; nothing in it can be changed.`);
}

const projectOf = (row: Selectable<ProjectsTable>): Project => ({
  object: 'organization.project',
  id: row.id,
  name: row.name === '' ? row.id : row.name,
  created_at: row.created_at,
  archived_at: row.archived_at,
  status: row.archived_at === null ? 'active' : 'archived',
});

/** `Customer Support, 2026` is `customer-support-2026`. */
function idOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '-')
    .replaceAll(/^[-_]+|-+$/g, '')
    .slice(0, 64);
  return isProjectId(plain) ? plain : `project-${randomLetters(8).toLowerCase()}`;
}

const unixSeconds = (): number => Math.floor(Date.now() / 1000);
