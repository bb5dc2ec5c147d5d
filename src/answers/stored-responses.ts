/**
 * Responses that are kept for thirty days, with the items they answered.
 *
 * Each has its whole context beside it, so that a conversation goes on from it even when those before are deleted.
 * A response is written when it is made and again when it ends; whoever made it in between is `background.ts`.
 */

import type { Kysely } from 'kysely';
import { invalid, notFound } from '../domain/errors.ts';
import type { Schema } from '../store/schema.ts';
import { announce } from '../webhooks/outbox.ts';
import type { Item, Response, ResponseEvent } from './response.ts';
import { isUnfinished, serverDied } from './response.ts';

const keptSeconds = 30 * 24 * 60 * 60;
/** Rows read at a time. */
const pageRows = 100;

export interface ItemPage {
  readonly after: string | null;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

export class StoredResponses {
  readonly #database: Kysely<Schema>;
  readonly #project: string;

  constructor(database: Kysely<Schema>, project: string) {
    this.#database = database;
    this.#project = project;
  }

  /** `items` are new with this response; `input` is all that it answers. */
  async add(response: Response, input: readonly Item[], items: readonly Item[]): Promise<void> {
    await this.#database.transaction().execute(async (rows) => {
      await rows
        .insertInto('responses')
        .values({
          id: response.id,
          project: this.#project,
          created_at: response.created_at,
          status: response.status,
          object: JSON.stringify(response),
          input: JSON.stringify(input),
          events: null,
        })
        .execute();
      for (const item of [...items, ...response.output])
        await rows.insertInto('response_items').values(this.#itemRow(response.id, item)).execute();
    });
  }

  /** What became of it; a response that was deleted meanwhile stays deleted. */
  async finish(response: Response, events: readonly ResponseEvent[]): Promise<void> {
    await this.#database.transaction().execute(async (rows) => {
      const { numUpdatedRows } = await rows
        .updateTable('responses')
        .set({ status: response.status, object: JSON.stringify(response), events: JSON.stringify(events) })
        .where('id', '=', response.id)
        .where('status', 'in', ['queued', 'in_progress'])
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return;
      await announceEnd(rows, this.#project, response);
      for (const item of response.output)
        await rows.insertInto('response_items').values(this.#itemRow(response.id, item)).execute();
    });
  }

  async find(id: string): Promise<{ response: Response; input: Item[]; events: ResponseEvent[] } | null> {
    const row = await this.#database
      .selectFrom('responses')
      .selectAll()
      .where('project', '=', this.#project)
      .where('id', '=', id)
      .where('created_at', '>', now() - keptSeconds)
      .executeTakeFirst();
    if (row === undefined) return null;
    return {
      response: JSON.parse(row.object) as Response,
      input: JSON.parse(row.input) as Item[],
      events: row.events === null ? [] : (JSON.parse(row.events) as ResponseEvent[]),
    };
  }

  async get(id: string) {
    const found = await this.find(id);
    if (found === null) throw noSuchResponse(id);
    return found;
  }

  /** All of them, with what each answers. */
  async *newestFirst(): AsyncGenerator<{ response: Response; input: Item[] }> {
    for (let last: number | null = null; ;) {
      let query = this.#database
        .selectFrom('responses')
        .select(['seq', 'object', 'input'])
        .where('project', '=', this.#project)
        .where('created_at', '>', now() - keptSeconds)
        .orderBy('seq', 'desc')
        .limit(pageRows);
      if (last !== null) query = query.where('seq', '<', last);
      const rows: { seq: number; object: string; input: string }[] = await query.execute();
      for (const { object, input } of rows)
        yield { response: JSON.parse(object) as Response, input: JSON.parse(input) as Item[] };
      if (rows.length < pageRows) return;
      last = rows.at(-1)!.seq;
    }
  }

  /** An item of any response, by which a request may refer to it. */
  async item(id: string): Promise<Item | null> {
    const row = await this.#database
      .selectFrom('response_items')
      .select('object')
      .where('project', '=', this.#project)
      .where('id', '=', id)
      .executeTakeFirst();
    return row === undefined ? null : (JSON.parse(row.object) as Item);
  }

  /** One more than asked for tells the pager that there is another page. */
  async inputItems(id: string, { after, limit, order }: ItemPage): Promise<Item[]> {
    const { input } = await this.get(id);
    const ordered = order === 'asc' ? input : input.toReversed();
    const start = after === null ? 0 : ordered.findIndex((item) => item.id === after) + 1;
    if (after !== null && start === 0)
      throw invalid('after', `Invalid 'after': response ${id} has no input item '${after}'.`, 'invalid_value');
    return ordered.slice(start, start + limit + 1);
  }

  async delete(id: string): Promise<void> {
    await this.get(id);
    await this.#database.transaction().execute(async (rows) => {
      await rows.deleteFrom('responses').where('id', '=', id).execute();
      await rows.deleteFrom('response_items').where('response_id', '=', id).execute();
    });
  }

  #itemRow(response: string, item: Item) {
    return { id: item.id, project: this.#project, response_id: response, object: JSON.stringify(item) };
  }
}

/** When a house opens, nobody works on a response any more: what was unfinished has failed. */
export async function failUnfinished(database: Kysely<Schema>): Promise<void> {
  const rows = await database
    .selectFrom('responses')
    .select(['id', 'project', 'object'])
    .where('status', 'in', ['queued', 'in_progress'])
    .execute();
  for (const row of rows) {
    const response = JSON.parse(row.object) as Response;
    if (!isUnfinished(response)) continue;
    const failed: Response = { ...response, status: 'failed', error: serverDied };
    await database.transaction().execute(async (rows) => {
      await rows
        .updateTable('responses')
        .set({ status: 'failed', object: JSON.stringify(failed) })
        .where('id', '=', row.id)
        .execute();
      await announceEnd(rows, row.project, failed);
    });
  }
}

/** Whoever asked for a response in the background may be waiting for a webhook. */
async function announceEnd(rows: Kysely<Schema>, project: string, { id, status }: Response): Promise<void> {
  if (status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'incomplete')
    await announce(rows, { project, type: `response.${status}`, about: id });
}

/** Gives back the space of responses that are past their time; says of how many. */
export async function sweepResponses(database: Kysely<Schema>): Promise<number> {
  return database.transaction().execute(async (rows) => {
    const old = rows.selectFrom('responses').where('created_at', '<=', now() - keptSeconds);
    await rows.deleteFrom('response_items').where('response_id', 'in', old.select('id')).execute();
    const { numDeletedRows } = await rows
      .deleteFrom('responses')
      .where('created_at', '<=', now() - keptSeconds)
      .executeTakeFirst();
    return Number(numDeletedRows);
  });
}

export const noSuchResponse = (id: string) => notFound('response_id', `Response with id '${id}' not found.`);

const now = (): number => Math.floor(Date.now() / 1000);
