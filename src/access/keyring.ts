/**
 * Who may come in: the operator's keys, and what each of them opens.
 *
 * There are two kinds. Those in TUNESMITH_API_KEYS open the default project and have no limits; those that
 * `tunesmith keys create` makes are rows, with a project and limits of their own, and are kept as SHA-256 only.
 * Without any of either no key is needed. Rows are read at every request, so a key that another process makes or
 * revokes counts from the next one on; and since revoked rows stay, revoking the last key locks the door instead
 * of opening it to everybody.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CompiledQuery, Kysely, Selectable } from 'kysely';
import { invalid, notFound } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import { defaultProject, isProjectId, type Project } from '../domain/project.ts';
import type { TokenFacts } from '../observation/metrics.ts';
import type { ApiKeysTable, Schema } from '../store/schema.ts';
import type { Limits } from './rate-limits.ts';

export interface Access {
  readonly project: string;
  /** The key's id; null where none is needed. */
  readonly key: string | null;
  /** What the key may use per minute; absent for whatever is not a person's request, such as a batch. */
  readonly limits?: Limits;
  /** Told what an answer has cost. */
  readonly onSpent?: (tokens: TokenFacts) => void;
}

/** A key as the operator sees it; its secret is shown once, when it is made. */
export interface ApiKey {
  readonly object: 'organization.project.api_key';
  readonly id: string;
  readonly project_id: string;
  readonly name: string;
  readonly redacted_value: string;
  readonly created_at: number;
  readonly requests_per_minute: number | null;
  readonly tokens_per_minute: number | null;
}

export interface NewKey {
  readonly project: string;
  readonly name: string;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
}

type KeyRow = Selectable<ApiKeysTable>;

export class Keyring {
  readonly #database: Kysely<Schema>;
  readonly #settled: readonly { readonly digest: Buffer; readonly access: Access }[];
  readonly #rows: CompiledQuery<KeyRow>;
  /** Of this house's own work, by project. */
  readonly #inner = new Map<string, { readonly value: string; readonly digest: Buffer; readonly access: Access }>();

  constructor(database: Kysely<Schema>, keysOfSettings: readonly string[] = []) {
    this.#database = database;
    this.#rows = database.selectFrom('api_keys').selectAll().compile();
    this.#settled = keysOfSettings.map((key) => {
      const digest = digestOf(key);
      return { digest, access: { project: defaultProject, key: `key_${digest.toString('hex').slice(0, 24)}` } };
    });
  }

  /** The door as it is now. */
  async look(): Promise<Door> {
    const { rows } = await this.#database.executeQuery(this.#rows);
    const made = rows
      .filter((row) => row.revoked_at === null)
      .map((row) => ({ digest: Buffer.from(row.sha256, 'hex'), access: accessOf(row) }));
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
    this.#inner.set(project, { value, digest: digestOf(value), access: { project, key: null } });
    return value;
  }

  /** Makes a key, and its project with it; from then on requests need one. The secret cannot be had again. */
  async create({ project, name, requestsPerMinute, tokensPerMinute }: NewKey): Promise<ApiKey & { value: string }> {
    assertProjectId(project);
    const value = `sk-tunesmith-${randomBytes(32).toString('base64url')}`;
    const row = {
      id: newId('key'),
      project,
      name,
      sha256: digestOf(value).toString('hex'),
      shown: `${value.slice(0, 17)}…${value.slice(-4)}`,
      created_at: unixSeconds(),
      revoked_at: null,
      requests_per_minute: requestsPerMinute,
      tokens_per_minute: tokensPerMinute,
    };
    await this.#database.transaction().execute(async (rows) => {
      await rows
        .insertInto('projects')
        .values({ id: project, created_at: row.created_at })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await rows.insertInto('api_keys').values(row).execute();
    });
    return { ...keyOf(row), value };
  }

  /** Keys that open something, newest first. */
  async list(project: string | null = null): Promise<ApiKey[]> {
    let query = this.#database.selectFrom('api_keys').selectAll().where('revoked_at', 'is', null);
    if (project !== null) query = query.where('project', '=', project);
    return (await query.orderBy('seq', 'desc').execute()).map(keyOf);
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

  async projects(): Promise<Project[]> {
    const rows = await this.#database.selectFrom('projects').selectAll().orderBy('created_at').orderBy('id').execute();
    return rows.map(({ id, created_at }) => ({ object: 'organization.project', id, created_at }));
  }
}

/** Which keys fit at one moment. */
export class Door {
  /** Whether a key must be shown. */
  readonly locked: boolean;
  readonly #keys: readonly { readonly digest: Buffer; readonly access: Access }[];

  constructor(keys: readonly { readonly digest: Buffer; readonly access: Access }[], locked: boolean) {
    this.#keys = keys;
    this.locked = locked;
  }

  /** What the key opens; null when it does not fit. */
  accessWith(key: string | null): Access | null {
    const fitting = key === null ? null : this.#fitting(digestOf(key));
    return fitting ?? (this.locked ? null : { project: defaultProject, key: null });
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
  limits: { requestsPerMinute: row.requests_per_minute, tokensPerMinute: row.tokens_per_minute },
});

const keyOf = (row: Omit<KeyRow, 'seq'>): ApiKey => ({
  object: 'organization.project.api_key',
  id: row.id,
  project_id: row.project,
  name: row.name,
  redacted_value: row.shown,
  created_at: row.created_at,
  requests_per_minute: row.requests_per_minute,
  tokens_per_minute: row.tokens_per_minute,
});

function assertProjectId(id: string): void {
  if (isProjectId(id)) return;
  throw invalid(
    'project',
    `${JSON.stringify(id)} cannot name a project: up to 64 lower-case letters, digits, dashes and underscores, beginning with a letter or digit.`,
  );
}

const unixSeconds = (): number => Math.floor(Date.now() / 1000);
