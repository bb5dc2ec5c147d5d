/**
 * A project: whose files, jobs, models, completions and everything else it is. Nothing of one is there for another.
 *
 * In the shape of OpenAI's administration API. Its id is a short name, so that it can be typed on a command line.
 */

export interface Project {
  readonly object: 'organization.project';
  readonly id: string;
  readonly name: string;
  readonly created_at: number;
  /** From then on its keys open nothing; what it has stays. */
  readonly archived_at: number | null;
  readonly status: 'active' | 'archived';
}

/** The project of whoever needs no key, and of keys made without naming one. */
export const defaultProject = 'default';

export const isProjectId = (id: string): boolean => /^[a-z0-9][a-z0-9_-]{0,63}$/.test(id);
