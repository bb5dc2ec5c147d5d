/**
 * A Promptfoo configuration as evals: what is asked, of whom, and how answers are judged.
 *
 * Promptfoo judges each test by assertions of its own, an eval all its items by the same criteria; tests whose
 * assertions are of the same kinds become one eval together. Prompts are filled in here, so that an item holds the
 * messages as they are sent. What has no meaning here is left out and named with where it stands.
 */

import { extname } from 'node:path';
import { combinations, combinationsMax } from '../../dataset/convert/sources/promptfoo.ts';
import { invalid, TunesmithError } from '../../domain/errors.ts';
import { convertAssertion, type Converted, type Criterion } from './assertions.ts';
import {
  ConfigFolder,
  isRecord,
  parsed,
  readConfig,
  rendered,
  testsIn,
  type Unsupported,
  type Values,
} from './source.ts';

export interface ImportedPrompt {
  readonly label: string;
}

export interface ImportedProvider {
  readonly model: string;
  readonly label: string;
  /** As `sampling_params` of a run. */
  readonly sampling: Values;
}

/** What Promptfoo asks OpenAI's models with where its configuration says nothing. */
export const usualSampling: Values = { temperature: 0, max_completion_tokens: 1024 };

export interface ImportedEval {
  readonly name: string;
  readonly criteria: (graderModel: string) => Criterion[];
  readonly judged: boolean;
  /** Per prompt, in the order of `prompts`. */
  readonly items: readonly (readonly Values[])[];
}

export interface Imported {
  readonly name: string;
  readonly prompts: readonly ImportedPrompt[];
  readonly providers: readonly ImportedProvider[];
  readonly evals: readonly ImportedEval[];
  readonly tests: number;
  readonly unsupported: readonly Unsupported[];
}

interface Message {
  readonly role: string;
  readonly content: string;
}

interface Prompt extends ImportedPrompt {
  readonly messages: readonly Message[];
  readonly where: string;
}

export async function importPromptfoo(file: string): Promise<Imported> {
  const config = await readConfig(file);
  const importing = new Importing(await ConfigFolder.of(file));
  return importing.run(config, file);
}

class Importing {
  readonly #folder: ConfigFolder;
  readonly #unsupported: Unsupported[] = [];

  constructor(folder: ConfigFolder) {
    this.#folder = folder;
  }

  async run(config: Values, file: string): Promise<Imported> {
    const name = typeof config['description'] === 'string' ? config['description'] : 'Promptfoo';
    for (const field of ['scenarios', 'extensions', 'nunjucksFilters', 'env', 'derivedMetrics', 'redteam', 'sharing'])
      if (config[field] !== undefined) this.#leaveOut(field, 'has no meaning here');
    const prompts = await this.#prompts(config['prompts']);
    const providers = this.#providers(config['providers'] ?? config['targets']);
    const groups = new Map<string, { converted: Converted[]; items: Values[][] }>();
    let tests = 0;
    for (const { test, where } of await this.#tests(config)) {
      const made = await this.#test(test, where, isRecord(config['defaultTest']) ? config['defaultTest'] : {}, prompts);
      if (made === null) continue;
      tests += 1;
      const key = made.converted.map(({ signature }) => signature).join('\n');
      const group = groups.get(key) ?? { converted: made.converted, items: prompts.map(() => []) };
      groups.set(key, group);
      for (const [i, items] of made.items.entries()) group.items[i]!.push(...items);
    }
    if (prompts.length === 0) throw invalid(null, `${file} has no prompt that has a meaning here${this.#why()}`);
    if (groups.size === 0) throw invalid(null, `${file} has no test that has a meaning here${this.#why()}`);
    const evals = [...groups.values()].map(({ converted, items }, i) => ({
      name: groups.size === 1 ? name : `${name} (${i + 1} of ${groups.size})`,
      criteria: (graderModel: string) => converted.map((each, place) => each.criterion(place, graderModel)),
      judged: converted.some(({ judged }) => judged),
      items,
    }));
    return {
      name,
      prompts: prompts.map(({ label }) => ({ label })),
      providers,
      evals,
      tests,
      unsupported: this.#unsupported,
    };
  }

