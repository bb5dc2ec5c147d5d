/** Who a browser is to this server: Tunesmith's own, for its dashboard. */

export interface Session {
  readonly object: 'session';
  /** Whether requests need a key here at all. */
  readonly key_needed: boolean;
  /** Whether this browser may make requests: it has signed in, or need not. */
  readonly signed_in: boolean;
  /** Whose files, jobs and models it sees; null until it has signed in. */
  readonly project: string | null;
  /** Whether it may manage keys, projects and aliases. */
  readonly operator: boolean;
  readonly key_id: string | null;
  readonly key_name: string | null;
  readonly expires_at: number | null;
}
