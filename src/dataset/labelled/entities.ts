/**
 * Named entities as an assistant writes them in JSON, and where in the text they are.
 *
 *   by type   {"PER": ["Ada Lovelace"], "LOC": []}      every place of the text that says so
 *   spans     [{"text": "Ada Lovelace", "label": "PER", "start": 0, "end": 12}]
 *             places may be left out: then each span is the next that reads so; the list may lie in {"entities": …}
 *   pairs     [["Ada", "NNP"], ["wrote", "VBD"]]         each the next that reads so
 *
 * An entity begins and ends where words do, as the tokenizer cuts them. What cannot be aligned is told, and the words
 * that it touches teach nothing.
 */

import type { EntityForm } from '../../domain/label.ts';
import { describe, isObject } from '../problem.ts';

export interface Mention {
  readonly label: string;
  /** As it stands in the text; null where only its place is told. */
  readonly text: string | null;
  readonly start: number | null;
  readonly end: number | null;
}

export interface Entities {
  readonly form: EntityForm;
  readonly mentions: readonly Mention[];
}

const textKeys = ['text', 'word', 'entity_text', 'value', 'span', 'token'];
const labelKeys = ['label', 'type', 'entity', 'entity_type', 'tag', 'entity_group', 'category'];
const startKeys = ['start', 'start_offset', 'start_char', 'begin'];
const endKeys = ['end', 'end_offset', 'end_char'];
const wrappers = ['entities', 'spans', 'tokens', 'tags'];

export const plainForm: EntityForm = {
  shape: 'by_type',
  wrapper: null,
  keys: { text: 'text', label: 'label', start: null, end: null },
};

/** What a parsed answer says, or in words why it is no list of entities. */
export function readEntities(value: unknown): Entities | string {
  if (Array.isArray(value)) return readList(value, null);
  if (!isObject(value)) return `${describe(value)} is neither an object with a list per type nor a list of spans`;
  const [only, ...others] = Object.entries(value);
  if (only !== undefined && others.length === 0 && wrappers.includes(only[0]) && Array.isArray(only[1])) {
    if (only[1].every((item) => typeof item !== 'string')) return readList(only[1], only[0]);
  }
  const mentions: Mention[] = [];
  for (const [label, list] of Object.entries(value)) {
    if (!Array.isArray(list)) return `"${label}" is ${describe(list)}; expected a list of texts`;
    for (const text of list) {
      if (typeof text !== 'string' || text.trim() === '')
        return `"${label}" holds ${describe(text)}; expected texts as they stand in the user's message`;
      mentions.push({ label, text, start: null, end: null });
    }
  }
  return { form: plainForm, mentions };
}

function readList(list: readonly unknown[], wrapper: string | null): Entities | string {
  if (list.length > 0 && list.every(isPair)) {
    const mentions = list.map(([text, label]): Mention => ({ label, text, start: null, end: null }));
    return { form: { ...plainForm, shape: 'pairs', wrapper }, mentions };
  }
  const mentions: Mention[] = [];
  let form: EntityForm = { ...plainForm, shape: 'spans', wrapper };
  for (const [i, item] of list.entries()) {
    if (!isObject(item)) return `entity ${i + 1} is ${describe(item)}; expected an object with "text" and "label"`;
    const find = (keys: readonly string[]): string | null => keys.find((key) => key in item) ?? null;
    const keys = { text: find(textKeys), label: find(labelKeys), start: find(startKeys), end: find(endKeys) };
    const label = keys.label === null ? undefined : item[keys.label];
    if (typeof label !== 'string' || label === '') return `entity ${i + 1} has no "label"`;
    const text = keys.text === null ? null : item[keys.text];
    if (text !== null && (typeof text !== 'string' || text.trim() === ''))
      return `the text of entity ${i + 1} is ${describe(text)}`;
    const place = (key: string | null): number | null => (key === null ? null : (item[key] as number));
    const [start, end] = [place(keys.start), place(keys.end)];
    const isPlace = Number.isInteger(start) && Number.isInteger(end) && start! >= 0 && start! < end!;
    if ((start !== null || end !== null) && !isPlace)
      return `entity ${i + 1} goes from ${describe(start)} to ${describe(end)}; expected whole numbers, the end greater`;
    if (text === null && start === null) return `entity ${i + 1} has neither "text" nor "start" and "end"`;
    form = { ...form, keys: { ...keys, label: keys.label! } };
    mentions.push({ label, text, start, end });
  }
  return { form, mentions };
}

const isPair = (item: unknown): item is [string, string] =>
  Array.isArray(item) && item.length === 2 && item.every((part) => typeof part === 'string' && part !== '');

interface Span {
  readonly start: number;
  readonly end: number;
}

/** An entity that covers whole words: from `first` to `last`, both included. */
export interface WordSpan {
  readonly label: string;
  readonly first: number;
  readonly last: number;
}

export interface Alignment {
  readonly spans: readonly WordSpan[];
  /** In words, one for each mention that has no place. */
  readonly faults: readonly string[];
  /** Words that teach nothing, since an entity begins or ends inside of them. */
  readonly unclear: ReadonlySet<number>;
}

/** Where in the text, whose words these are, the entities are. */
export function alignEntities(text: string, words: readonly Span[], { form, mentions }: Entities): Alignment {
  const aligner = new Aligner(text, words);
  if (form.shape === 'by_type') aligner.placeByType(mentions);
  else aligner.placeInOrder(mentions);
  return { spans: aligner.spans.sort((a, b) => a.first - b.first), faults: aligner.faults, unclear: aligner.unclear };
}

