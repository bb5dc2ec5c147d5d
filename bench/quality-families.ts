/**
 * `npx tsx bench/quality-families.ts`: how good fine-tunes of every family are on real data, beside what is cheap and
 * beside PyTorch with the same recipe; written into docs/quality.md.
 *
 *   npx tsx bench/quality-families.ts                        all, three seeds: about four hours on two cores
 *   npx tsx bench/quality-families.ts spam-minilm-full tagging-minilm --seeds 1
 *   npx tsx bench/quality-families.ts --small                a few examples each, to see that it works; writes nothing
 *
 * Our models are trained by jobs and asked through the API; one answer is right when it is the label, as it stands. What
 * was measured before is kept in the data folder (`quality/`), so a run that was stopped goes on where it was, and the
 * tables have what is there so far.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { availableParallelism, cpus, homedir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { connect } from '../src/cli/connection.ts';
import { bagOfWords, majority } from '../src/evals/baselines/baselines.ts';
import { askAll, type Answered } from '../src/evals/ask.ts';
import { textOf, type TestItem } from '../src/evals/task.ts';
import { isEncoder } from '../src/families/table.ts';
import { openGguf } from '../src/formats/gguf.ts';
import { toPlan, type ResolvedHyperparameters } from '../src/jobs/plan.ts';
import { BaseModels } from '../src/models/base-models.ts';
import { spamSplits } from '../src/quickstart/spam.ts';
import type { LabelledExample } from '../src/quickstart/labelled.ts';
import { EncoderCodec } from '../src/text/encoder-codec.ts';
import { brownSplits, textOfSentence, type Sentence } from './brown.ts';
import { markdownTable, measuredOn, writeInto } from './page.ts';
import { examplesOf, headFor, setUpPeer, trainPeer, writeTask } from './peer.ts';

const words = process.argv.slice(2);
const small = words.includes('--small');
const seedsAt = words.indexOf('--seeds');
const seedCount = seedsAt < 0 ? (small ? 1 : 3) : Number(words[seedsAt + 1]);
const wanted = words.filter((word, i) => !word.startsWith('--') && i !== seedsAt + (seedsAt < 0 ? 0 : 1));
const home = process.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith');
const folder = join(home, small ? 'quality-small' : 'quality');
const threads = availableParallelism();

/** What is asked, and how many parts of the answers are right. */
interface Task {
  readonly name: 'spam' | 'tagging';
  readonly training: readonly LabelledExample[];
  readonly items: readonly TestItem[];
  /** Parts of an answer that are right, of all that the reference has: one of one for a label. */
  readonly right: (answer: string, item: number) => number;
  readonly parts: readonly number[];
  readonly baselines: () => readonly (readonly [name: string, accuracy: number])[];
}

interface Contest {
  readonly name: string;
  readonly title: string;
  readonly task: Task['name'];
  readonly model: string;
  readonly hyperparameters: Readonly<Record<string, string | number>>;
}

const decoder = { n_epochs: 3, batch_size: 8, train: 'lora', learning_rate: 3e-4 } as const;

const contests: readonly Contest[] = [
  { name: 'spam-minilm-head', title: 'MiniLM, head', task: 'spam', model: 'all-minilm-l6-v2', hyperparameters: { n_epochs: 20, batch_size: 16, train: 'head', learning_rate: 1e-2 } }, // prettier-ignore
  { name: 'spam-minilm-full', title: 'MiniLM, full', task: 'spam', model: 'all-minilm-l6-v2', hyperparameters: { n_epochs: 4, batch_size: 16, train: 'full', learning_rate: 1e-4 } }, // prettier-ignore
  { name: 'spam-smollm2-lora', title: 'SmolLM2-135M, LoRA', task: 'spam', model: 'smollm2-135m-instruct', hyperparameters: decoder }, // prettier-ignore
  { name: 'spam-gemma-lora', title: 'Gemma 3 270M, LoRA', task: 'spam', model: 'gemma-3-270m', hyperparameters: decoder }, // prettier-ignore
  { name: 'tagging-minilm', title: 'MiniLM, full', task: 'tagging', model: 'all-minilm-l6-v2', hyperparameters: { n_epochs: 3, batch_size: 16, train: 'full', learning_rate: 2e-4 } }, // prettier-ignore
];

