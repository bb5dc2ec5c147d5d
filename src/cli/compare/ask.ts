/** Puts the test to every contender, one after the other: first what needs no model, then models, then endpoints. */

import { join } from 'node:path';
import OpenAI, { NotFoundError } from 'openai';
import type { Answered } from '../../evals/ask.ts';
import { bagOfWords, majority, mostCommon, nearestNeighbour, questionOf } from '../../evals/baselines/baselines.ts';
import type { Contender, Contestant } from '../../evals/compare/compare.ts';
import { priceByName, tokensAtOpenAI } from '../../evals/compare/costs.ts';
import { embedAll } from '../../evals/compare/embed.ts';
import { askedWithShots } from '../../evals/compare/shots.ts';
import { labelsOf, textOf, type Task, type TestItem } from '../../evals/task.ts';
import { isLoopback, type Connection } from '../connection.ts';
import type { Context } from '../context.ts';
import { ask, createdAt } from '../eval.ts';
import { isInterruption, UsageError } from '../outcome.ts';
import type { CompareFlags } from './compare.ts';
import type { Endpoint } from './endpoint.ts';
import type { Gathered } from './gather.ts';

export interface Test {
  readonly connection: Connection;
  readonly gathered: Gathered;
  readonly task: Task;
  readonly labels: readonly string[];
  readonly items: readonly TestItem[];
}

export interface AskedContenders {
  readonly contestants: readonly Contestant[];
  /** Of the test and the training file; empty unless this is a classification. */
  readonly labels: readonly string[];
}

export async function askContenders(context: Context, flags: CompareFlags, test: Test): Promise<AskedContenders> {
  const { gathered, task, items } = test;
  const training = gathered.training?.items ?? null;
  const labels =
    task === 'classification' && training !== null
      ? [...new Set([...test.labels, ...labelsOf(training.map(({ reference }) => textOf(reference)))])]
      : test.labels;
  if (training === null && (flags.baselines || flags.shots.length > 0))
    context.terminal.note('Without a training file (--train) there are no examples to show and no baselines.');
  const endpoints = flags.endpoint.map((endpoint) => ({ endpoint, client: clientFor(context, endpoint) }));
  if (endpoints.some(({ endpoint }) => endpoint.shots > 0) && training === null)
    throw new UsageError('An endpoint with shots needs a training file: --train.');

  const asking = new Asking(context, flags, { ...test, labels }, training);
  // Endpoints first: a key that does not fit is told before an hour of questions here.
  const elsewhere = await askEndpoints(asking, endpoints);
  const cheap = training === null || !flags.baselines ? [] : await baselines(context, flags, test, training);
  const contestants = [...cheap, ...(await askModels(context, flags, test, asking)), ...elsewhere];
  const able = contestants.filter(({ name, answers }) => {
    if (answers.some(({ answer }) => answer !== null)) return true;
    context.terminal.note(`${name} is left out: it answered not one question (${answers[0]?.error ?? 'no reason given'}).`); // prettier-ignore
    return false;
  });
  if (!able.some(({ model }) => model !== null)) throw new Error('No model answered even one question.');
  // Mistakes are shown by what was asked, not by the examples before it.
  const bare = able.map((each) => ({ ...each, answers: each.answers.map((answer, i) => ({ ...answer, ...items[i]! })) })); // prettier-ignore
  return { contestants: bare, labels };
}

/** Bases as they are and with examples, fine-tunes, checkpoints, in this order. */
async function askModels(context: Context, flags: CompareFlags, test: Test, asking: Asking): Promise<Contestant[]> {
  const { namedServer, signal, terminal } = context;
  const { openai } = test.connection;
  const { named, fineTunes, checkpoints, training } = test.gathered;
  const server = namedServer ?? 'this machine';
  const isHere = namedServer === null || isLoopback(namedServer);
  const bases: string[] = [];
  for (const base of test.gathered.bases) {
    if (named.includes(base) || (await isServed(openai, base, signal))) bases.push(base);
    else terminal.note(`${base} is left out: the server does not have it, only what was made of it.`);
  }
  // On our own server a name that does not exist is told before an hour of questions.
  if (namedServer === null) for (const model of named) await openai.models.retrieve(model, { signal });

  const contestants: Contestant[] = [];
  const put = async (contender: Omit<Contender, 'isHere'>): Promise<void> => {
    if (contestants.some(({ name }) => name === contender.name)) return;
    contestants.push(await asking.of({ ...contender, isHere }, openai, server));
  };
  for (const model of bases) {
    await put({ name: `${model}, zero-shot`, kind: 'base', model, shots: 0 });
    for (const wanted of training === null ? [] : flags.shots) {
      const shots = Math.min(wanted, training!.items.length);
      const way = flags.choose === 'diverse' ? '' : ` ${flags.choose}`;
      await put({ name: `${model}, ${shots}-shot${way}`, kind: 'few_shot', model, shots });
    }
  }
  for (const model of fineTunes) await put({ name: model, kind: 'fine_tune', model, shots: 0 });
  for (const model of checkpoints) await put({ name: model, kind: 'checkpoint', model, shots: 0 });
  return contestants;
}

/** A server that does not tell of single models is taken to have it. */
async function isServed(openai: OpenAI, model: string, signal: AbortSignal): Promise<boolean> {
  try {
    await openai.models.retrieve(model, { signal });
    return true;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return error.code !== 'model_not_found';
  }
}

interface Reached {
  readonly endpoint: Endpoint;
  readonly client: OpenAI;
}

