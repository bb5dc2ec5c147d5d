/**
 * Who may come in: the operator's keys, and what each of them opens.
 *
 * There are two kinds. Those in TUNESMITH_API_KEYS open the default project and have no limits; those that
 * `tunesmith keys create` and the API make are rows, with a project and limits of their own, and are kept as SHA-256
 * only. Without any of either no key is needed. Rows are read at every request, so a key that another process makes or
 * revokes counts from the next one on; and since revoked rows stay, revoking the last key locks the door instead
 * of opening it to everybody.
 *
 * The operator is whoever has the machine: who needs no key, has one of the settings', or an admin key.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CompiledQuery, Kysely, Selectable } from 'kysely';
import type { AdminKey, ApiKey, KeyLimits } from '../domain/api-key.ts';
import { invalid, notFound } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import { defaultProject, isProjectId } from '../domain/project.ts';
import type { TokenFacts } from '../observation/metrics.ts';
import type { ApiKeysTable, Schema } from '../store/schema.ts';
import type { Limits } from './rate-limits.ts';

export interface Access {
  readonly project: string;
  /** The key's id; null where none is needed. */
  readonly key: string | null;
  /** Whether keys, projects and aliases are theirs to manage. */
  readonly operator?: boolean;
  /** What the key may use per minute; absent for whatever is not a person's request, such as a batch. */
  readonly limits?: Limits;
  /** Told what an answer has cost. */
  readonly onSpent?: (tokens: TokenFacts) => void;
}

export interface NewKey {
  readonly project: string;
  readonly name: string;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
}

export interface NewAdminKey {
  readonly name: string;
  readonly project?: string;
  /** Null for a key that does not end. */
  readonly expiresInSeconds: number | null;
}

/** How keys are told apart: those of projects, and those of operators. */
type Kind = 'project' | 'admin';
type KeyRow = Selectable<ApiKeysTable>;
type KnownKey = { readonly digest: Buffer; readonly name: string; readonly access: Access };

/** So often at most it is written down that a key was used. */
const usedEveryMs = 60_000;

export class Keyring {
  readonly #database: Kysely<Schema>;
  readonly #settled: readonly KnownKey[];
  readonly #rows: CompiledQuery<KeyRow & { readonly archived_at: number | null }>;
  /** Of this house's own work, by project. */
  readonly #inner = new Map<string, KnownKey & { readonly value: string }>();
  /** When a use was last written down, by key. */
  readonly #used = new Map<string, number>();

