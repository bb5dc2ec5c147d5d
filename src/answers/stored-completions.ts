/**
 * Chat completions that their caller asked to keep, with the messages they answered.
 *
 * Nothing here expires: they are the raw material of a training file, and their owner deletes them.
 */

import type { Kysely } from 'kysely';
import type OpenAI from 'openai';
import { invalid, notFound } from '../domain/errors.ts';
import type { Schema } from '../store/schema.ts';
import type { Metadata } from './metadata.ts';

export type StoredCompletion = OpenAI.ChatCompletion & { readonly metadata: Metadata };

/** As they were sent; an assistant's own may be without content. */
export type StoredMessage = Omit<OpenAI.Chat.ChatCompletionStoreMessage, 'role'> & { readonly role: string };

export interface Page {
  readonly after: string | null;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

export interface CompletionQuery extends Page {
  readonly model: string | null;
  /** Only completions with all of these pairs. */
  readonly metadata: Metadata;
}

/** Rows read at a time while a metadata filter looks for its completions. */
const batchSize = 200;

export class StoredCompletions {
  readonly #database: Kysely<Schema>;
  readonly #project: string;

  constructor(database: Kysely<Schema>, project: string) {
    this.#database = database;
    this.#project = project;
  }

  async add(completion: StoredCompletion, messages: readonly StoredMessage[]): Promise<void> {
    await this.#database
      .insertInto('completions')
      .values({
        id: completion.id,
        project: this.#project,
        created_at: completion.created,
        model: completion.model,
        object: JSON.stringify(completion),
        messages: JSON.stringify(messages),
      })
      .execute();
  }

  async get(id: string): Promise<StoredCompletion> {
    return JSON.parse((await this.#row(id)).object) as StoredCompletion;
  }

  /** One more than asked for tells the pager that there is another page. */
  async list({ model, metadata, after, limit, order }: CompletionQuery): Promise<StoredCompletion[]> {
    let last = after === null ? null : (await this.#cursor(after)).seq;
    const found: StoredCompletion[] = [];
    for (;;) {
      let query = this.#mine().select(['seq', 'object']).orderBy('seq', order).limit(batchSize);
      if (model !== null) query = query.where('model', '=', model);
      if (last !== null) query = query.where('seq', order === 'asc' ? '>' : '<', last);
      const rows = await query.execute();
      const completions = rows.map(({ object }) => JSON.parse(object) as StoredCompletion);
      found.push(...completions.filter((completion) => hasPairs(completion.metadata, metadata)));
      if (rows.length < batchSize || found.length > limit) return found.slice(0, limit + 1);
      last = rows.at(-1)!.seq;
    }
  }

  /** All of them, with what was said before each. */
  async *newestFirst(
    model: string | null,
  ): AsyncGenerator<{ completion: StoredCompletion; messages: StoredMessage[] }> {
    for (let last: number | null = null; ;) {
      let query = this.#mine().select(['seq', 'object', 'messages']).orderBy('seq', 'desc').limit(batchSize);
      if (model !== null) query = query.where('model', '=', model);
      if (last !== null) query = query.where('seq', '<', last);
      const rows: { seq: number; object: string; messages: string }[] = await query.execute();
      for (const { object, messages } of rows)
        yield {
          completion: JSON.parse(object) as StoredCompletion,
          messages: JSON.parse(messages) as StoredMessage[],
        };
      if (rows.length < batchSize) return;
      last = rows.at(-1)!.seq;
    }
  }

  /** What was said before the answer. */
  async messages(id: string, { after, limit, order }: Page): Promise<StoredMessage[]> {
    const said = JSON.parse((await this.#row(id)).messages) as StoredMessage[];
    const ordered = order === 'asc' ? said : said.toReversed();
    const start = after === null ? 0 : ordered.findIndex((message) => message.id === after) + 1;
    if (after !== null && start === 0) throw noCursor(after);
    return ordered.slice(start, start + limit + 1);
  }

  async update(id: string, metadata: Metadata): Promise<StoredCompletion> {
    const completion = { ...(await this.get(id)), metadata };
    await this.#database
      .updateTable('completions')
      .set({ object: JSON.stringify(completion) })
      .where('id', '=', id)
      .execute();
    return completion;
  }

  async delete(id: string): Promise<void> {
    await this.#row(id);
    await this.#database.deleteFrom('completions').where('id', '=', id).execute();
  }

  #mine() {
    return this.#database.selectFrom('completions').where('project', '=', this.#project);
  }

  async #row(id: string) {
    const row = await this.#mine().selectAll().where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw notFound('completion_id', `Chat completion with id '${id}' not found.`);
    return row;
  }

  async #cursor(id: string) {
    const row = await this.#mine().select('seq').where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw noCursor(id);
    return row;
  }
}

const noCursor = (id: string) =>
  invalid('after', `Invalid 'after': there is nothing with the id '${id}' here.`, 'invalid_value');

const hasPairs = (metadata: Metadata, wanted: Metadata): boolean =>
  Object.entries(wanted).every(([key, value]) => metadata[key] === value);