const sizes = small
  ? { spam: { training: 24, validation: 0, test: 8 }, brown: { training: 40, test: 10 } }
  : { spam: { training: 1000, validation: 100, test: 400 }, brown: { training: 3000, test: 600 } };

function spamTask(): Task {
  const { training, test } = spamSplits(sizes.spam, 7);
  const items = test.map(itemOf);
  const isRight = (answer: string, item: number): number => (answer.trim() === textOf(items[item]!.reference) ? 1 : 0);
  const accuracy = (answers: readonly Answered[]): number =>
    mean(answers.map(({ answer }, i) => (answer === null ? 0 : isRight(textOf(answer), i))));
  return {
    name: 'spam',
    training,
    items,
    right: isRight,
    parts: items.map(() => 1),
    baselines: () => {
      const learnt = training.map(itemOf);
      return [
        ['always the same label', accuracy(majority(learnt, items))],
        ['bag of words, logistic regression', accuracy(bagOfWords(learnt, items))],
      ];
    },
  };
}

function taggingTask(): Task {
  const { training, test } = brownSplits(sizes.brown, 7);
  return {
    name: 'tagging',
    training: training.map(taggedExample),
    items: test.map(taggedExample).map(itemOf),
    right: (answer, item) => wordsRight(spansOf(answer), test[item]!),
    parts: test.map(({ length }) => length),
    baselines: () => tagBaselines(training, test),
  };
}

const itemOf = ({ prompt, label }: LabelledExample, i: number): TestItem => ({
  line: i + 1,
  input: prompt as TestItem['input'],
  reference: { role: 'assistant', content: label },
});

/** Each word is an entity of its own. */
const taggedExample = (sentence: Sentence): LabelledExample => ({
  prompt: [{ role: 'user', content: textOfSentence(sentence) }],
  label: JSON.stringify(sentence.map(({ word, tag, start }) => ({ label: tag, start, end: start + word.length }))),
});

