/**
 * Promptfoo: test cases (variables and what is expected of the answer), with the prompt that they are put into.
 *
 * A configuration has both, in YAML or JSON; a test file, also as CSV, only the cases. What is expected becomes the
 * answer where it is one (equals, contains, similar, …); rubrics and programs say how an answer is judged, not what
 * it is, and leave the row without one.
 */

import { parse as parseYaml } from 'yaml';
import { unreadable, type Fields, type ReadingOptions, type Source, type SourceRow } from '../source.ts';
import type { Slots } from '../slots.ts';
import { asText, parseTemplate } from '../template.ts';
import { readWhole } from './text.ts';

/** What the YAML parser takes in seconds. */
const bytesMax = 8 << 20;
/** Combinations of one case whose variables are lists. */
export const combinationsMax = 1000;

type Values = Readonly<Record<string, unknown>>;

export async function openPromptfoo(path: string, { encoding }: ReadingOptions): Promise<Source> {
  const text = await readWhole(path, bytesMax, { encoding });
  const config = parse(path, text);
  const cases = Array.isArray(config) ? config : isRecord(config) ? config['tests'] : undefined;
  if (typeof cases === 'string')
    throw unreadable(path, `its tests are in another file (${cases}); convert that one, with --user for the prompt.`);
  if (!Array.isArray(cases)) throw unreadable(path, 'has no list "tests", and is no list of test cases itself.');
  const shared = isRecord(config) ? recordIn(config, 'defaultTest') : {};
  const prompt = isRecord(config) ? inlinePrompt(config['prompts']) : null;
  return {
    kind: `Promptfoo, ${cases.length} test cases`,
    slots: { ...prompt, assistant: parseTemplate('{expected}') },
    async *rows() {
      for (const [i, each] of cases.entries()) yield* caseRows(`test ${i + 1}`, each, shared);
    },
  };
}

/** Expansion of aliases is limited by the parser: a few lines of YAML can name billions of values. */
function parse(path: string, text: string): unknown {
  try {
    return parseYaml(text, { maxAliasCount: 100 });
  } catch (error) {
    throw unreadable(path, `is not YAML or JSON (${(error as Error).message.split('\n')[0]}).`);
  }
}

function caseRows(place: string, value: unknown, shared: Values): SourceRow[] {
  const faulty = (fault: string): SourceRow[] => [{ place, fields: null, fault }];
  if (typeof value === 'string') return faulty(`it refers to another file (${value})`);
  if (!isRecord(value)) return faulty('it is no object with "vars"');
  const asserts = [...listIn(value, 'assert'), ...listIn(shared, 'assert')].filter(isRecord);
  const combined = combinations({ ...recordIn(shared, 'vars'), ...recordIn(value, 'vars') });
  if (combined === null) return faulty(`its variables have more than ${combinationsMax} combinations`);
  return combined.map((fields) => {
    fields.set('expected', expectedAnswer(asserts) ?? '');
    if (typeof value['description'] === 'string') fields.set('description', value['description']);
    return { place, fields, fault: null };
  });
}

/** A variable that is a list stands for a case per element; null where that makes too many. */
export function combinations(vars: Values): Map<string, unknown>[] | null {
  let rows: Map<string, unknown>[] = [new Map()];
  for (const [name, value] of Object.entries(vars)) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (rows.length * values.length > combinationsMax) return null;
    rows = rows.flatMap((row) => values.map((each) => new Map([...row, [name, each]])));
  }
  return rows;
}

/** Assertions whose value is an answer, the nearest to one first. */
const answering = [
  'equals',
  'is-equal',
  'similar',
  'contains-json',
  'contains',
  'icontains',
  'starts-with',
  'contains-all',
  'contains-any',
];

function expectedAnswer(asserts: readonly Values[]): string | null {
  const [best] = asserts
    .map((assert) => ({ rank: answering.indexOf(asText(assert['type'])), value: assert['value'] }))
    .filter(({ rank, value }) => rank >= 0 && value !== undefined && !asText(value).startsWith('file://'))
    .sort((a, b) => a.rank - b.rank);
  if (best === undefined) return null;
  return asText(Array.isArray(best.value) ? best.value[0] : best.value);
}

/** Assertions that judge an answer and do not tell it. */
const judging = ['fn', 'eval', 'grade', 'javascript', 'python', 'regex', 'is-json', 'llm-rubric', 'factuality', 'webhook', 'latency', 'cost', 'file']; // prettier-ignore

/** A CSV test file: its variables, and the answer that its `__expected` columns tell. */
export function fromTestColumns(source: Source): Source {
  return {
    kind: `${source.kind}, Promptfoo's test cases`,
    slots: { assistant: parseTemplate('{expected}') },
    async *rows(signal) {
      for await (const row of source.rows(signal)) {
        if (row.fields === null) yield row;
        else yield { ...row, fields: testColumns(row.fields) };
      }
    },
  };
}

function testColumns(fields: Fields): Fields {
  const asserts: Values[] = [];
  const vars = new Map<string, unknown>();
  for (const [name, value] of fields) {
    if (/^__expected\d*$/.test(name)) asserts.push(parseAssertion(asText(value)));
    else if (!name.startsWith('__')) vars.set(name, value);
  }
  return vars.set('expected', expectedAnswer(asserts) ?? '');
}

/** `Paris`, `equals: Paris`, `similar(0.8): Paris`. */
function parseAssertion(text: string): Values {
  const [, not, type = '', value] = /^\s*(not-)?([a-z-]+)(?:\([^)]*\))?:\s*([\s\S]*)$/.exec(text) ?? [];
  if (not !== undefined || judging.includes(type)) return { type };
  return answering.includes(type) ? { type, value } : { type: 'equals', value: text };
}

/** The first prompt that stands in the file itself: a text, or a list of messages as JSON. */
function inlinePrompt(prompts: unknown): Partial<Slots> | null {
  const list: readonly unknown[] = Array.isArray(prompts) ? prompts : [prompts];
  const first = list
    .map((each) => (isRecord(each) ? (each['raw'] ?? each['content']) : each))
    .find((each) => typeof each === 'string' && !each.startsWith('file://'));
  if (typeof first !== 'string') return null;
  const messages = messagesIn(first);
  if (messages === null) return { user: variables(first) };
  const of = (role: string): string | undefined => {
    const content = messages.find((message) => message['role'] === role)?.['content'];
    return typeof content === 'string' ? content : undefined;
  };
  const [system, user] = [of('system'), of('user')];
  if (user === undefined) return null;
  return { user: variables(user), ...(system === undefined ? {} : { system: variables(system) }) };
}

function messagesIn(prompt: string): Values[] | null {
  if (!/^\s*(\[|- )/.test(prompt)) return null;
  try {
    const value: unknown = parseYaml(prompt, { maxAliasCount: 100 });
    return Array.isArray(value) && value.every(isRecord) ? value : null;
  } catch {
    return null;
  }
}

/** Its `{{name}}` is our `{name}`, and its braces are braces. */
function variables(prompt: string): Slots['user'] {
  const parts = prompt.split(/\{\{\s*([\w.]+)\s*\}\}/);
  const source = parts.map((part, i) => (i % 2 === 1 ? `{${part}}` : part.replaceAll(/[{}]/g, '$&$&')));
  return parseTemplate(source.join(''));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const recordIn = (values: Values, name: string): Values => {
  const value = values[name];
  return isRecord(value) ? value : {};
};

const listIn = (values: Values, name: string): readonly unknown[] => {
  const value = values[name];
  return Array.isArray(value) ? value : [];
};
