/**
 * A project: whose files, jobs, models, completions and everything else it is. Nothing of one is there for another.
 *
 * OpenAI's project objects belong to its administration; here a project is little more than its name, which is its id.
 */

export interface Project {
  readonly object: 'organization.project';
  readonly id: string;
  readonly created_at: number;
}

/** The project of whoever needs no key, and of keys made without naming one. */
export const defaultProject = 'default';

export const isProjectId = (id: string): boolean => /^[a-z0-9][a-z0-9_-]{0,63}$/.test(id);
