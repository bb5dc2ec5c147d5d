/**
 * JSON: an object per line, or one list of objects, read one object at a time; or one object with such a list in it.
 */

import { readLines } from '../../../formats/jsonl.ts';
import {
  isForbiddenName,
  unreadable,
  type Fields,
  type ReadingOptions,
  type Source,
  type SourceRow,
} from '../source.ts';
import { readStart, readText, readWhole } from './text.ts';

/** Of a file that is one object; lists and lines have no limit but that of one element. */
const wholeBytesMax = 128 << 20;
const elementLettersMax = 64 << 20;
const depthMax = 500;

export async function openJson(path: string, { from, encoding }: ReadingOptions): Promise<Source> {
  const start = (await readStart(path, encoding)).trimStart();
  if (start.startsWith('[')) return { kind: 'JSON, a list', rows: (signal) => readList(path, encoding, signal) };
  if (from === 'jsonl' || hasObjectPerLine(start)) {
    return { kind: 'JSONL', rows: (signal) => readObjectLines(path, signal) };
  }
  const rows = listInside(path, parseWhole(path, await readWhole(path, wholeBytesMax, { encoding })));
  return {
    kind: `JSON, the list "${rows.name}"`,
    async *rows() {
      for (const [i, value] of rows.list.entries()) yield toRow(`element ${i + 1}`, value);
    },
  };
}

function hasObjectPerLine(start: string): boolean {
  const [first = '', ...rest] = start.split('\n');
  if (rest.every((line) => line.trim() === ''))
    return first.trimEnd().endsWith('}') && !/^\{\s*"[^"]*"\s*:\s*\[/.test(first);
  try {
    JSON.parse(first);
    return true;
  } catch {
    return false;
  }
}

async function* readObjectLines(path: string, signal: AbortSignal | undefined): AsyncGenerator<SourceRow, void> {
  await readStart(path, undefined, 1); // archives and the like are named for what they are
  for await (const { line, text, fault } of readLines(path, signal === undefined ? {} : { signal })) {
    const place = `line ${line}`;
    if (fault !== null) {
      yield { place, fields: null, fault: fault === 'not_utf8' ? 'it is not UTF-8 text' : 'it is longer than 64 MB' };
    } else if (text.trim() !== '') yield parseRow(place, text);
  }
}

/** The elements of one long list, found by following brackets and quotes, each parsed for itself. */
async function* readList(
  path: string,
  encoding: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceRow, void> {
  const splitter = new ListSplitter(path);
  let count = 0;
  for await (const piece of readText(path, { encoding, signal })) {
    for (const text of splitter.feed(piece)) yield parseRow(`element ${++count}`, text);
  }
  splitter.end();
}

/** Cuts the text of a JSON list into its elements; says where nothing of a list can stand. */
class ListSplitter {
  readonly #path: string;
  #element = '';
  #depth = 0;
  #inString = false;
  #escaped = false;
  #line = 1;
  /** 'open' before the list, 'element' inside, 'closed' behind it. */
  #state: 'open' | 'element' | 'closed' = 'open';

  constructor(path: string) {
    this.#path = path;
  }

  *feed(piece: string): Generator<string, void> {
    let start = 0;
    for (let i = 0; i < piece.length; i++) {
      const letter = piece.charCodeAt(i);
      if (letter === 10) this.#line++;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (letter === 92) this.#escaped = true;
        else if (letter === 34) this.#inString = false;
        continue;
      }
      if (this.#state === 'open') {
        if (letter === 91) [this.#state, this.#depth, start] = ['element', 1, i + 1];
        continue;
      }
      if (this.#state === 'closed') {
        if (letter > 32) throw unreadable(this.#path, `line ${this.#line}: something follows the end of the list.`);
        continue;
      }
      if (letter === 34) this.#inString = true;
      else if (letter === 91 || letter === 123) this.#deeper();
      else if (letter === 93 || letter === 125) {
        this.#depth--;
        if (this.#depth === 0) this.#state = 'closed';
      }
      if ((letter === 44 && this.#depth === 1) || this.#state === 'closed') {
        const text = this.#element + piece.slice(start, i);
        this.#element = '';
        start = i + 1;
        if (text.trim() !== '' || letter === 44) yield text;
      }
    }
    if (this.#state === 'element') this.#element += piece.slice(start);
    if (this.#element.length > elementLettersMax)
      throw unreadable(this.#path, `line ${this.#line}: an element is longer than ${elementLettersMax >> 20} MB.`);
  }

  #deeper(): void {
    this.#depth++;
    if (this.#depth > depthMax)
      throw unreadable(this.#path, `line ${this.#line}: brackets are nested more than ${depthMax} deep.`);
  }

  end(): void {
    if (this.#state !== 'closed')
      throw unreadable(this.#path, `the list is never closed; the file ends on line ${this.#line}, cut off.`);
  }
}

function parseRow(place: string, text: string): SourceRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { place, fields: null, fault: `it is not JSON (${(error as Error).message.slice(0, 120)})` };
  }
  return toRow(place, value);
}

export function toRow(place: string, value: unknown): SourceRow {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { place, fields: null, fault: `it is ${JSON.stringify(value)?.slice(0, 40)}, and an object was expected` };
  const fields: Fields = new Map(Object.entries(value));
  const forbidden = [...fields.keys()].find(isForbiddenName);
  if (forbidden !== undefined) return { place, fields: null, fault: `it has a field "${forbidden}", which is refused` };
  return { place, fields, fault: null };
}

function parseWhole(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(path, `is not JSON (${(error as Error).message.slice(0, 120)}).`);
  }
}

/** `{"data": [{…}, …]}` and the like: the longest list of objects directly inside; else the object is the only row. */
function listInside(path: string, value: unknown): { readonly name: string; readonly list: readonly unknown[] } {
  if (typeof value !== 'object' || value === null)
    throw unreadable(path, 'is one bare value; a list of objects, or an object per line, was expected.');
  const lists = Object.entries(value)
    .filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]))
    .filter(([, list]) => list.length > 0 && list.every((each) => typeof each === 'object' && each !== null))
    .sort(([, a], [, b]) => b.length - a.length);
  const [longest] = lists;
  const isExample = ['messages', 'conversations', 'conversation'].includes(longest?.[0] ?? '');
  return longest === undefined || isExample
    ? { name: 'of one object', list: [value] }
    : { name: longest[0], list: longest[1] };
}
