/**
 * What all texts of a file have in common, and what that asks for.
 *
 * Bare text needs to show where a prompt ends and where an answer does: a separator, a space, a stop sequence, the
 * same in every row (the rules of OpenAI's former `prepare_data`). Conversations have a chat template for that, so
 * there the same habits, left over from bare text, are taken away.
 */

import type { ExampleFormat } from '../../domain/example.ts';
import { Fingerprints } from '../fingerprints.ts';
import { isObject } from '../problem.ts';
import { shown, type Ask } from './changes.ts';

const arrow = ' ->';
const separators = ['\n\n###\n\n', '\n\n===\n\n', '\n\n---\n\n', '\n\n===>\n\n', '\n\n--->\n\n'];
const lastSeparator = '\n\n### =>\n\n';
const stops = ['\n', '.', ' END', '***', '+++', '&&&', '$$$', '@@@', '%%%'];
const lastStop = ' [END]';
/** What conversations end in only by an old habit, the longest first. */
const habitualSeparators = [...separators, lastSeparator, arrow].sort((a, b) => b.length - a.length);
const habitualStops = [...stops.filter((stop) => stop !== '.'), lastStop, '###', ' ###', '\n###'].sort(
  (a, b) => b.length - a.length,
);
const promptPrefixMax = 12;
const completionPrefixMin = 5;

/** A text of a row that can be exchanged. */
interface Slot {
  readonly path: string;
  readonly text: string;
  readonly set: (text: string) => void;
}

interface Slots {
  readonly prompts: readonly Slot[];
  readonly answers: readonly Slot[];
}

function slotsOf(row: unknown, format: ExampleFormat): Slots {
  if (!isObject(row)) return { prompts: [], answers: [] };
  const slot = (fields: Record<string, unknown>, key: string, path: string): readonly Slot[] => {
    const text = fields[key];
    return typeof text === 'string' ? [{ path, text, set: (changed) => void (fields[key] = changed) }] : [];
  };
  if (format === 'completion') {
    return { prompts: slot(row, 'prompt', '$.prompt'), answers: slot(row, 'completion', '$.completion') };
  }
  const messages = format === 'chat' && Array.isArray(row['messages']) ? (row['messages'] as unknown[]) : [];
  const of = (role: string): readonly Slot[] =>
    messages.flatMap((message, i) =>
      isObject(message) && message['role'] === role && message['weight'] !== 0
        ? slot(message, 'content', `$.messages[${i}].content`)
        : [],
    );
  return { prompts: of('user'), answers: of('assistant') };
}

/** First look: what sort of task it is, and whether a column is in capitals. */
export class Survey {
  readonly #format: ExampleFormat;
  readonly #distinct = new Fingerprints();
  readonly #letters = { prompts: { upper: 0, lower: 0 }, answers: { upper: 0, lower: 0 } };
  #answers = 0;
  #distinctAnswers = 0;
  #promptLength = 0;

  constructor(format: ExampleFormat) {
    this.#format = format;
  }

