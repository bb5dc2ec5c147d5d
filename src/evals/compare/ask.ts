/** Puts the test to every contender, one after the other: first what needs no model, then models, then endpoints. */

import type OpenAI from 'openai';
import { NotFoundError } from 'openai';
import { invalid } from '../../domain/errors.ts';
import type { Answered } from '../ask.ts';
import { askWithProgress, createdAt } from '../ask-with-progress.ts';
import { bagOfWords, majority, mostCommon, nearestNeighbour, questionOf } from '../baselines/baselines.ts';
import { labelsOf, textOf, type Task, type TestItem } from '../task.ts';
import { wasStopped } from '../view.ts';
import type { Contender, Contestant } from './compare.ts';
import { priceByName, tokensAtOpenAI } from './costs.ts';
import { embedAll } from './embed.ts';
import type { Gathered } from './gather.ts';
import { askedWithShots } from './shots.ts';
import type { CompareDesk, CompareWishes, ElsewhereModel } from './wishes.ts';

export interface Test {
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

export async function askContenders(
  desk: CompareDesk,
  wishes: CompareWishes,
  elsewhere: readonly ElsewhereModel[],
  test: Test,
): Promise<AskedContenders> {
  const { gathered, task, items } = test;
  const training = gathered.training?.items ?? null;
  const labels =
    task === 'classification' && training !== null
      ? [...new Set([...test.labels, ...labelsOf(training.map(({ reference }) => textOf(reference)))])]
      : test.labels;
  if (training === null && (wishes.baselines || wishes.shots.length > 0))
    desk.view.note('Without a training file (--train) there are no examples to show and no baselines.');
  if (elsewhere.some(({ shots }) => shots > 0) && training === null)
    throw invalid('train', 'An endpoint with shots needs a training file: --train.');

  const asking = new Asking(desk, wishes, { ...test, labels }, training);
  // Endpoints first: a key that does not fit is told before an hour of questions here.
  const away = await askEndpoints(asking, elsewhere);
  const cheap = training === null || !wishes.baselines ? [] : await baselines(desk, wishes, test, training);
  const contestants = [...cheap, ...(await askModels(desk, wishes, test, asking)), ...away];
  const able = contestants.filter(({ name, answers }) => {
    if (answers.some(({ answer }) => answer !== null)) return true;
    desk.view.note(`${name} is left out: it answered not one question (${answers[0]?.error ?? 'no reason given'}).`); // prettier-ignore
    return false;
  });
  if (!able.some(({ model }) => model !== null)) throw new Error('No model answered even one question.');
  // Mistakes are shown by what was asked, not by the examples before it.
  const bare = able.map((each) => ({ ...each, answers: each.answers.map((answer, i) => ({ ...answer, ...items[i]! })) })); // prettier-ignore
  return { contestants: bare, labels };
}

/** Bases as they are and with examples, fine-tunes, checkpoints, in this order. */
async function askModels(desk: CompareDesk, wishes: CompareWishes, test: Test, asking: Asking): Promise<Contestant[]> {
  const { openai, server, isHere, isOurs, signal, view } = desk;
  const { named, fineTunes, checkpoints, training } = test.gathered;
  const bases: string[] = [];
  for (const base of test.gathered.bases) {
    if (named.includes(base) || (await isServed(openai, base, signal))) bases.push(base);
    else view.note(`${base} is left out: the server does not have it, only what was made of it.`);
  }
  // On our own server a name that does not exist is told before an hour of questions.
  if (isOurs) for (const model of named) await openai.models.retrieve(model, { signal });

  const contestants: Contestant[] = [];
  const put = async (contender: Omit<Contender, 'isHere'>): Promise<void> => {
    if (contestants.some(({ name }) => name === contender.name)) return;
    contestants.push(await asking.of({ ...contender, isHere }, openai, server));
  };
  for (const model of bases) {
    await put({ name: `${model}, zero-shot`, kind: 'base', model, shots: 0 });
    for (const wanted of training === null ? [] : wishes.shots) {
      const shots = Math.min(wanted, training!.items.length);
      const way = wishes.choose === 'diverse' ? '' : ` ${wishes.choose}`;
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

async function askEndpoints(asking: Asking, endpoints: readonly ElsewhereModel[]): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const { model, url, shots, client } of endpoints) {
    const name = `${model} at ${new URL(url).host}${shots > 0 ? `, ${shots}-shot` : ''}`;
    if (contestants.some((each) => each.name === name)) continue;
    contestants.push(await asking.of({ name, kind: 'endpoint', model, shots, isHere: false }, client, url));
  }
  return contestants;
}

class Asking {
  readonly #desk: CompareDesk;
  readonly #wishes: CompareWishes;
  readonly #test: Test;
  readonly #training: readonly TestItem[] | null;

  constructor(desk: CompareDesk, wishes: CompareWishes, test: Test, training: readonly TestItem[] | null) {
    this.#desk = desk;
    this.#wishes = wishes;
    this.#test = test;
    this.#training = training;
  }

  async of(contender: Contender, openai: OpenAI, server: string): Promise<Contestant> {
    const { name, shots, isHere } = contender;
    const model = contender.model!;
    const { task, labels } = this.#test;
    const { fresh, maxTokens, concurrency, choose, seed } = this.#wishes;
    const { signal } = this.#desk;
    const items = shots === 0 ? this.#test.items : askedWithShots(this.#training!, this.#test.items, task, { count: shots, choice: choose, seed }); // prettier-ignore
    const options = {
      concurrency: isHere ? 1 : concurrency,
      ...(fresh !== undefined && { fresh }),
      ...(maxTokens !== undefined && { maxTokens }),
    };
    const before = isHere ? () => wake(openai, model, signal) : undefined;
    const question = { name, openai, model, items, labels: task === 'classification' ? labels : [], server };
    const answers = await askWithProgress(this.#desk, options, {
      ...question,
      ...(before !== undefined && { before }),
    });
    this.#desk.view.note(`  ${name}: ${answers.length} answered`);
    return { ...contender, answers, tokensThere: await this.#tokensThere(contender, answers) };
  }

  /** Elsewhere as the server told; from here as OpenAI would have counted. */
  async #tokensThere({ isHere }: Contender, answers: readonly Answered[]): Promise<Contestant['tokensThere']> {
    if (isHere) return await tokensAtOpenAI(answers, priceByName(this.#wishes.there)!);
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
      if (wasStopped(error)) throw error;
    });
}

async function baselines(
  desk: CompareDesk,
  wishes: CompareWishes,
  { gathered, task, items }: Test,
  training: readonly TestItem[],
): Promise<Contestant[]> {
  const { view } = desk;
  const common = textOf(mostCommon(training.map(({ reference }) => reference)));
  const name = task === 'classification' ? `always "${common}"` : 'most common answer';
  const plain = { model: null, shots: 0, isHere: true, tokensThere: null };
  const contestants: Contestant[] = [{ ...plain, name, kind: 'majority', answers: majority(training, items) }];
  if (task === 'classification') {
    view.live('  bag of words: learning');
    contestants.push({ ...plain, name: 'bag of words', kind: 'bag_of_words', answers: bagOfWords(training, items) });
    view.live('');
  }
  const embedder = wishes.embeddings ?? gathered.bases[0];
  if (embedder === undefined) {
    view.note('No nearest neighbour: no model to embed with; --embeddings names one.');
    return contestants;
  }
  try {
    const answers = await neighbours(desk, wishes, embedder, training, items);
    contestants.push({ ...plain, name: 'nearest neighbour', kind: 'nearest_neighbour', answers });
    view.note(`  nearest neighbour: by embeddings of ${embedder}`);
  } catch (error) {
    if (wasStopped(error)) throw error;
    view.note(`No nearest neighbour: ${embedder} gave no embeddings (${(error as Error).message}).`);
  } finally {
    view.live('');
  }
  return contestants;
}

/** So many training questions are embedded with one request. */
const batch = 16;

async function neighbours(
  { openai, server: named, answersFolder, view, signal }: CompareDesk,
  { fresh }: CompareWishes,
  model: string,
  training: readonly TestItem[],
  items: readonly TestItem[],
): Promise<Answered[]> {
  const server = `${named} ${await createdAt(openai, model, signal)}`;
  const memory = { folder: answersFolder, server, fresh: fresh === true };
  const embed = (texts: readonly string[], batch: number, what: string) => {
    const onProgress = (done: number): void => view.live(`  nearest neighbour: ${what} ${done}/${texts.length}`);
    return embedAll(openai, model, texts, memory, { signal, batch, onProgress });
  };
  const known = await embed(training.map(questionOf), batch, 'training questions embedded,');
  const asked = await embed(items.map(questionOf), 1, 'questions embedded,');
  return nearestNeighbour(training, known, items, asked);
}
