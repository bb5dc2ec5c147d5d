/**
 * The items of a run, one after the other, from wherever they are: the request itself, a file, or what was stored.
 *
 * A stored answer becomes an item with what was asked (`item.input`) and a sample that is the answer. What does not
 * fit the eval's schema ends the reading with the line that is to blame: half a data source would be judged as if it
 * were whole.
 */

import type { Metadata } from '../../answers/metadata.ts';
import type { StoredCompletion, StoredCompletions, StoredMessage } from '../../answers/stored-completions.ts';
import type { Item, Response } from '../../answers/response.ts';
import type { StoredResponses } from '../../answers/stored-responses.ts';
import type { Eval } from '../../domain/eval.ts';
import { readLines } from '../../formats/jsonl.ts';
import { RunFailure } from './failure.ts';
import { misfit } from './json-schema.ts';
import { itemsMax, type Source } from './request.ts';
import { chatSample, responseSample } from './sample.ts';
import type { AskedMessage } from './template.ts';
import type { Sample } from './sample.ts';

/** An item as it waits for its turn. */
export interface SourceItem {
  readonly item: Readonly<Record<string, unknown>>;
  /** As a file says it. */
  readonly given?: Readonly<Record<string, unknown>>;
  /** As it was stored here. */
  readonly sample?: Sample;
  /** As the run's model said it, kept while slow judges look at it. */
  readonly answered?: Sample;
}

export interface Stores {
  readonly completions: StoredCompletions;
  readonly responses: StoredResponses;
  /** Where a file of the project is, or null. */
  path(fileId: string): Promise<string | null>;
}

type Config = Eval['data_source_config'];

/** Throws a `RunFailure` for what is wrong with the data. */
export async function* readSource(
  source: Source,
  config: Config,
  stores: Stores,
  signal: AbortSignal,
): AsyncGenerator<SourceItem, void> {
  switch (source.type) {
    case 'file_content':
      for (const [i, { item, sample }] of source.content.entries()) {
        const problem = schemaProblem(config, item);
        if (problem !== null) throw new RunFailure('invalid_data_source', `Item ${i}: ${problem}.`);
        yield { item, ...(sample !== undefined && { given: sample }) };
      }
      return;
    case 'file_id':
      yield* fileItems(source.id, config, stores, signal);
      return;
    case 'stored_completions': {
      const { metadata, limit = itemsMax } = source;
      const wanted = { ...source, metadata: { ...configMetadata(config), ...metadata } };
      yield* await newest(stores.completions.newestFirst(source.model ?? null), limit, ({ completion }) =>
        fitsCompletion(completion, wanted),
      ).then((all) => all.map(completionItem));
      return;
    }
    default: {
      const { metadata, limit = itemsMax } = source;
      const wanted = { ...source, metadata: { ...configMetadata(config), ...metadata } };
      yield* await newest(stores.responses.newestFirst(), limit, ({ response }) => fitsResponse(response, wanted)).then(
        (all) => all.map(responseItem),
      );
    }
  }
}

/** What is wrong with an item; evals of stored answers have no schema of the user's. */
export function schemaProblem(config: Config, item: unknown): string | null {
  if (config.type !== 'custom') return null;
  const { properties } = config.schema as { properties?: { item?: unknown } };
  return misfit(properties?.item, item);
}

async function* fileItems(
  id: string,
  config: Config,
  stores: Stores,
  signal: AbortSignal,
): AsyncGenerator<SourceItem, void> {
  const path = await stores.path(id);
  if (path === null) throw new RunFailure('file_not_found', `The file ${id} is not there any more.`);
  let count = 0;
  for await (const { line, text, fault } of readLines(path, { signal })) {
    if (fault === null && text.trim() === '') continue;
    const bad = (problem: string): never => {
      throw new RunFailure('invalid_data_source', `${id}, line ${line}: ${problem}.`);
    };
    if (fault !== null) bad(fault === 'not_utf8' ? 'it is not UTF-8 text' : 'it is too long');
    const { item, sample } = parsedLine(text, bad);
    const problem = schemaProblem(config, item);
    if (problem !== null) bad(problem);
    if (++count > itemsMax) bad(`a run takes at most ${itemsMax} items`);
    yield { item, ...(sample !== undefined && { given: sample }) };
  }
  if (count === 0) throw new RunFailure('invalid_data_source', `The file ${id} holds no items.`);
}

type Line = { item: Record<string, unknown>; sample: Record<string, unknown> | undefined };