interface Span {
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

function spansOf(answer: string): readonly Span[] {
  try {
    return JSON.parse(answer) as Span[];
  } catch {
    return [];
  }
}

/** A word has the tag of the entity that its first letter is in. */
const wordsRight = (spans: readonly Span[], sentence: Sentence): number =>
  sentence.filter(({ tag, start }) => spans.find((span) => span.start <= start && start < span.end)?.label === tag).length; // prettier-ignore

function tagBaselines(training: readonly Sentence[], test: readonly Sentence[]) {
  const counts = new Map<string, Map<string, number>>();
  const all = new Map<string, number>();
  const add = (tags: Map<string, number>, tag: string) => tags.set(tag, (tags.get(tag) ?? 0) + 1);
  for (const { word, tag } of training.flat()) {
    if (!counts.has(word)) counts.set(word, new Map());
    add(counts.get(word)!, tag);
    add(all, tag);
  }
  const top = (tags: ReadonlyMap<string, number>): string => [...tags].sort(([, a], [, b]) => b - a)[0]![0];
  const common = top(all);
  const known = new Map([...counts].map(([word, tags]) => [word, top(tags)]));
  const share = (guess: (word: string) => string): number =>
    mean(test.flat().map(({ word, tag }) => (guess(word) === tag ? 1 : 0)));
  return [
    [`always ${common}`, share(() => common)],
    ["each word's most frequent tag", share((word) => known.get(word) ?? common)],
  ] as const;
}

/** What one seed came to. */
interface Measured {
  readonly ours: number;
  readonly theirs: number;
  readonly job: string;
}

type House = Awaited<ReturnType<typeof connect>>;

async function measure(house: House, contest: Contest, task: Task, seed: number): Promise<Measured> {
  const kept = join(folder, `${contest.name}-${seed}.json`);
  const before = await readFile(kept, 'utf8').catch(() => null);
  if (before !== null) return JSON.parse(before) as Measured;
  const file = join(folder, `${task.name}-train.jsonl`);
  await writeFile(file, lines(task.training));
  console.error(`${contest.name}, seed ${seed}: a job`);
  const job = await trained(house.openai, contest, file, seed);
  console.error(`${contest.name}, seed ${seed}: ${task.items.length} questions`);
  const ours = await asked(house.openai, job.fine_tuned_model!, task);
  console.error(`${contest.name}, seed ${seed}: ${percent(ours)}; PyTorch`);
  const theirs = await peerScore(contest, task, file, job);
  console.error(`${contest.name}, seed ${seed}: ${percent(theirs)}`);
  const measured = { ours, theirs, job: job.id };
  await writeFile(kept, JSON.stringify(measured));
  return measured;
}

async function trained(openai: OpenAI, { name, model, hyperparameters }: Contest, file: string, seed: number) {
  const suffix = `${name}${small ? '-small' : ''}-${seed}`;
  for await (const job of openai.fineTuning.jobs.list())
    if (job.status === 'succeeded' && job.fine_tuned_model?.split(':')[3] === suffix) return job;
  const uploaded = await openai.files.create({ file: createReadStream(file), purpose: 'fine-tune' });
  const method = { type: 'supervised', supervised: { hyperparameters: { ...hyperparameters, ...(small && { n_epochs: 1 }) } } }; // prettier-ignore
  const body = { model, training_file: uploaded.id, suffix, seed, method };
  let job = await openai.fineTuning.jobs.create(body as OpenAI.FineTuning.JobCreateParams);
  while (!['succeeded', 'failed', 'cancelled'].includes(job.status)) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    job = await openai.fineTuning.jobs.retrieve(job.id);
  }
  if (job.status !== 'succeeded') throw new Error(`${job.id} ${job.status}: ${job.error?.message}`);
  return job;
}

async function asked(openai: OpenAI, model: string, { items, right, parts }: Task): Promise<number> {
  let found = 0;
  let at = 0;
  for await (const { answer, error } of askAll(openai, model, items, { answerTokensMax: 4096 })) {
    if (error !== null) throw new Error(`Question ${at + 1} failed: ${error}`);
    found += right(textOf(answer!), at++);
  }
  return found / sum(parts);
}

/** PyTorch in f32 with the job's own hyper-parameters, order and seed, on the same tokens. */
async function peerScore(contest: Contest, task: Task, file: string, job: OpenAI.FineTuning.FineTuningJob) {
  const base = (await BaseModels.open(home)).find(contest.model)!;
  const head = isEncoder(base) ? await headFor(base.path, file) : null;
  const testFile = join(folder, `${task.name}-test.jsonl`);
  await writeFile(testFile, lines(task.items.map(({ input, reference }) => ({ prompt: input as LabelledExample['prompt'], label: textOf(reference) })))); // prettier-ignore
  const resolved = job.method!.supervised!.hyperparameters as unknown as ResolvedHyperparameters;
  const places = {
    model: { id: base.id, path: base.path, sha256: base.sha256 },
    initialAdapter: null,
    trainingFile: file,
    validationFile: null,
    threads,
    snapshotSeconds: 1000,
  };
  const plan = toPlan({ id: job.id, seed: job.seed }, resolved, places, { head });
  const training = await examplesOf(file, plan, 'training');
  const test = await examplesOf(testFile, { ...plan, tokensMax: 100_000 }, 'validation');
  const taskFile = join(folder, `${contest.name}-peer.json`);
  await writeTask(taskFile, { plan, training, validation: [], test });
  const dots = () => process.stderr.write('.');
  const { answers } = await trainPeer(taskFile, { dtype: 'f32', threads, adapter: null }, dots);
  process.stderr.write('\n');
  if (head === null) return mean(answers!.map((exact) => (exact === true ? 1 : 0)));
  const outputs = answers as readonly (readonly number[])[];
  if (head.task === 'classification') return sum(outputs.map(([best], i) => task.right(head.labels[best!]!, i))) / sum(task.parts); // prettier-ignore
  await using gguf = await openGguf(base.path);
  const codec = EncoderCodec.fromGguf(gguf.metadata);
  const rights = outputs.map((tags, i) => {
    const text = textOf(task.items[i]!.input[0]!);
    const starts = new Map(codec.encode(text, 100_000).words.map(({ start, end, position }) => [position, { start, end }])); // prettier-ignore
    const { positions } = test[i]!.sequences[0]!.judged!;
    const spans = tags.flatMap((tag, k) =>
      tag === 0 ? [] : [{ ...starts.get(positions[k]!)!, label: head.labels[(tag - 1) >> 1]! }],
    );
    return task.right(JSON.stringify(spans), i);
  });
  return sum(rights) / sum(task.parts);
}

