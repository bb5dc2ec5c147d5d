/** Puts the test to every contender, one after the other: first what needs no model, then models, then endpoints. */

import { join } from 'node:path';
import OpenAI from 'openai';
import type { Answered } from '../../evals/ask.ts';
import { bagOfWords, majority, mostCommon, nearestNeighbour, questionOf } from '../../evals/baselines/baselines.ts';
import type { Contender, Contestant } from '../../evals/compare/compare.ts';
import { priceByName, tokensAtOpenAI } from '../../evals/compare/costs.ts';
import { embedAll } from '../../evals/compare/embed.ts';
import { askedWithShots } from '../../evals/compare/shots.ts';
import { labelsOf, textOf, type Task, type TestItem } from '../../evals/task.ts';
import type { Connection } from '../connection.ts';
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

  const contestants: Contestant[] = [];
  const done = (contestant: Contestant): void => void contestants.push(contestant);
  if (training !== null && flags.baselines) await baselines(context, flags, test, training, done);

  const asking = new Asking(context, flags, { ...test, labels }, training);
  const { openai } = test.connection;
  const server = context.namedServer ?? 'this machine';
  const { bases, fineTunes, checkpoints } = gathered;
  const models = [...bases, ...fineTunes, ...checkpoints];
  // On our own server a name that does not exist is told before an hour of questions.
  if (context.namedServer === null) for (const model of models) await openai.models.retrieve(model, { signal: context.signal }); // prettier-ignore
  for (const base of bases) {
    done(await asking.of({ name: `${base}, zero-shot`, kind: 'base', model: base, shots: 0 }, openai, server));
    if (training === null) continue;
    for (const shots of flags.shots) {
      const count = Math.min(shots, training.length);
      const name = `${base}, ${count}-shot${flags.choose === 'diverse' ? '' : ` ${flags.choose}`}`;
      if (contestants.some((each) => each.name === name)) continue;
      done(await asking.of({ name, kind: 'few_shot', model: base, shots: count }, openai, server));
    }
  }
  for (const model of fineTunes) done(await asking.of({ name: model, kind: 'fine_tune', model, shots: 0 }, openai, server)); // prettier-ignore
  for (const model of checkpoints) done(await asking.of({ name: model, kind: 'checkpoint', model, shots: 0 }, openai, server)); // prettier-ignore
  for (const { endpoint, client } of endpoints) {
    const { model, url, shots } = endpoint;
    const name = `${model} at ${new URL(url).host}${shots > 0 ? `, ${shots}-shot` : ''}`;
    if (contestants.some((each) => each.name === name)) continue;
    done(await asking.of({ name, kind: 'endpoint', model, shots }, client, url));
  }
  const nobody = contestants.find(({ answers }) => answers.every(({ answer }) => answer === null));
  if (nobody !== undefined)
    throw new Error(`${nobody.name} answered not one question: ${nobody.answers[0]?.error ?? 'the server gave no reason'}`); // prettier-ignore
  // Mistakes are shown by what was asked, not by the examples before it.
  const bare = contestants.map((each) => ({ ...each, answers: each.answers.map((answer, i) => ({ ...answer, ...items[i]! })) })); // prettier-ignore
  return { contestants: bare, labels };
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
    const { name, kind, shots } = contender;
    const model = contender.model!;
    const { task, labels } = this.#test;
    const { fresh, maxTokens, concurrency, choose, seed } = this.#flags;
    const { signal } = this.#context;
    const isElsewhere = kind === 'endpoint';
    const items = shots === 0 ? this.#test.items : askedWithShots(this.#training!, this.#test.items, task, { count: shots, choice: choose, seed }); // prettier-ignore
    const options = {
      concurrency: isElsewhere ? concurrency : 1,
      ...(fresh !== undefined && { fresh }),
      ...(maxTokens !== undefined && { maxTokens }),
    };
    const before = isElsewhere ? undefined : () => wake(openai, model, signal);
    const question = { name, openai, model, items, labels: task === 'classification' ? labels : [], server };
    const answers = await ask(this.#context, options, { ...question, ...(before !== undefined && { before }) });
    return { ...contender, answers, tokensThere: await this.#tokensThere(contender, answers) };
  }

  /** Elsewhere as the endpoint told; from here as OpenAI would have counted. */
  async #tokensThere({ kind }: Contender, answers: readonly Answered[]): Promise<Contestant['tokensThere']> {
    if (kind !== 'endpoint') return await tokensAtOpenAI(answers, priceByName(this.#flags.there)!);
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
  done: (contestant: Contestant) => void,
): Promise<void> {
  const { terminal } = context;
  const common = textOf(mostCommon(training.map(({ reference }) => reference)));
  const name = task === 'classification' ? `always "${common}"` : 'most common answer';
  const plain = { model: null, shots: 0, tokensThere: null };
  done({ ...plain, name, kind: 'majority', answers: majority(training, items) });
  if (task === 'classification') {
    terminal.live('  bag of words: learning');
    done({ ...plain, name: 'bag of words', kind: 'bag_of_words', answers: bagOfWords(training, items) });
    terminal.live('');
  }
  const embedder = flags.embeddings ?? gathered.bases[0];
  if (embedder === undefined) {
    terminal.note('No nearest neighbour: no model to embed with; --embeddings names one.');
    return;
  }
  try {
    const answers = await neighbours(context, flags, connection.openai, embedder, training, items);
    done({ ...plain, name: 'nearest neighbour', kind: 'nearest_neighbour', model: embedder, answers });
  } catch (error) {
    if (isInterruption(error)) throw error;
    terminal.note(`No nearest neighbour: ${embedder} gave no embeddings (${(error as Error).message}).`);
  } finally {
    terminal.live('');
  }
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