async function askEndpoints(asking: Asking, endpoints: readonly Reached[]): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const { endpoint, client } of endpoints) {
    const { model, url, shots } = endpoint;
    const name = `${model} at ${new URL(url).host}${shots > 0 ? `, ${shots}-shot` : ''}`;
    if (contestants.some((each) => each.name === name)) continue;
    contestants.push(await asking.of({ name, kind: 'endpoint', model, shots, isHere: false }, client, url));
  }
  return contestants;
}

function clientFor({ surroundings }: Context, { model, url, key }: Endpoint): OpenAI {
  const apiKey = key === null ? 'none' : surroundings.env[key];
  if (!apiKey)
    throw new UsageError(`The key of ${model} is to be in ${key}, but that environment variable is not set.`);
  return new OpenAI({ baseURL: url, apiKey });
}

class Asking {
  readonly #context: Context;
  readonly #flags: CompareFlags;
  readonly #test: Test;
  readonly #training: readonly TestItem[] | null;

  constructor(context: Context, flags: CompareFlags, test: Test, training: readonly TestItem[] | null) {
    this.#context = context;
    this.#flags = flags;
    this.#test = test;
    this.#training = training;
  }

  async of(contender: Contender, openai: OpenAI, server: string): Promise<Contestant> {
    const { name, shots, isHere } = contender;
    const model = contender.model!;
    const { task, labels } = this.#test;
    const { fresh, maxTokens, concurrency, choose, seed } = this.#flags;
    const { signal } = this.#context;
    const items = shots === 0 ? this.#test.items : askedWithShots(this.#training!, this.#test.items, task, { count: shots, choice: choose, seed }); // prettier-ignore
    const options = {
      concurrency: isHere ? 1 : concurrency,
      ...(fresh !== undefined && { fresh }),
      ...(maxTokens !== undefined && { maxTokens }),
    };
    const before = isHere ? () => wake(openai, model, signal) : undefined;
    const question = { name, openai, model, items, labels: task === 'classification' ? labels : [], server };
    const answers = await ask(this.#context, options, { ...question, ...(before !== undefined && { before }) });
    this.#context.terminal.note(`  ${name}: ${answers.length} answered`);
    return { ...contender, answers, tokensThere: await this.#tokensThere(contender, answers) };
  }

  /** Elsewhere as the server told; from here as OpenAI would have counted. */
  async #tokensThere({ isHere }: Contender, answers: readonly Answered[]): Promise<Contestant['tokensThere']> {
    if (isHere) return await tokensAtOpenAI(answers, priceByName(this.#flags.there)!);
    const answered = answers.filter(({ answer }) => answer !== null);
    const mean = (of: (each: Answered) => number): number => answered.reduce((sum, each) => sum + of(each), 0) / Math.max(1, answered.length); // prettier-ignore
    return { prompt: mean(({ promptTokens }) => promptTokens), answer: mean(({ completionTokens }) => completionTokens) }; // prettier-ignore
  }
}

/** A model that has to be loaded first would make its first answer look slow. What goes wrong is told by the questions. */
async function wake(openai: OpenAI, model: string, signal: AbortSignal): Promise<void> {
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  await openai.chat.completions
    .create({ model, messages, max_completion_tokens: 1 }, { signal })
    .catch((error: unknown) => {
      // prettier-ignore
      if (isInterruption(error)) throw error;
    });
}

async function baselines(
  context: Context,
  flags: CompareFlags,
  { connection, gathered, task, items }: Test,
  training: readonly TestItem[],
): Promise<Contestant[]> {
  const { terminal } = context;
  const common = textOf(mostCommon(training.map(({ reference }) => reference)));
  const name = task === 'classification' ? `always "${common}"` : 'most common answer';
  const plain = { model: null, shots: 0, isHere: true, tokensThere: null };
  const contestants: Contestant[] = [{ ...plain, name, kind: 'majority', answers: majority(training, items) }];
  if (task === 'classification') {
    terminal.live('  bag of words: learning');
    contestants.push({ ...plain, name: 'bag of words', kind: 'bag_of_words', answers: bagOfWords(training, items) });
    terminal.live('');
  }
  const embedder = flags.embeddings ?? gathered.bases[0];
  if (embedder === undefined) {
    terminal.note('No nearest neighbour: no model to embed with; --embeddings names one.');
    return contestants;
  }
  try {
    const answers = await neighbours(context, flags, connection.openai, embedder, training, items);
    contestants.push({ ...plain, name: 'nearest neighbour', kind: 'nearest_neighbour', answers });
    terminal.note(`  nearest neighbour: by embeddings of ${embedder}`);
  } catch (error) {
    if (isInterruption(error)) throw error;
    terminal.note(`No nearest neighbour: ${embedder} gave no embeddings (${(error as Error).message}).`);
  } finally {
    terminal.live('');
  }
  return contestants;
}

/** So many training questions are embedded with one request. */
const batch = 16;

async function neighbours(
  context: Context,
  flags: CompareFlags,
  openai: OpenAI,
  model: string,
  training: readonly TestItem[],
  items: readonly TestItem[],
): Promise<Answered[]> {
  const { terminal, signal, home } = context;
  const server = `${context.namedServer ?? 'this machine'} ${await createdAt(openai, model, signal)}`;
  const memory = { folder: join(home, 'evals', 'answers'), server, fresh: flags.fresh === true };
  const embed = (texts: readonly string[], batch: number, what: string) => {
    const onProgress = (done: number): void => terminal.live(`  nearest neighbour: ${what} ${done}/${texts.length}`);
    return embedAll(openai, model, texts, memory, { signal, batch, onProgress });
  };
  const known = await embed(training.map(questionOf), batch, 'training questions embedded,');
  const asked = await embed(items.map(questionOf), 1, 'questions embedded,');
  return nearestNeighbour(training, known, items, asked);
}
