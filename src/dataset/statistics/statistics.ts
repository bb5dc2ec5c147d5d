/**
 * Everything there is to know about a training file before anybody trains on it: how much, by whom, how long, how
 * evenly, in which languages, and what is there again and again.
 *
 * One pass. Memory grows a little with the number of rows, and not with their length.
 */

import type { ExampleFormat, Message, Role } from '../../domain/example.ts';
import { openAIEncodings } from '../../text/openai-encoding.ts';
import { LanguageReader } from '../findings/language.ts';
import { partsOf } from '../parts.ts';
import { isError, type Problem } from '../problem.ts';
import { readRows, type Row } from '../rows.ts';
import type { Part } from '../tokens/example-tokens.ts';
import { TokenCounter, type CounterOptions, type Counts } from '../tokens/token-counter.ts';
import type { CountingWay } from '../tokens/ways.ts';
import { labelsOf, type Labels } from './labels.ts';
import { LanguageSample, type Languages } from './languages.ts';
import { modelLimits } from './limits.ts';
import { Repeats, type Repeated } from './repeats.ts';
import { Tally, type Distribution } from './tally.ts';

/** A base model of this machine to count with. */
export interface CountingBase {
  readonly id: string;
  /** Of its GGUF. */
  readonly path: string;
  readonly contextTokens: number;
}

export interface StatisticsOptions extends CounterOptions {
  readonly base?: CountingBase | null;
  readonly signal?: AbortSignal;
  /** Told how many bytes of the file were read so far. */
  readonly onProgress?: (bytes: number) => void;
}

export interface Statistics {
  /** Null when the file has no example. */
  readonly format: ExampleFormat | null;
  /** Rows without errors; only these are counted. */
  readonly examples: number;
  readonly faulty: { readonly rows: number; readonly first: Problem | null };
  /** Rows that are left out because they show images. */
  readonly withImages: number;
  /** Per example: messages, and those among them with which the assistant answers. */
  readonly messages: Distribution | null;
  readonly turns: Distribution | null;
  readonly roles: readonly RoleStatistics[];
  /** Examples without a message of that role. */
  readonly missing: { readonly system: number; readonly user: number };
  /** By OpenAI's encodings, then by the base model. */
  readonly tokens: readonly TokenStatistics[];
  readonly limits: readonly LimitStatistics[];
  readonly labels: Labels | null;
  readonly languages: Languages;
  readonly repeatedPrompts: readonly Repeated[];
  readonly repeatedAnswers: readonly Repeated[];
}

export interface RoleStatistics {
  readonly role: Role;
  /** In which the role speaks. */
  readonly examples: number;
  readonly messages: number;
}

export interface TokenStatistics {
  /** An encoding's name, or the base model's. */
  readonly counter: string;
  /** Examples that the base model's template refuses. */
  readonly refused: number;
  readonly supervised: number;
  readonly context: number;
  readonly perExample: Distribution | null;
  readonly perAnswer: Distribution | null;
  /** Of the examples in which the role speaks. */
  readonly perPart: Readonly<Partial<Record<Part, Distribution>>>;
  /** Each length with how often it occurs. */
  readonly lengths: Tally;
}

export interface LimitStatistics {
  readonly models: readonly string[];
  readonly counter: string;
  readonly tokensMax: number;
  readonly remark: string | null;
  /** Longer examples, and the first few of their lines. */
  readonly over: number;
  readonly lines: readonly number[];
  /** Of one epoch, what is longer cut off. */
  readonly tokens: number;
}

const repeatedShown = 10;
const linesKept = 10;

export async function statisticsOf(path: string, options: StatisticsOptions = {}): Promise<Statistics> {
  const { base = null, signal, onProgress } = options;
  const openAI: readonly CountingWay[] = openAIEncodings.map((encoding) => ({ kind: 'openai', encoding }));
  const ways = base === null ? openAI : [...openAI, { kind: 'base', path: base.path } as const];
  await using counter = await TokenCounter.open(ways, options);
  const survey = new Survey(base, new LanguageSample(await LanguageReader.open()));
  for await (const [row, counts] of counter.countRows(readRows(path, { signal, onProgress }))) {
    signal?.throwIfAborted();
    survey.add(row, counts);
  }
  return survey.statistics();
}

class Survey {
  #format: ExampleFormat | null = null;
  #examples = 0;
  #faulty = 0;
  #firstProblem: Problem | null = null;
  #withImages = 0;
  #missingSystem = 0;
  #missingUser = 0;
  readonly #messages = new Tally();
  readonly #turns = new Tally();
  readonly #roles = new Map<Role, { role: Role; examples: number; messages: number }>();
  readonly #prompts = new Repeats();
  readonly #answers = new Repeats();
  readonly #languages: LanguageSample;
  readonly #counters: readonly CounterSurvey[];

