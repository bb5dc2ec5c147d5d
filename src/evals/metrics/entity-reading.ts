/**
 * Entities as models write them: tags per token (BIO, BIOES, BILOU), or JSON.
 *
 * Tags are read the forgiving way that seqeval has by default: an inside tag that continues nothing begins an entity.
 */

import type { Entity } from './entities.ts';

/** Entities in places of tokens. What is not tagged (too few tags) is outside. */
export function entitiesOfTags(tags: readonly string[]): Entity[] {
  const entities: Entity[] = [];
  let open = null as { label: string; start: number } | null;
  let continues = false;
  const close = (end: number): void => {
    if (open !== null) entities.push({ ...open, end });
    open = null;
  };
  for (const [i, tag] of tags.entries()) {
    const [part, label] = readTag(tag);
    const inside = part === 'inside' || part === 'end';
    if (!(inside && continues && open?.label === label)) {
      close(i);
      if (part !== 'outside') open = { label, start: i };
    }
    continues = part === 'begin' || part === 'inside';
  }
  close(tags.length);
  return entities;
}

type Part = 'begin' | 'inside' | 'end' | 'single' | 'outside';

const parts: Readonly<Record<string, Part>> = {
  B: 'begin',
  I: 'inside',
  M: 'inside',
  E: 'end',
  L: 'end',
  S: 'single',
  U: 'single',
  O: 'outside',
};

/** `B-PER` as where in an entity of which label; an unknown letter is inside one. */
function readTag(tag: string): [Part, label: string] {
  const [letter = 'O'] = tag;
  const label = tag.slice(1).replace(/^-/, '');
  return [parts[letter.toUpperCase()] ?? 'inside', label === '' ? '_' : label];
}

const labelNames = ['label', 'type', 'entity_group', 'entity_type', 'entity', 'category', 'tag'];
const textNames = ['text', 'value', 'word', 'span', 'name', 'mention', 'surface'];
const startNames = ['start', 'begin', 'start_offset'];
const endNames = ['end', 'stop', 'end_offset'];

/**
 * Entities of a JSON answer; null when it holds none in a form that is known:
 *
 *   [{"label": "PER", "text": "Ada", "start": 0, "end": 3}, …]      places may be absent, names may be the usual others
 *   {"entities": […]}                                             the same, wrapped
 *   {"PER": ["Ada", "Alan"], "LOC": "London", "ORG": null}        texts by label
 */
export function entitiesOfJson(value: unknown): Entity[] | null {
  if (Array.isArray(value)) {
    const entities = value.map(entityOf);
    return entities.includes(null) ? null : (entities as Entity[]);
  }
  if (!isObject(value)) return null;
  if (Array.isArray(value['entities'])) return entitiesOfJson(value['entities']);
  const entities: Entity[] = [];
  for (const [label, texts] of Object.entries(value)) {
    for (const text of Array.isArray(texts) ? (texts as unknown[]) : [texts]) {
      if (text === null || text === '') continue;
      if (typeof text !== 'string' && typeof text !== 'number' && typeof text !== 'boolean') return null;
      entities.push({ label, text: String(text) });
    }
  }
  return entities;
}

function entityOf(value: unknown): Entity | null {
  if (!isObject(value)) return null;
  const first = <T>(names: readonly string[], fits: (each: unknown) => each is T): T | undefined =>
    names.map((name) => (Object.hasOwn(value, name) ? value[name] : undefined)).find(fits);
  const isText = (each: unknown): each is string => typeof each === 'string';
  const isPlace = (each: unknown): each is number => typeof each === 'number' && Number.isFinite(each);
  const label = first(labelNames, isText);
  const [text, start, end] = [first(textNames, isText), first(startNames, isPlace), first(endNames, isPlace)];
  if (label === undefined || (text === undefined && (start === undefined || end === undefined))) return null;
  return { label, text, start, end };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
