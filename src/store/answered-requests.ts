/**
 * What was answered to requests that made something, for those who ask again because the answer was lost.
 *
 * A request is known again by its `Idempotency-Key`, for a day; or, when it says that it is a retry, by being the
 * same to the last byte within a short window. Where it matters the answer is kept in the transaction that makes
 * the thing, so that not even a crash between the two makes it twice; a request still being answered is waited for.
 */

import type { Kysely } from 'kysely';
import { invalid } from '../domain/errors.ts';
import type { Schema } from './schema.ts';

/** As long as a client may have waited for the first answer, and some. */
const retryMs = 15 * 60_000;
const keyMs = 24 * 60 * 60_000;

/** A request as it is known again. */
export interface Mark {
  /** Project and key: nobody is answered with what another has made. */
  readonly scope: string;
  /** Of method, path and content. */
  readonly fingerprint: string;
  readonly idempotencyKey: string | null;
  /** Whether the client says that it asked before. */
  readonly isRetry: boolean;
  readonly arrivedMs: number;
}

export interface Answer {
  readonly status: number;
  /** JSON text. */
  readonly body: string;
}

/** Called in the transaction that makes a thing, with the thing as it is answered. */
export type Alongside<Made> = (rows: Kysely<Schema>, made: Made) => Promise<void>;

interface Underway {
  readonly mark: Mark;
  readonly ended: Promise<Answer | null>;
  end(answer: Answer | null): void;
}

export class AnsweredRequests {
  readonly #database: Kysely<Schema>;
  readonly #underway = new Map<string, Underway>();

  constructor(database: Kysely<Schema>) {
    this.#database = database;
  }

  /** What was answered to this request before; null means that it is new, and `end` must be told its answer. */
  async recall(mark: Mark): Promise<Answer | null> {
    const known = (mark.isRetry || mark.idempotencyKey !== null) && this.#underway.get(nameOf(mark));
    if (known) {
      assertSame(mark, known.mark.fingerprint);
      const answer = await known.ended;
      if (answer !== null) return answer;
    }
    const earlier = await this.#find(mark);
    if (earlier === null) this.#underway.set(nameOf(mark), beginning(mark));
    return earlier;
  }

  /** Keeps the answer; in the transaction that makes what it tells of, if there is one. */
  async keep(mark: Mark, { status, body }: Answer, rows: Kysely<Schema> = this.#database): Promise<void> {
    const { id } = JSON.parse(body) as { id?: string };
    const { scope, fingerprint, idempotencyKey } = mark;
    await rows
      .insertInto('answered_requests')
      .values({
        scope,
        fingerprint,
        idempotency_key: idempotencyKey,
        at_ms: Date.now(),
        object_id: id ?? null,
        status,
        body,
      })
      .execute();
  }

  /** The request is answered; null for an answer that is not to be given again. */
  end(mark: Mark, answer: Answer | null): void {
    const known = this.#underway.get(nameOf(mark));
    if (known?.mark !== mark) return;
    this.#underway.delete(nameOf(mark));
    known.end(answer);
  }

  /** A thing that was deleted is not given again. */
  async forget(objectId: string): Promise<void> {
    await this.#database.deleteFrom('answered_requests').where('object_id', '=', objectId).execute();
  }

  async sweep(): Promise<void> {
    await this.#database
      .deleteFrom('answered_requests')
      .where('at_ms', '<', Date.now() - keyMs)
      .execute();
  }

  async #find(mark: Mark): Promise<Answer | null> {
    const { scope, fingerprint, idempotencyKey, isRetry, arrivedMs } = mark;
    const newest = this.#database
      .selectFrom('answered_requests')
      .select(['fingerprint', 'status', 'body'])
      .where('scope', '=', scope)
      .orderBy('seq', 'desc');
    if (idempotencyKey !== null) {
      const kept = newest.where('idempotency_key', '=', idempotencyKey).where('at_ms', '>', arrivedMs - keyMs);
      const found = await kept.executeTakeFirst();
      if (found !== undefined) assertSame(mark, found.fingerprint);
      return found ?? null;
    }
    if (!isRetry) return null;
    const same = newest.where('fingerprint', '=', fingerprint).where('at_ms', '>', arrivedMs - retryMs);
    return (await same.executeTakeFirst()) ?? null;
  }
}

const nameOf = ({ scope, fingerprint, idempotencyKey }: Mark): string =>
  JSON.stringify([scope, idempotencyKey ?? fingerprint, idempotencyKey === null]);

function beginning(mark: Mark): Underway {
  let end!: (answer: Answer | null) => void;
  const ended = new Promise<Answer | null>((resolve) => (end = resolve));
  return { mark, ended, end };
}

function assertSame({ fingerprint, idempotencyKey }: Mark, other: string): void {
  if (fingerprint === other) return;
  throw invalid(
    null,
    `The Idempotency-Key '${idempotencyKey}' was used for another request within the last day. Use a new key for a new request.`,
    'idempotency_key_reused',
  );
}