  constructor(base: CountingBase | null, languages: LanguageSample) {
    this.#languages = languages;
    const limitsOf = (name: string) => modelLimits.filter(({ encoding }) => encoding === name);
    const openAI = openAIEncodings.map((name) => new CounterSurvey(name, limitsOf(name)));
    const own = (id: string, tokensMax: number) => new CounterSurvey(id, [{ models: [id], tokensMax, remark: null }]);
    this.#counters = base === null ? openAI : [...openAI, own(base.id, base.contextTokens)];
  }

  add({ line, checked, problems }: Row, counts: Counts | null): void {
    if (checked === null || counts === null) {
      const error = problems.find(isError);
      if (error === undefined) this.#withImages += 1;
      else {
        this.#faulty += 1;
        this.#firstProblem ??= error;
      }
      return;
    }
    this.#format ??= checked.format;
    this.#examples += 1;
    const { prompt, answer, texts } = partsOf(checked);
    if (prompt.trim() !== '') this.#prompts.add(prompt.trim(), line);
    if (answer.trim() !== '') this.#answers.add(answer.trim(), line);
    this.#languages.add(`${prompt}\n${answer}`);
    this.#speakers(texts);
    for (const [i, counter] of this.#counters.entries()) counter.add(line, counts[i]!);
  }

  statistics(): Statistics {
    return {
      format: this.#format,
      examples: this.#examples,
      faulty: { rows: this.#faulty, first: this.#firstProblem },
      withImages: this.#withImages,
      messages: this.#messages.distribution(),
      turns: this.#turns.distribution(),
      roles: [...this.#roles.values()],
      missing: { system: this.#missingSystem, user: this.#missingUser },
      tokens: this.#counters.map((counter) => counter.statistics()),
      limits: this.#counters.flatMap((counter) => counter.limits()),
      labels: labelsOf(this.#answers),
      languages: this.#languages.languages(),
      repeatedPrompts: this.#prompts.most(repeatedShown),
      repeatedAnswers: this.#answers.most(repeatedShown),
    };
  }

  #speakers(messages: readonly Pick<Message, 'role'>[]): void {
    const here = new Map<Role, number>();
    for (const { role } of messages) here.set(role, (here.get(role) ?? 0) + 1);
    for (const [role, count] of here) {
      const entry = this.#roles.get(role) ?? { role, examples: 0, messages: 0 };
      entry.examples += 1;
      entry.messages += count;
      this.#roles.set(role, entry);
    }
    this.#messages.add(messages.length);
    this.#turns.add(here.get('assistant') ?? 0);
    if (!here.has('system') && !here.has('developer')) this.#missingSystem += 1;
    if (!here.has('user')) this.#missingUser += 1;
  }
}

/** What one way of counting found. */
class CounterSurvey {
  readonly #name: string;
  readonly #limits: readonly {
    readonly models: readonly string[];
    readonly tokensMax: number;
    readonly remark: string | null;
    readonly lines: number[];
    over: number;
  }[];
  #refused = 0;
  #supervised = 0;
  readonly #perExample = new Tally();
  readonly #perAnswer = new Tally();
  readonly #perPart = new Map<Part, Tally>();

  constructor(name: string, limits: readonly Pick<LimitStatistics, 'models' | 'tokensMax' | 'remark'>[]) {
    this.#name = name;
    this.#limits = limits.map(({ models, tokensMax, remark }) => ({ models, tokensMax, remark, lines: [], over: 0 }));
  }

  add(line: number, counts: Counts[number]): void {
    if (counts === null) {
      this.#refused += 1;
      return;
    }
    this.#perExample.add(counts.total);
    this.#supervised += counts.supervised;
    for (const answer of counts.answers) this.#perAnswer.add(answer);
    for (const [part, count] of Object.entries(counts.parts) as [Part, number][]) {
      const tally = this.#perPart.get(part) ?? new Tally();
      tally.add(count);
      this.#perPart.set(part, tally);
    }
    for (const limit of this.#limits) {
      if (counts.total <= limit.tokensMax) continue;
      limit.over += 1;
      if (limit.lines.length < linesKept) limit.lines.push(line);
    }
  }

  statistics(): TokenStatistics {
    const perPart = [...this.#perPart].map(([part, tally]) => [part, tally.distribution()!] as const);
    return {
      counter: this.#name,
      refused: this.#refused,
      supervised: this.#supervised,
      context: this.#perExample.total - this.#supervised,
      perExample: this.#perExample.distribution(),
      perAnswer: this.#perAnswer.distribution(),
      perPart: Object.fromEntries(perPart),
      lengths: this.#perExample,
    };
  }

  limits(): LimitStatistics[] {
    return this.#limits.map((limit) => ({
      ...limit,
      counter: this.#name,
      tokens: this.#perExample.sumOf((tokens) => Math.min(limit.tokensMax, tokens)),
    }));
  }
}