  #leaveOut(where: string, what: string): void {
    this.#unsupported.push({ where, what });
  }

  #why(): string {
    return this.#unsupported.length === 0 ? '.' : `: ${this.#unsupported.map(({ where, what }) => `${where} ${what}`).join('; ')}`; // prettier-ignore
  }

  /** What cannot be is left out with its reason; only faults of the configuration are meant by that. */
  async #orLeaveOut<Found>(where: string, work: () => Promise<Found> | Found): Promise<Found | null> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TunesmithError)) throw error;
      this.#leaveOut(where, error.message.startsWith(where) ? error.message.slice(where.length).replace(/^[:,]? /, '') : error.message); // prettier-ignore
      return null;
    }
  }

  async #prompts(value: unknown): Promise<Prompt[]> {
    const list: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
    const prompts: Prompt[] = [];
    for (const [i, each] of list.entries()) {
      const where = `prompts[${i}]`;
      const found = await this.#orLeaveOut(where, () => this.#prompt(each, where));
      prompts.push(...(found ?? []));
    }
    return prompts;
  }

  async #prompt(value: unknown, where: string): Promise<Prompt[]> {
    const raw = isRecord(value) ? (value['raw'] ?? value['content'] ?? value['id']) : value;
    if (typeof raw !== 'string') throw invalid(null, `${where} is no text.`);
    const label = isRecord(value) && typeof value['label'] === 'string' ? value['label'] : null;
    const texts =
      raw.startsWith('file://') || (/^[\w./-]+\.(txt|md|json|ya?ml)$/.test(raw) && !raw.includes(' '))
        ? await this.#promptFile(raw, where)
        : [raw];
    return texts.map((text, i) => {
      const messages = messagesIn(text, where);
      for (const { content } of messages) rendered(content, {}, where); // what could never be filled in is told now
      return { label: label ?? (texts.length > 1 ? `${raw} ${i + 1}` : shortened(raw)), messages, where };
    });
  }

  async #promptFile(reference: string, where: string): Promise<string[]> {
    const kind = extname(reference).toLowerCase();
    if (!['.txt', '.md', '.json', '.yaml', '.yml', ''].includes(kind))
      throw invalid(null, `${where} names ${reference}; no program is run.`);
    const text = await this.#folder.readText(reference, where);
    return kind === '.txt' ? text.split(/^---\s*$/m).map((each) => each.trim()).filter((each) => each !== '') : [text]; // prettier-ignore
  }

  #providers(value: unknown): ImportedProvider[] {
    const list: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
    return list.flatMap((each, i) => {
      const provider = this.#provider(each, `providers[${i}]`);
      return provider === null ? [] : [provider];
    });
  }

  #provider(value: unknown, where: string): ImportedProvider | null {
    const [only] = isRecord(value) && value['id'] === undefined ? Object.entries(value) : [];
    const said: Values = only === undefined ? (isRecord(value) ? value : { id: value }) : { ...(isRecord(only[1]) ? only[1] : {}), id: only[0] }; // prettier-ignore
    const id = said['id'];
    const [, model] = (typeof id === 'string' ? /^openai:(?:chat:|responses:)?(?!completion:|embedding|assistant|realtime|image|moderation)(.+)$/.exec(id) : null) ?? []; // prettier-ignore
    if (model === undefined) {
      this.#leaveOut(where, `${JSON.stringify(id)} is no model of OpenAI's chat; --model names one of this server`);
      return null;
    }
    const config = isRecord(said['config']) ? said['config'] : {};
    const { omitDefaults, ...wishes } = config;
    const sampling: Record<string, unknown> = omitDefaults === true ? {} : { ...usualSampling };
    for (const [name, setting] of Object.entries(wishes)) {
      const ours = parameters[name];
      if (ours === undefined) this.#leaveOut(`${where}.config.${name}`, 'has no meaning here');
      else if (typeof setting === 'string' && setting.startsWith('file://'))
        this.#leaveOut(`${where}.config.${name}`, 'names a file, which is not read'); // prettier-ignore
      else sampling[ours] = setting;
    }
    return { model, label: typeof said['label'] === 'string' ? said['label'] : model, sampling };
  }

  async #tests(config: Values): Promise<{ test: unknown; where: string }[]> {
    const { tests } = config;
    const list: readonly unknown[] = Array.isArray(tests) ? tests : tests === undefined ? [] : [tests];
    const found: { test: unknown; where: string }[] = [];
    for (const [i, each] of list.entries()) {
      if (typeof each !== 'string') {
        found.push({ test: each, where: `tests[${i}]` });
        continue;
      }
      const inFile = await this.#orLeaveOut(`tests[${i}]`, () => testsIn(this.#folder, each, `tests[${i}]`));
      found.push(...(inFile ?? []).map((test, j) => ({ test, where: `${each}[${j}]` })));
    }
    return found;
  }

  async #test(test: unknown, where: string, shared: Values, prompts: readonly Prompt[]) {
    if (!isRecord(test)) {
      this.#leaveOut(where, 'is no object with "vars"');
      return null;
    }
    for (const [of, values] of [
      [where, test],
      ['defaultTest', shared],
    ] as const)
      for (const field of ['provider', 'providers', 'threshold', 'assertScoringFunction'])
        if (values[field] !== undefined) this.#leaveOutOnce(`${of}.${field}`, 'has no meaning here');
    for (const [of, values] of [
      [where, test],
      ['defaultTest', shared],
    ] as const)
      if (isRecord(values['options']))
        for (const field of Object.keys(values['options']))
          this.#leaveOutOnce(`${of}.options.${field}`, 'has no meaning here');
    return this.#orLeaveOut(where, async () => {
      const vars = await this.#vars({ ...recordIn(shared, 'vars'), ...recordIn(test, 'vars') }, where);
      const combined = combinations(vars)?.map((each): Values => Object.fromEntries(each));
      if (combined === undefined)
        throw invalid(null, `${where} has more than ${combinationsMax} combinations of its variables.`);
      const asserts = [
        ...listIn(test, 'assert').map((each, i) => ({ each, at: `${where}.assert[${i}]` })),
        ...listIn(shared, 'assert').map((each, i) => ({ each, at: `defaultTest.assert[${i}]` })),
      ].flatMap(({ each, at }) => flattened(each, at));
      const converted: Converted[] = [];
      for (const { each, at } of asserts) {
        if (isRecord(each) && each['weight'] !== undefined)
          this.#leaveOutOnce(`${at}.weight`, 'is not kept: every assertion must hold');
        try {
          converted.push(await convertAssertion(each, at, this.#folder));
        } catch (error) {
          if (!(error instanceof TunesmithError)) throw error;
          this.#leaveOutOnce(
            at,
            error.message.slice(error.message.startsWith(at) ? at.length : 0).replace(/^[:,]? /, ''),
          );
        }
      }
      if (converted.length === 0) throw invalid(null, `${where} has no assertion that has a meaning here.`);
      return {
        converted,
        items: prompts.map((prompt) => combined.map((each) => itemOf(prompt, each, converted, where))),
      };
    });
  }

  #leaveOutOnce(where: string, what: string): void {
    if (!this.#unsupported.some((each) => each.where === where)) this.#leaveOut(where, what);
  }

  /** A variable may be the text of a file beside the configuration. */
  async #vars(vars: Values, where: string): Promise<Values> {
    const read: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(vars)) {
      if (typeof value !== 'string' || !value.startsWith('file://')) {
        read[name] = value;
        continue;
      }
      const at = `${where}.vars.${name}`;
      if (!['.txt', '.md', '.json', '.yaml', '.yml'].includes(extname(value).toLowerCase()))
        throw invalid(null, `${at} names ${value}; only texts, JSON and YAML are read, and no program is run.`);
      const text = await this.#folder.readText(value, at);
      read[name] = /\.ya?ml$/.test(value) ? parsed(text, value) : text;
    }
    return read;
  }
}