class Aligner {
  readonly spans: WordSpan[] = [];
  readonly faults: string[] = [];
  readonly unclear = new Set<number>();
  readonly #text: string;
  readonly #words: readonly Span[];
  readonly #byStart: ReadonlyMap<number, number>;
  readonly #byEnd: ReadonlyMap<number, number>;
  readonly #taken = new Map<number, string>();

  constructor(text: string, words: readonly Span[]) {
    this.#text = text;
    this.#words = words;
    this.#byStart = new Map(words.map(({ start }, i) => [start, i]));
    this.#byEnd = new Map(words.map(({ end }, i) => [end, i]));
  }

  /** Every place that reads like an entity is one; longer ones come first. */
  placeByType(mentions: readonly Mention[]): void {
    const labels = new Map<string, string>();
    for (const { text, label } of mentions) {
      const other = labels.get(text!.trim());
      if (other !== undefined && other !== label)
        this.faults.push(`${quote(text!)} is both ${other} and ${label}; only spans with places can tell them apart`);
      else labels.set(text!.trim(), label);
    }
    const longestFirst = [...labels].sort(([a], [b]) => b.length - a.length);
    for (const [text, label] of longestFirst) {
      let [found, placed, covered] = [0, 0, 0];
      for (const span of this.#places(text, 0)) {
        found += 1;
        const fault = this.#place(span, label);
        if (fault === null) placed += 1;
        else if (fault === 'taken') covered += 1;
      }
      if (found === 0) this.faults.push(`${quote(text)} is not in the user's message`);
      else if (placed === 0 && covered < found) this.faults.push(`${quote(text)} stands only inside of longer words`);
    }
  }

  /** Entities with a place are there; the others are the next that reads so. */
  placeInOrder(mentions: readonly Mention[]): void {
    let from = 0;
    for (const { text, label, start, end } of mentions) {
      if (start !== null) {
        const span = this.#spanAt(start, end!, text);
        if (typeof span === 'string') this.faults.push(span);
        else this.#tell(this.#place(span, label), span);
        continue;
      }
      const trimmed = text!.trim();
      const place = this.#next(trimmed, from) ?? this.#next(trimmed, 0);
      if (place === null) {
        this.faults.push(
          this.#text.includes(trimmed)
            ? `${quote(trimmed)} has no place of its own at the borders of words`
            : `${quote(trimmed)} is not in the user's message`,
        );
        continue;
      }
      this.#place(place, label);
      from = place.end;
    }
  }

  /** Offsets count UTF-16 units, or characters as Python does where the text says so. */
  #spanAt(start: number, end: number, text: string | null): Span | string {
    const found = this.#text.slice(start, end);
    if (end <= this.#text.length && (text === null || found === text)) return trimmed(this.#text, { start, end });
    const characters = Array.from(this.#text);
    if (end <= characters.length && text !== null && characters.slice(start, end).join('') === text) {
      const unitsBefore = characters.slice(0, start).join('').length;
      return trimmed(this.#text, { start: unitsBefore, end: unitsBefore + text.length });
    }
    return end > this.#text.length
      ? `${start} to ${end} lies outside of the user's message, which has ${this.#text.length} characters`
      : `${start} to ${end} reads ${quote(found)}, not ${quote(text!)}`;
  }

  *#places(text: string, from: number): Generator<Span, void> {
    for (let at = this.#text.indexOf(text, from); at >= 0; at = this.#text.indexOf(text, at + 1))
      yield { start: at, end: at + text.length };
  }

  /** The next place at the borders of words that nobody has taken. */
  #next(text: string, from: number): Span | null {
    for (const span of this.#places(text, from)) {
      const [first, last] = [this.#byStart.get(span.start), this.#byEnd.get(span.end)];
      if (first === undefined || last === undefined || this.#takenBetween(first, last)) continue;
      return span;
    }
    return null;
  }

  /** Null when it went well. */
  #place({ start, end }: Span, label: string): 'taken' | 'inside' | null {
    const [first, last] = [this.#byStart.get(start), this.#byEnd.get(end)];
    if (first === undefined || last === undefined) return 'inside';
    if (this.#takenBetween(first, last)) return 'taken';
    for (let i = first; i <= last; i++) this.#taken.set(i, label);
    this.spans.push({ label, first, last });
    return null;
  }

  #takenBetween(first: number, last: number): boolean {
    for (let i = first; i <= last; i++) if (this.#taken.has(i)) return true;
    return false;
  }

  #tell(fault: 'taken' | 'inside' | null, span: Span): void {
    if (fault === null) return;
    const text = quote(this.#text.slice(span.start, span.end));
    this.faults.push(
      fault === 'taken' ? `${text} overlaps an entity before it` : `${text} begins or ends inside of a word`,
    );
    if (fault === 'taken') return;
    for (const [i, { start, end }] of this.#words.entries()) {
      if (start < span.end && end > span.start && !this.#taken.has(i)) this.unclear.add(i);
    }
  }
}

function trimmed(text: string, { start, end }: Span): Span {
  const inside = text.slice(start, end);
  return {
    start: start + inside.length - inside.trimStart().length,
    end: end - (inside.length - inside.trimEnd().length),
  };
}

const quote = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