function parsedLine(text: string, bad: (problem: string) => never): Line {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad('it is not valid JSON');
  }
  if (!isObject(value) || !isObject(value['item']))
    return bad('it has no item. Expected {"item": {…}}, and "sample" beside it where there are answers already');
  const { item, sample } = value;
  if (sample !== undefined && sample !== null && !isObject(sample)) return bad('its sample is not an object');
  return { item, sample: isObject(sample) ? sample : undefined };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The newest that fit, in the order in which they were made. */
async function newest<Stored>(
  all: AsyncIterable<Stored>,
  limit: number,
  fits: (stored: Stored) => boolean,
): Promise<Stored[]> {
  const found: Stored[] = [];
  for await (const stored of all) {
    if (found.length >= Math.min(limit, itemsMax)) break;
    if (fits(stored)) found.push(stored);
  }
  return found.reverse();
}

interface Filters {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly model?: string | undefined;
  readonly created_after?: number | undefined;
  readonly created_before?: number | undefined;
}

function configMetadata(config: Config): Readonly<Record<string, unknown>> {
  return 'metadata' in config ? (config.metadata ?? {}) : {};
}

const fitsTime = (at: number, { created_after: after, created_before: before }: Filters): boolean =>
  (after === undefined || at > after) && (before === undefined || at < before);

const hasPairs = (metadata: Metadata | null | undefined, wanted: Filters['metadata']): boolean =>
  Object.entries(wanted).every(([key, value]) => metadata?.[key] === value);

const fitsCompletion = ({ created, metadata, model }: StoredCompletion, wanted: Filters): boolean =>
  (wanted.model === undefined || model === wanted.model) &&
  fitsTime(created, wanted) &&
  hasPairs(metadata, wanted.metadata);

type ResponseFilters = Filters & Extract<Source, { type: 'responses' }>;

function fitsResponse(response: Response, wanted: ResponseFilters): boolean {
  const { instructions_search: search, reasoning_effort: effort, temperature, top_p, users, tools } = wanted;
  const names = response.tools.map((tool) => ('name' in tool ? tool.name : tool.type));
  return (
    (response.status === 'completed' || response.status === 'incomplete') &&
    (wanted.model === undefined || response.model === wanted.model) &&
    fitsTime(response.created_at, wanted) &&
    hasPairs(response.metadata, wanted.metadata) &&
    (search === undefined || contains(response.instructions, search)) &&
    (effort === undefined || response.reasoning?.effort === effort) &&
    (temperature === undefined || response.temperature === temperature) &&
    (top_p === undefined || response.top_p === top_p) &&
    (users === undefined || (response.user !== undefined && users.includes(response.user))) &&
    (tools === undefined || tools.every((tool) => names.includes(tool)))
  );
}

const contains = (instructions: Response['instructions'], search: string): boolean =>
  typeof instructions === 'string' && instructions.toLowerCase().includes(search.toLowerCase());

function completionItem(stored: { completion: StoredCompletion; messages: readonly StoredMessage[] }): SourceItem {
  const { completion } = stored;
  const input = stored.messages.map(plainMessage);
  return {
    item: {
      id: completion.id,
      created_at: completion.created,
      model: completion.model,
      metadata: completion.metadata,
      input,
      output: completion.choices.map(({ message }) => message),
    },
    sample: chatSample(input, completion, { isJson: false }),
  };
}

/** A message as it could be sent again: without what only the store knows. */
function plainMessage({
  role,
  content,
  content_parts: _parts,
  id: _id,
  refusal,
  ...rest
}: StoredMessage): AskedMessage {
  return { ...rest, role, content, ...(refusal !== null && refusal !== undefined && { refusal }) };
}

function responseItem({ response, input: items }: { response: Response; input: readonly Item[] }): SourceItem {
  const { instructions } = response;
  const input: AskedMessage[] = [
    ...(typeof instructions === 'string' ? [{ role: 'developer', content: instructions }] : []),
    ...items.flatMap((item) => (item.type === 'message' ? [{ role: item.role, content: textOf(item.content) }] : [])),
  ];
  const wishes = { temperature: response.temperature ?? undefined, top_p: response.top_p ?? undefined, isJson: false };
  return {
    item: {
      id: response.id,
      created_at: response.created_at,
      model: response.model,
      metadata: response.metadata,
      instructions,
      input,
      output: response.output,
    },
    sample: responseSample(input, response, wishes),
  };
}

const textOf = (parts: readonly object[]): string =>
  parts.map((part) => ('text' in part ? String(part.text) : 'refusal' in part ? String(part.refusal) : '')).join('');