const parameters: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  top_p: 'top_p',
  seed: 'seed',
  max_tokens: 'max_completion_tokens',
  max_completion_tokens: 'max_completion_tokens',
  response_format: 'response_format',
  tools: 'tools',
  reasoning_effort: 'reasoning_effort',
};

function itemOf(
  { messages, label, where: at }: Prompt,
  vars: Values,
  converted: readonly Converted[],
  where: string,
): Values {
  const filled = messages.map(({ role, content }) => ({ role, content: rendered(content, vars, at) }));
  const expected = converted.map((each, i) => [`a${i}`, expectedWith(each.expected, vars, where)]);
  return { messages: filled, vars, prompt: label, expected: Object.fromEntries(expected) as Values };
}

/** What is expected may name variables as well. */
function expectedWith(value: unknown, vars: Values, where: string): unknown {
  if (typeof value === 'string') return rendered(value, vars, where);
  if (Array.isArray(value)) return value.map((each) => expectedWith(each, vars, where));
  return value;
}

/** A set of assertions is its assertions, as far as all of them must hold. */
function flattened(each: unknown, at: string): { each: unknown; at: string }[] {
  if (!isRecord(each) || each['type'] !== 'assert-set' || each['threshold'] !== undefined) return [{ each, at }];
  return listIn(each, 'assert').map((inner, i) => ({ each: inner, at: `${at}.assert[${i}]` }));
}

/** A list of messages in JSON or YAML, or else what the user says. */
function messagesIn(text: string, where: string): Message[] {
  const value = /^\s*(\[\s*\{|- +\w+:)/.test(text) ? parsed(text, where) : null;
  if (!Array.isArray(value)) return [{ role: 'user', content: text }];
  return value.map((each) => {
    const role: unknown = isRecord(each) ? each['role'] : undefined;
    const content: unknown = isRecord(each) ? each['content'] : undefined;
    if (
      typeof role !== 'string' ||
      !['system', 'developer', 'user', 'assistant'].includes(role) ||
      typeof content !== 'string'
    )
      throw invalid(null, `${where} holds a message that is no text of a system, user or assistant.`);
    return { role, content };
  });
}

const shortened = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
};

const recordIn = (values: Values, name: string): Values => (isRecord(values[name]) ? values[name] : {});
const listIn = (values: Values, name: string): readonly unknown[] => {
  const value = values[name];
  return Array.isArray(value) ? value : [];
};