  add(row: unknown): void {
    const slots = slotsOf(row, this.#format);
    for (const column of ['prompts', 'answers'] as const) {
      for (const { text } of slots[column]) countLetters(text, this.#letters[column]);
    }
    for (const { text } of slots.prompts) this.#promptLength += text.length;
    for (const { text } of slots.answers) {
      this.#answers += 1;
      if (this.#distinct.add(text, 1) === null) this.#distinctAnswers += 1;
    }
  }

  result(): Task {
    const inCapitals = ({ upper, lower }: { upper: number; lower: number }): boolean => 2 * upper > lower;
    const openEnded = this.#promptLength === 0;
    return {
      kind: openEnded ? 'open-ended' : this.#distinctAnswers < this.#answers / 3 ? 'classification' : 'conditional',
      capitals: { prompts: inCapitals(this.#letters.prompts), answers: inCapitals(this.#letters.answers) },
    };
  }
}

export interface Task {
  readonly kind: 'open-ended' | 'classification' | 'conditional';
  readonly capitals: { readonly prompts: boolean; readonly answers: boolean };
}

function countLetters(text: string, counts: { upper: number; lower: number }): void {
  counts.upper += text.match(/\p{Lu}/gu)?.length ?? 0;
  counts.lower += text.match(/\p{Ll}/gu)?.length ?? 0;
}

/** Writes texts small that are in capitals; before anything is measured that depends on letters. */
export function lowerCase(row: unknown, format: ExampleFormat, { capitals }: Task, ask: Ask): void {
  const slots = slotsOf(row, format);
  for (const column of ['prompts', 'answers'] as const) {
    if (!capitals[column]) continue;
    for (const { path, text, set } of slots[column]) {
      const small = text.toLowerCase();
      if (small !== text && ask('casing', path, shown(text), shown(small))) set(small);
    }
  }
}

/** What all texts of a column begin and end with, and what none of them holds. */
class Ends {
  count = 0;
  prefix = '';
  suffix = '';
  hasNewline = false;
  readonly unused: Set<string>;
  #first = '';
  identical = true;

  constructor(candidates: readonly string[]) {
    this.unused = new Set(candidates);
  }

  add(text: string): void {
    if (this.count++ === 0) [this.#first, this.prefix, this.suffix] = [text, text, text];
    this.identical &&= text === this.#first;
    while (!text.startsWith(this.prefix)) this.prefix = this.prefix.slice(0, -1);
    while (!text.endsWith(this.suffix)) this.suffix = this.suffix.slice(1);
    this.hasNewline ||= text.includes('\n');
    for (const candidate of this.unused) if (text.includes(candidate)) this.unused.delete(candidate);
  }
}

/** What is added to or taken from every text of a file; empty where nothing is. */
export interface Habits {
  readonly separator: string;
  readonly promptPrefix: string;
  readonly answerPrefix: string;
  readonly stop: string;
  /** Bare text: whether answers get the space they lack. Conversations: whether they lose the one they all have. */
  readonly leadingSpace: boolean;
}

/** Second look, at rows of which the first has been applied. */
export class Measure {
  readonly #format: ExampleFormat;
  readonly #prompts = new Ends([arrow, ...separators]);
  readonly #answers = new Ends(stops);

  constructor(format: ExampleFormat) {
    this.#format = format;
  }

  add(row: unknown): void {
    const { prompts, answers } = slotsOf(row, this.#format);
    for (const { text } of prompts) this.#prompts.add(text);
    for (const { text } of answers) this.#answers.add(text);
  }

  /** Whether an answer does not begin with a space, as those of bare text should. */
  get lacksSpace(): boolean {
    return this.#answers.count > 0 && !this.#answers.prefix.startsWith(' ');
  }

  /** Whether several prompts are one and the same, so that nothing tells which answer is wanted. */
  get samePrompts(): boolean {
    return same(this.#prompts);
  }

  get sameAnswers(): boolean {
    return same(this.#answers);
  }

  result(kind: Task['kind']): Habits {
    return this.#format === 'completion' ? this.#wanted(kind) : this.#unwanted();
  }

  #wanted(kind: Task['kind']): Habits {
    const [prompts, answers] = [this.#prompts, this.#answers];
    const lacksSeparator = kind !== 'open-ended' && !prompts.identical && prompts.suffix === '';
    const offered = prompts.hasNewline ? separators : [arrow, ...separators];
    const lacksStop = kind === 'conditional' && !answers.identical && answers.suffix === '';
    const sharedPrompt = prompts.identical ? '' : wholeWords(prompts.prefix);
    const sharedAnswer = answers.identical ? '' : wholeWords(answers.prefix);
    return {
      separator: lacksSeparator ? (offered.find((each) => prompts.unused.has(each)) ?? lastSeparator) : '',
      promptPrefix: sharedPrompt.length > promptPrefixMax ? sharedPrompt : '',
      answerPrefix: sharedAnswer.length >= completionPrefixMin ? sharedAnswer : '',
      stop: lacksStop ? (stops.find((each) => answers.unused.has(each)) ?? lastStop) : '',
      leadingSpace: true,
    };
  }

  #unwanted(): Habits {
    const [prompts, answers] = [this.#prompts, this.#answers];
    const ending = ({ suffix, count }: Ends, habitual: readonly string[]): string =>
      count > 1 ? (habitual.find((each) => suffix.endsWith(each)) ?? '') : '';
    return {
      separator: ending(prompts, habitualSeparators),
      promptPrefix: '',
      answerPrefix: '',
      stop: ending(answers, habitualStops),
      leadingSpace: answers.count > 1 && answers.prefix.startsWith(' '),
    };
  }
}

const same = ({ count, identical, prefix }: Ends): boolean => count > 1 && identical && prefix !== '';

/** A shared beginning up to where the first word differs. */
const wholeWords = (prefix: string): string => prefix.replace(/\S+$/, '');

/** Gives a row the habits of its file, or takes them away. */
export function applyHabits(row: unknown, format: ExampleFormat, habits: Habits, ask: Ask): void {
  const change = format === 'completion' ? addHabits : removeHabits;
  change(slotsOf(row, format), habits, ask);
}

function addHabits({ prompts, answers }: Slots, habits: Habits, ask: Ask): void {
  const { separator, promptPrefix, answerPrefix, stop, leadingSpace } = habits;
  for (const { path, text, set } of prompts) {
    let changed = text;
    if (separator !== '' && ask('separators', path, shown(changed.slice(-20)), shown(changed.slice(-20) + separator)))
      changed += separator;
    if (promptPrefix !== '' && ask('prefixes', path, shown(promptPrefix), 'removed'))
      changed = changed.slice(promptPrefix.length);
    set(changed);
  }
  for (const { path, text, set } of answers) {
    let changed = text;
    if (answerPrefix !== '' && ask('prefixes', path, shown(answerPrefix), 'removed')) {
      changed = (answerPrefix.startsWith(' ') ? ' ' : '') + changed.slice(answerPrefix.length);
    }
    if (stop !== '' && ask('stop-sequences', path, shown(changed.slice(-20)), shown(changed.slice(-20) + stop)))
      changed += stop;
    if (leadingSpace && !changed.startsWith(' ') && ask('leading-spaces', path, shown(changed), shown(` ${changed}`)))
      changed = ` ${changed}`;
    set(changed);
  }
}

function removeHabits({ prompts, answers }: Slots, { separator, stop, leadingSpace }: Habits, ask: Ask): void {
  for (const { path, text, set } of prompts) {
    if (separator !== '' && ask('separators', path, shown(separator), 'removed')) set(text.slice(0, -separator.length));
  }
  for (const { path, text, set } of answers) {
    let changed = text;
    if (stop !== '' && ask('stop-sequences', path, shown(stop), 'removed')) changed = changed.slice(0, -stop.length);
    if (leadingSpace && ask('leading-spaces', path, shown(changed), shown(changed.trimStart())))
      changed = changed.trimStart();
    set(changed);
  }
}