  constructor(database: Kysely<Schema>, keysOfSettings: readonly string[] = []) {
    this.#database = database;
    this.#rows = database
      .selectFrom('api_keys')
      .leftJoin('projects', 'projects.id', 'api_keys.project')
      .selectAll('api_keys')
      .select('projects.archived_at')
      .compile();
    this.#settled = keysOfSettings.map((key) => {
      const digest = digestOf(key);
      const id = `key_${digest.toString('hex').slice(0, 24)}`;
      return { digest, name: 'TUNESMITH_API_KEYS', access: { project: defaultProject, key: id, operator: true } };
    });
  }

  /** The door as it is now. */
  async look(): Promise<Door> {
    const { rows } = await this.#database.executeQuery(this.#rows);
    const now = unixSeconds();
    const made = rows
      .filter((row) => row.revoked_at === null && row.archived_at === null && (row.expires_at ?? Infinity) > now)
      .map((row) => ({ digest: Buffer.from(row.sha256, 'hex'), name: row.name, access: accessOf(row) }));
    return new Door([...this.#settled, ...made, ...this.#inner.values()], this.#settled.length + rows.length > 0);
  }

  /**
   * A key with which this house's own work asks its own server, as the project it works for: without limits, in
   * memory only, gone with the process. It fits where no key is needed too, for otherwise all work would be done
   * as the default project.
   */
  innerKey(project: string): string {
    const known = this.#inner.get(project);
    if (known !== undefined) return known.value;
    const value = `sk-inner-${randomBytes(32).toString('base64url')}`;
    this.#inner.set(project, { value, name: 'inner', digest: digestOf(value), access: { project, key: null } });
    return value;
  }

  /** Makes a key, and its project with it; from then on requests need one. The secret cannot be had again. */
  async create({ project, name, requestsPerMinute, tokensPerMinute }: NewKey): Promise<ApiKey & { value: string }> {
    const limits = { requests_per_minute: requestsPerMinute, tokens_per_minute: tokensPerMinute };
    const { row, value } = await this.#insert({ project, name, admin: 0, expires_at: null, ...limits });
    return { ...keyOf(row), value };
  }

  /** Makes a key whose holder may do what the operator may; from then on requests need one. */
  async createAdmin(wanted: NewAdminKey): Promise<AdminKey & { value: string }> {
    const { name, project = defaultProject, expiresInSeconds } = wanted;
    const expires_at = expiresInSeconds === null ? null : unixSeconds() + expiresInSeconds;
    const limits = { requests_per_minute: null, tokens_per_minute: null };
    const { row, value } = await this.#insert({ project, name, admin: 1, expires_at, ...limits });
    return { ...adminKeyOf(row), value };
  }

  /** Keys that open something, newest first. */
  async list(project: string | null = null): Promise<ApiKey[]> {
    let query = this.#keys('project');
    if (project !== null) query = query.where('project', '=', project);
    return (await query.execute()).map(keyOf);
  }

  async listAdmin(): Promise<AdminKey[]> {
    return (await this.#keys('admin').execute()).map(adminKeyOf);
  }

  async get(id: string, project: string): Promise<ApiKey> {
    const row = await this.#keys('project').where('id', '=', id).where('project', '=', project).executeTakeFirst();
    if (row === undefined) throw noKey(id);
    return keyOf(row);
  }

  async getAdmin(id: string): Promise<AdminKey> {
    const row = await this.#keys('admin').where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw noKey(id);
    return adminKeyOf(row);
  }

  /** What the key may use, and what it is called, from the next request on; what is not named stays. */
  async change(id: string, project: string, changes: Partial<KeyLimits & { readonly name: string }>): Promise<ApiKey> {
    await this.get(id, project);
    if (Object.keys(changes).length > 0)
      await this.#database.updateTable('api_keys').set(changes).where('id', '=', id).execute();
    return await this.get(id, project);
  }

  /** Whoever still uses the key is refused from the next request on. */
  async revoke(id: string): Promise<ApiKey> {
    const row = await this.#database
      .updateTable('api_keys')
      .set({ revoked_at: unixSeconds() })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) throw notFound('id', `There is no key ${id}. See them with: tunesmith keys list`);
    return keyOf(row);
  }

  /** Writes down that a key is in use, once a minute. */
  async used({ key }: Access): Promise<void> {
    const now = performance.now();
    if (key === null || now - (this.#used.get(key) ?? -Infinity) < usedEveryMs) return;
    this.#used.set(key, now);
    await this.#database.updateTable('api_keys').set({ last_used_at: unixSeconds() }).where('id', '=', key).execute();
  }

  /** Newest first. */
  #keys(kind: Kind) {
    return this.#database
      .selectFrom('api_keys')
      .selectAll()
      .where('revoked_at', 'is', null)
      .where('admin', '=', kind === 'admin' ? 1 : 0)
      .orderBy('seq', 'desc');
  }

  async #insert(
    wanted: Pick<KeyRow, 'project' | 'name' | 'admin' | 'expires_at' | 'requests_per_minute' | 'tokens_per_minute'>,
  ): Promise<{ row: KeyRow; value: string }> {
    assertProjectId(wanted.project);
    const value = `sk-tunesmith-${randomBytes(32).toString('base64url')}`;
    const created_at = unixSeconds();
    const row = await this.#database.transaction().execute(async (rows) => {
      await rows
        .insertInto('projects')
        .values({ id: wanted.project, created_at })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return await rows
        .insertInto('api_keys')
        .values({
          ...wanted,
          id: newId('key'),
          sha256: digestOf(value).toString('hex'),
          shown: `${value.slice(0, 17)}…${value.slice(-4)}`,
          created_at,
          revoked_at: null,
          last_used_at: null,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
    });
    return { row, value };
  }
}

/** Which keys fit at one moment. */
export class Door {
  /** Whether a key must be shown. */
  readonly locked: boolean;
  readonly #keys: readonly KnownKey[];

  constructor(keys: readonly KnownKey[], locked: boolean) {
    this.#keys = keys;
    this.locked = locked;
  }

  /** What the key opens; null when it does not fit. */
  accessWith(key: string | null): Access | null {
    const fitting = key === null ? null : this.#fitting(digestOf(key));
    return fitting ?? (this.locked ? null : { project: defaultProject, key: null, operator: true });
  }

  /** A key by its id, for whoever has shown it before; null when it opens nothing any more. */
  keyById(id: string): { readonly name: string; readonly access: Access } | null {
    return this.#keys.find(({ access }) => access.key === id) ?? null;
  }

  /** All of them are compared: the time taken tells nothing about how many there are or how far one matched. */
  #fitting(sent: Buffer): Access | null {
    const [fitting] = this.#keys.filter(({ digest }) => timingSafeEqual(digest, sent));
    return fitting?.access ?? null;
  }
}

const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest();

const accessOf = (row: KeyRow): Access => ({
  project: row.project,
  key: row.id,
  ...(row.admin === 1 && { operator: true }),
  limits: { requestsPerMinute: row.requests_per_minute, tokensPerMinute: row.tokens_per_minute },
});

const keyOf = (row: KeyRow): ApiKey => ({
  object: 'organization.project.api_key',
  id: row.id,
  project_id: row.project,
  name: row.name,
  redacted_value: row.shown,
  created_at: row.created_at,
  last_used_at: row.last_used_at,
  owner: {
    type: 'service_account',
    service_account: { id: row.id, name: row.name, created_at: row.created_at, role: 'member' },
  },
  owner_project_access: 'active',
  requests_per_minute: row.requests_per_minute,
  tokens_per_minute: row.tokens_per_minute,
});

const adminKeyOf = (row: KeyRow): AdminKey => ({
  object: 'organization.admin_api_key',
  id: row.id,
  project_id: row.project,
  name: row.name,
  redacted_value: row.shown,
  created_at: row.created_at,
  last_used_at: row.last_used_at,
  expires_at: row.expires_at,
  owner: {
    type: 'user',
    object: 'organization.user',
    id: row.id,
    name: row.name,
    created_at: row.created_at,
    role: 'owner',
  },
});

const noKey = (id: string) => notFound('key_id', `No such API key: ${id}`);

function assertProjectId(id: string): void {
  if (isProjectId(id)) return;
  throw invalid(
    'project',
    `${JSON.stringify(id)} cannot name a project: up to 64 lower-case letters, digits, dashes and underscores, beginning with a letter or digit.`,
  );
}

const unixSeconds = (): number => Math.floor(Date.now() / 1000);
