/**
 * Where in a row the conversation is: a template for each part of it, said by the user or guessed from the names.
 *
 * A wrong guess costs a training run, so only names that leave little doubt are taken, and what was guessed is
 * always shown. With two columns and no known name, the first is the prompt.
 */

import { invalid } from '../../domain/errors.ts';
import { columnsOf, parseTemplate, type Template } from './template.ts';

export interface Slots {
  readonly system: Template | null;
  readonly user: Template;
  readonly assistant: Template | null;
  /** The worse answer of a preference. */
  readonly rejected: Template | null;
}

/** A part of the conversation as the command line has it: a column, or a text with columns in it. */
export interface SlotOptions {
  readonly system?: string | undefined;
  readonly user?: string | undefined;
  readonly assistant?: string | undefined;
  readonly rejected?: string | undefined;
}

export const slotNames = ['system', 'user', 'assistant', 'rejected'] as const;
export type SlotName = (typeof slotNames)[number];

/**
 * Templates for every part that was said or can be guessed; throws when there is no prompt. Without `needsAnswer`
 * only a column that is called so is taken for one.
 */
export function chooseSlots(
  columns: readonly string[],
  said: SlotOptions,
  { ofSource = {}, needsAnswer = true }: { readonly ofSource?: Partial<Slots>; readonly needsAnswer?: boolean } = {},
): Slots {
  const chosen: Partial<Record<SlotName, Template>> = {};
  const taken = new Set<string>();
  const take = (name: SlotName, template: Template | undefined | null): void => {
    if (template === undefined || template === null) return;
    chosen[name] = template;
    for (const column of columnsOf(template)) taken.add(column);
  };
  for (const name of slotNames) if (said[name] !== undefined) take(name, parseSlot(name, said[name], columns));
  for (const name of slotNames) if (chosen[name] === undefined) take(name, ofSource[name]);
  const free = (): string[] => columns.filter((column) => !taken.has(column));
  for (const name of ['rejected', 'assistant', 'system'] as const) {
    if (chosen[name] !== undefined) continue;
    const wanted =
      name === 'assistant' && chosen.rejected !== undefined ? [...preferredNames, ...answerNames] : names[name];
    take(name, columnTemplate(firstOf(free(), wanted)));
  }
  if (chosen.user === undefined) {
    const pair = joined.find((each) => each.columns.every((names) => firstOf(free(), names) !== undefined));
    if (pair !== undefined) take('user', pairTemplate(pair, free()));
    else take('user', columnTemplate(firstOf(free(), promptNames)));
  }
  if (columns.length === 2 && chosen.system === undefined && chosen.rejected === undefined) {
    if (chosen.user === undefined) take('user', columnTemplate(free()[0]));
    if (chosen.assistant === undefined && needsAnswer) take('assistant', columnTemplate(free()[0]));
  }
  if (chosen.user === undefined) throw noPrompt(columns);
  return { system: null, assistant: null, rejected: null, ...chosen, user: chosen.user };
}

/** A column's name alone, or a template whose columns are all there. A system message may be a fixed sentence. */
function parseSlot(name: SlotName, text: string, columns: readonly string[]): Template {
  if (columns.includes(text)) return parseTemplate(`{${text}}`);
  const template = parseTemplate(text);
  const asked = columnsOf(template);
  const unknown = asked.find((column) => !columns.includes(column) && !columns.includes(column.split('.')[0] ?? ''));
  if (unknown !== undefined) throw noColumn(name, unknown, columns);
  if (asked.length === 0 && !(name === 'system' && /\s/.test(text.trim()))) throw noColumn(name, text, columns);
  return template;
}

function noColumn(slot: SlotName, column: string, columns: readonly string[]): Error {
  const known = columns
    .slice(0, 20)
    .map((name) => `"${name}"`)
    .join(', ');
  return invalid(
    null,
    `--${slot} names the column "${column}", which is not there; there are ${known}.`,
    'unknown_column',
  );
}

function noPrompt(columns: readonly string[]): Error {
  const [first = 'question', second = 'answer'] = columns;
  return invalid(
    null,
    `Which column is the prompt? There are ${columns
      .slice(0, 20)
      .map((name) => `"${name}"`)
      .join(', ')}. ` +
      `Say it by column or template, for example --user ${shellWord(`{${first}}`)} --assistant ${shellWord(`{${second}}`)}.`,
    'no_prompt_column',
  );
}

const shellWord = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Column names as they are compared: `Customer-Question` is customerquestion. */
const bare = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');

const firstOf = (columns: readonly string[], wanted: readonly string[]): string | undefined => {
  for (const name of wanted) {
    const found = columns.find((column) => bare(column) === name);
    if (found !== undefined) return found;
  }
  return undefined;
};

const columnTemplate = (column: string | undefined): Template | null =>
  column === undefined ? null : { source: `{${column}}`, parts: [{ column }] };

// Each list in order of preference.
const systemNames = ['system', 'systemprompt', 'systemmessage'];
const promptNames = [
  'prompt', 'question', 'query', 'instruction', 'user', 'userprompt', 'usermessage', 'human', 'request', 'input', 'text',
  'mail', 'email', 'message', 'sentence', 'review', 'comment', 'tweet', 'post', 'ticket', 'article', 'document', 'dialogue',
  'utterance', 'content', 'body', 'description', 'problem', 'source', 'title', 'subject', 'headline',
]; // prettier-ignore
const answerNames = [
  'answer', 'completion', 'response', 'output', 'assistant', 'reply', 'labeltext', 'labelname', 'label', 'labels', 'category',
  'class', 'classification', 'sentiment', 'intent', 'tag', 'topic', 'target', 'solution', 'summary', 'highlights',
  'translation', 'expected', 'expectedoutput', 'correctanswer', 'bestanswer', 'entities', 'result',
]; // prettier-ignore
const preferredNames = ['preferred', 'preferredoutput', 'preferredanswer', 'chosen', 'accepted', 'better'];
const rejectedNames = ['rejected', 'nonpreferred', 'nonpreferredoutput', 'dispreferred', 'worse'];
const names = { system: systemNames, assistant: [...answerNames, ...preferredNames], rejected: rejectedNames };

/** Columns that make a prompt together. */
interface Joined {
  readonly columns: readonly (readonly string[])[];
  readonly join: (first: string, second: string) => string;
}

const joined: readonly Joined[] = [
  {
    columns: [
      ['context', 'passage'],
      ['question', 'query'],
    ],
    join: (a, b) => `${a}\n\n${b}`,
  },
  { columns: [['instruction'], ['input']], join: (a, b) => `${a}\n\n${b}` },
  { columns: [['subject'], ['body', 'text', 'message', 'content']], join: (a, b) => `Subject: ${a}\n\n${b}` },
  {
    columns: [
      ['title', 'headline'],
      ['body', 'text', 'content', 'description', 'abstract'],
    ],
    join: (a, b) => `${a}\n\n${b}`,
  },
  { columns: [['premise'], ['hypothesis']], join: (a, b) => `Premise: ${a}\nHypothesis: ${b}` },
  { columns: [['sentence1'], ['sentence2']], join: (a, b) => `Sentence 1: ${a}\nSentence 2: ${b}` },
];

function pairTemplate({ columns, join }: Joined, free: readonly string[]): Template {
  const [first = '', second = ''] = columns.map((wanted) => firstOf(free, wanted) ?? '');
  return parseTemplate(join(`{${first}}`, `{${second}}`));
}
