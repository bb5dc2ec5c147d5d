/**
 * Browsers that have signed in with a key.
 *
 * A browser gets a random token, of which the house keeps the SHA-256 only, and with whose key it was made: when the
 * key opens nothing any more, neither does the token. Rows outlive restarts; a session ends after thirty days.
 */

import { createHash, randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Schema } from '../store/schema.ts';

export const sessionSeconds = 30 * 24 * 60 * 60;

export class Sessions {
  readonly #database: Kysely<Schema>;

  constructor(database: Kysely<Schema>) {
    this.#database = database;
  }

  /** A token that stands for the key from now on. */
  async create(keyId: string): Promise<{ readonly token: string; readonly expiresAt: number }> {
    const token = randomBytes(32).toString('base64url');
    const createdAt = unixSeconds();
    const expiresAt = createdAt + sessionSeconds;
    await this.#database.deleteFrom('sessions').where('expires_at', '<=', createdAt).execute();
    await this.#database
      .insertInto('sessions')
      .values({ sha256: digestOf(token), key_id: keyId, created_at: createdAt, expires_at: expiresAt })
      .execute();
    return { token, expiresAt };
  }

  /** The key that a token stands for; null when it stands for none, or none any more. */
  async find(token: string): Promise<{ readonly keyId: string; readonly expiresAt: number } | null> {
    const row = await this.#database
      .selectFrom('sessions')
      .select(['key_id', 'expires_at'])
      .where('sha256', '=', digestOf(token))
      .where('expires_at', '>', unixSeconds())
      .executeTakeFirst();
    return row === undefined ? null : { keyId: row.key_id, expiresAt: row.expires_at };
  }

  async end(token: string): Promise<void> {
    await this.#database.deleteFrom('sessions').where('sha256', '=', digestOf(token)).execute();
  }
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');

const unixSeconds = (): number => Math.floor(Date.now() / 1000);