const lines = (examples: readonly LabelledExample[]): string =>
  examples
    .map(({ prompt, label }) => `${JSON.stringify({ messages: [...prompt, { role: 'assistant', content: label }] })}\n`)
    .join('');

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const percent = (share: number): string => (100 * share).toFixed(2);

/** The mean of the seeds, and how far they lie apart. */
const shown = (shares: readonly number[]): string =>
  shares.length === 1
    ? percent(shares[0]!)
    : `${percent(mean(shares))} (${percent(Math.min(...shares))}-${percent(Math.max(...shares))})`;

function table(task: Task, rows: ReadonlyMap<Contest, readonly Measured[]>): string {
  const cells = [
    ['', 'accuracy, %', 'PyTorch, same recipe', 'difference', 'seeds'],
    ...task.baselines().map(([name, accuracy]) => [name, percent(accuracy), '', '', '']),
    ...[...rows].map(([{ title, hyperparameters }, measured]) => {
      const [ours, theirs] = [measured.map((each) => each.ours), measured.map((each) => each.theirs)];
      const { n_epochs: epochs, batch_size: batch, learning_rate: rate } = hyperparameters;
      const difference = 100 * (mean(ours) - mean(theirs));
      const name = `**${title}**, ${epochs} epochs of ${batch} at ${rate}`;
      return [name, shown(ours), shown(theirs), `${difference < 0 ? '' : '+'}${difference.toFixed(2)}`, String(measured.length)]; // prettier-ignore
    }),
  ];
  const unit = task.name === 'spam' ? 'mails' : 'words';
  const machine = `${task.training.length} examples to learn from, ${sum(task.parts)} held-out ${unit}. ${measuredOn(cpus()[0]!.model, threads)}`; // prettier-ignore
  return `${markdownTable(cells)}\n\n${machine}`;
}

const unknown = wanted.find((word) => !contests.some(({ name }) => name === word));
if (unknown !== undefined)
  throw new Error(`Found "${unknown}"; there are ${contests.map(({ name }) => name).join(', ')}.`);
await mkdir(folder, { recursive: true });
await setUpPeer();
const bases = await BaseModels.open(home);
for (const taskOf of [spamTask, taggingTask]) {
  const task = taskOf();
  const rows = new Map<Contest, readonly Measured[]>();
  for (const contest of contests.filter(({ task: of }) => of === task.name)) {
    const asks = wanted.length === 0 || wanted.includes(contest.name);
    if (asks) await bases.pull(contest.model);
    const measured: Measured[] = [];
    for (let seed = 1; seed <= seedCount; seed++) {
      if (asks) {
        // A server for each, so that no model stays in memory while PyTorch trains another.
        await using house = await connect({ baseUrl: null, apiKey: null, home, env: process.env, training: true });
        measured.push(await measure(house, contest, task, seed));
      }
    }
    if (measured.length > 0) rows.set(contest, measured);
  }
  if (rows.size === 0) continue;
  const text = table(task, rows);
  console.log(`\n${task.name}\n\n${text}\n`);
  if (!small) await writeInto('quality.md', `families: ${task.name}`, text);
}
