/**
 * Keys as the operator sees them, in the shapes of OpenAI's administration API. A key's secret is shown once, when
 * it is made.
 *
 * Here nobody has an account: a key belongs to its project, like those of OpenAI's service accounts. An admin key is
 * one whose holder may do what the operator may.
 */

import type OpenAI from 'openai';

type OfficialKey = OpenAI.Admin.Organization.Projects.ProjectAPIKey;
type OfficialAdminKey = OpenAI.Admin.Organization.AdminAPIKey;

export interface ApiKey extends OfficialKey {
  /** Ours: the project that it opens. */
  readonly project_id: string;
  /** Ours; null for as many as come. */
  readonly requests_per_minute: number | null;
  readonly tokens_per_minute: number | null;
}

export interface AdminKey extends OfficialAdminKey {
  readonly name: string;
  readonly last_used_at: number | null;
  /** Ours: whose files, jobs and models it sees. */
  readonly project_id: string;
}

/** What a key may use per minute; null for as much as it likes. */
export interface KeyLimits {
  readonly requests_per_minute: number | null;
  readonly tokens_per_minute: number | null;
}
