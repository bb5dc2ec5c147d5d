/**
 * `npx tsx bench/quality-families.ts`: how good fine-tunes of every family are on real data, beside what is cheap and
 * beside PyTorch with the same recipe; written into docs/quality.md.
 *
 *   npx tsx bench/quality-families.ts                        all that is not measured yet, three seeds
 *   npx tsx bench/quality-families.ts spam-minilm-full tagging-minilm --seeds 1
 *   npx tsx bench/quality-families.ts --only ours            without PyTorch, whose part can be measured later
 *   npx tsx bench/quality-families.ts tables                 measures nothing, writes the tables anew
 *   npx tsx bench/quality-families.ts spam-minilm-full --choose --set learning_rate=5e-5 --set n_epochs=3
 *                                                            a recipe on the validation set; writes nothing
 *   npx tsx bench/quality-families.ts --small                a few examples each, to see that it works; writes nothing
 *
 * Our models are trained by jobs and asked through the API. Every measurement is a line of
 * bench/results/quality-families.jsonl, and the tables have what is there so far.
 */

import { createReadStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type OpenAI from 'openai';
import { connect } from '../src/cli/connection.ts';
import { askAll } from '../src/evals/ask.ts';
import { textOf } from '../src/evals/task.ts';
import { isEncoder } from '../src/families/table.ts';
import { openGguf } from '../src/formats/gguf.ts';
import { toPlan, type ResolvedHyperparameters } from '../src/jobs/plan.ts';
import { BaseModels } from '../src/models/base-models.ts';
import { toJsonl } from '../src/quickstart/labelled.ts';
import { EncoderCodec } from '../src/text/encoder-codec.ts';
import { fingerprintOf, Results, type Result } from './families/results.ts';
import { openTask, taskNames, type Task } from './families/tasks.ts';
import { markdownTable, measuredOn, writeInto } from './page.ts';
import { examplesOf, headFor, setUpPeer, trainPeer, writeOurFirstAdapter, writeTask } from './peer.ts';

interface Contest {
  readonly name: string;
  readonly title: string;
  readonly task: Task['name'];
  readonly model: string;
  readonly hyperparameters: Readonly<Record<string, string | number>>;
  /** The contest whose runs of PyTorch are this one's too: PyTorch never rounds the base. */
  readonly peer?: string;
}

const decoder = { n_epochs: 1, batch_size: 8, train: 'lora', learning_rate: 3e-4 } as const;

/** Cheapest first. */
const contests: readonly Contest[] = [
  { name: 'tagging-minilm', title: 'MiniLM, full', task: 'tagging', model: 'all-minilm-l6-v2', hyperparameters: { n_epochs: 3, batch_size: 16, train: 'full', learning_rate: 2e-4 } }, // prettier-ignore
  { name: 'spam-minilm-head', title: 'MiniLM, head', task: 'spam', model: 'all-minilm-l6-v2', hyperparameters: { n_epochs: 10, batch_size: 16, train: 'head', learning_rate: 1e-2 } }, // prettier-ignore
  { name: 'spam-minilm-full', title: 'MiniLM, full', task: 'spam', model: 'all-minilm-l6-v2', hyperparameters: { n_epochs: 4, batch_size: 16, train: 'full', learning_rate: 1e-4 } }, // prettier-ignore
  { name: 'spam-smollm2-lora', title: 'SmolLM2-135M, LoRA', task: 'spam', model: 'smollm2-135m-instruct', hyperparameters: decoder }, // prettier-ignore
  { name: 'spam-gemma-lora', title: 'Gemma 3 270M, LoRA', task: 'spam', model: 'gemma-3-270m', hyperparameters: decoder }, // prettier-ignore
  { name: 'spam-gemma-lora-f32', title: 'the same, base in f32', task: 'spam', model: 'gemma-3-270m', hyperparameters: { ...decoder, base_precision: 'f32' }, peer: 'spam-gemma-lora' }, // prettier-ignore
];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string' },
    only: { type: 'string' },
    small: { type: 'boolean', default: false },
    choose: { type: 'boolean', default: false },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const { small, choose } = options;
const trial = small || choose;
const tables = positionals.includes('tables');
const wanted = positionals.filter((word) => word !== 'tables');
const unknown = wanted.find((word) => !contests.some(({ name }) => name === word));
if (unknown !== undefined)
  throw new Error(`Found "${unknown}"; there are ${contests.map(({ name }) => name).join(', ')} and tables.`);
if (options.only !== undefined && options.only !== 'ours' && options.only !== 'pytorch')
  throw new Error(`Found --only ${options.only}; it is ours or pytorch.`);
if (options.set.length > 0 && !trial)
  throw new Error('--set is for --choose and --small: a recipe stands in the file.');

const seeds = Array.from({ length: Number(options.seeds ?? (trial ? 1 : 3)) }, (_, i) => i + 1);
const home = process.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith');
const folder = join(home, trial ? 'quality-trial' : 'quality');
const threads = availableParallelism();
const results = new Results(
  trial ? join(folder, 'results.jsonl') : join(import.meta.dirname, 'results/quality-families.jsonl'),
);

type House = Awaited<ReturnType<typeof connect>>;

/** Measures what is asked for of a contest and not known yet. */
async function measure(contest: Contest, task: Task, seed: number): Promise<void> {
  const place = (trainer: Result['trainer']) => ({ ...placeOf(contest, task, trainer), seed });
  const [here, there] = [place('tunesmith'), place('pytorch')];
  const file = join(folder, `${task.name}-train.jsonl`);
  await writeFile(file, toJsonl(task.training));
  const record = (at: typeof here, found: Pick<Result, 'accuracy' | 'seconds' | 'hyperparameters'>) => {
    results.add({ ...at, ...found, day: new Date().toISOString().slice(0, 10) });
    console.error(`${contest.name}, seed ${seed}, ${at.trainer}: ${percent(found.accuracy)} %`);
  };
  if (options.only !== 'pytorch' && results.find(here) === null) {
    // A server for each, so that no model stays in memory while PyTorch trains another.
    await using house = await connect({ baseUrl: null, apiKey: null, home, env: process.env, training: true });
    record(here, await ours(house, contest, task, { seed, file, fingerprint: here.fingerprint }));
  }
  if (options.only === 'ours' || choose) return;
  const known = results.find(here);
  if (known === null || results.find(there) !== null) return;
  record(there, await theirs(contest, task, { seed, file, hyperparameters: known.hyperparameters! }));
}

/** Where a contest's measurements stand, and of what they must be. */
function placeOf({ name, peer = name, model, hyperparameters }: Contest, task: Task, trainer: Result['trainer']) {
  const { base_precision: _, ...exact } = hyperparameters;
  const [contestant, recipe] = trainer === 'pytorch' ? [peer, exact] : [name, hyperparameters];
  const fingerprint = fingerprintOf(model, recipe, task.training, task.test);
  return { task: task.name, contestant, trainer, fingerprint };
}

interface OurPlace {
  readonly seed: number;
  readonly file: string;
  readonly fingerprint: string;
}

async function ours({ openai }: House, contest: Contest, task: Task, { seed, file, fingerprint }: OurPlace) {
  console.error(`${contest.name}, seed ${seed}: a job`);
  const job = await trained(openai, contest, file, seed, `${contest.name}-${seed}-${fingerprint}`);
  console.error(`${contest.name}, seed ${seed}: ${task.items.length} questions`);
  return {
    accuracy: await asked(openai, job.fine_tuned_model!, task),
    seconds: job.finished_at! - job.created_at,
    hyperparameters: job.method!.supervised!.hyperparameters as unknown as Record<string, unknown>,
  };
}

type OpenAiJob = OpenAI.FineTuning.FineTuningJob & { readonly user_provided_suffix?: string | null };

const hasEnded = ({ status }: OpenAiJob): boolean => ['succeeded', 'failed', 'cancelled'].includes(status);

/** The job of an earlier try, which goes on where it was, or a new one. */
async function trained(
  openai: OpenAI,
  { model, hyperparameters }: Contest,
  file: string,
  seed: number,
  suffix: string,
) {
  let job: OpenAiJob | null = null;
  for await (const each of openai.fineTuning.jobs.list() as AsyncIterable<OpenAiJob>)
    if (each.user_provided_suffix === suffix && (each.status === 'succeeded' || !hasEnded(each))) job ??= each;
  if (job === null) {
    const uploaded = await openai.files.create({ file: createReadStream(file), purpose: 'fine-tune' });
    const method = { type: 'supervised', supervised: { hyperparameters } };
    const body = { model, training_file: uploaded.id, suffix, seed, method };
    job = await openai.fineTuning.jobs.create(body as OpenAI.FineTuning.JobCreateParams);
  }
  while (!hasEnded(job)) {
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

interface TheirPlace {
  readonly seed: number;
  readonly file: string;
  /** Of our job. */
  readonly hyperparameters: Readonly<Record<string, unknown>>;
}

/** PyTorch in f32 with the job's own hyper-parameters, order and first adapter, on the same tokens. */
async function theirs(contest: Contest, task: Task, { seed, file, hyperparameters }: TheirPlace) {
  console.error(`${contest.name}, seed ${seed}: PyTorch`);
  const base = (await BaseModels.open(home)).find(contest.model)!;
  const head = isEncoder(base) ? await headFor(base.path, file) : null;
  const testFile = join(folder, `${task.name}-test.jsonl`);
  await writeFile(testFile, toJsonl(task.test));
  const places = {
    model: { id: base.id, path: base.path, sha256: base.sha256 },
    initialAdapter: null,
    trainingFile: file,
    validationFile: null,
    threads,
    snapshotSeconds: 1000,
  };
  const plan = toPlan({ id: 'peer', seed }, hyperparameters as unknown as ResolvedHyperparameters, places, { head });
  const training = await examplesOf(file, plan, 'training');
  const test = await examplesOf(testFile, { ...plan, tokensMax: 100_000 }, 'validation');
  const taskFile = join(folder, `${contest.name}-${seed}-peer.json`);
  await writeTask(taskFile, { plan, training, validation: [], test });
  const adapter = plan.train.mode === 'lora' ? join(folder, `${contest.name}-${seed}-first.safetensors`) : null;
  if (adapter !== null) await writeOurFirstAdapter(plan, adapter);
  const dots = () => process.stderr.write('.');
  const options = { dtype: 'f32', threads, adapter, judgedOnly: true } as const;
  const { answers, stepSeconds } = await trainPeer(taskFile, options, dots);
  process.stderr.write('\n');
  await rm(taskFile);
  if (adapter !== null) await rm(adapter);
  const right = head === null ? answers!.map(Number) : await labelsRight(base.path, head, task, test, answers!);
  return { accuracy: sum(right) / sum(task.parts), seconds: Math.round(sum(stepSeconds)) };
}

/** What an encoder's head said of texts or of words, judged as our answers are. */
async function labelsRight(
  modelPath: string,
  head: Awaited<ReturnType<typeof headFor>>,
  task: Task,
  test: Awaited<ReturnType<typeof examplesOf>>,
  answers: readonly unknown[],
): Promise<number[]> {
  const outputs = answers as readonly (readonly number[])[];
  if (head.task === 'classification') return outputs.map(([best], i) => task.right(head.labels[best!]!, i));
  await using gguf = await openGguf(modelPath);
  const codec = EncoderCodec.fromGguf(gguf.metadata);
  return outputs.map((tags, i) => {
    const text = textOf(task.items[i]!.input[0]!);
    const places = new Map(codec.encode(text, 100_000).words.map(({ start, end, position }) => [position, { start, end }])); // prettier-ignore
    const { positions } = test[i]!.sequences[0]!.judged!;
    const spans = tags.flatMap((tag, k) =>
      tag === 0 ? [] : [{ ...places.get(positions[k]!)!, label: head.labels[(tag - 1) >> 1]! }],
    );
    return task.right(JSON.stringify(spans), i);
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const percent = (share: number): string => (100 * share).toFixed(2);

/** The mean of the seeds, and the worst and the best. */
function shown(found: readonly Result[]): string {
  const shares = found.map(({ accuracy }) => accuracy);
  if (shares.length < 2) return shares.map(percent).join('');
  return `${percent(mean(shares))} (${percent(Math.min(...shares))}-${percent(Math.max(...shares))})`;
}

/** Over the seeds that both have. */
function differenceOf(found: readonly Result[], peers: readonly Result[]): string {
  const both = found.flatMap(({ seed, accuracy }) =>
    peers.filter((peer) => peer.seed === seed).map((peer) => 100 * (accuracy - peer.accuracy)),
  );
  return both.length === 0 ? '' : `${mean(both) < 0 ? '' : '+'}${mean(both).toFixed(2)}`;
}

function table(task: Task): string {
  const rows = tried
    .filter(({ task: of }) => of === task.name)
    .map((contest) => {
      const { title, hyperparameters } = contest;
      const of = (trainer: Result['trainer']) => results.of(placeOf(contest, task, trainer));
      const [found, peers] = [of('tunesmith'), of('pytorch')];
      const { n_epochs: epochs, batch_size: batch, learning_rate: rate } = hyperparameters;
      const name = `**${title}**, ${epochs === 1 ? 'one epoch' : `${epochs} epochs`}, batches of ${batch}, rate ${rate}`;
      const counts = found.length === peers.length ? String(found.length) : `${found.length}, ${peers.length}`;
      return [name, shown(found) || 'not measured yet', shown(peers), differenceOf(found, peers), counts];
    });
  const baselines = task.baselines().map(([name, accuracy]) => [name, percent(accuracy), '', '', '']);
  const cells = [['', 'accuracy, %', 'PyTorch, same recipe', 'difference', 'seeds'], ...baselines, ...rows];
  const unit = task.name === 'spam' ? 'mails' : 'words';
  const machine = `${task.training.length} examples to learn from, ${sum(task.parts)} held-out ${unit}. ${measuredOn(cpus()[0]!.model, threads)}`; // prettier-ignore
  return `${markdownTable(cells)}\n\n${machine}`;
}

/** What `--choose` measures: the validation set in the test's place, and other hyper-parameters than the file's. */
const triedTask = (name: Task['name']): Task => openTask(name, { small, heldOut: choose ? 'validation' : 'test' });

function triedContest(contest: Contest): Contest {
  const changes = options.set.map((word) => {
    const [name, value] = word.split('=');
    return [name!, Number.isNaN(Number(value)) ? value! : Number(value)] as const;
  });
  const shorter = small ? [['n_epochs', 1] as const] : [];
  return {
    ...contest,
    hyperparameters: { ...contest.hyperparameters, ...Object.fromEntries([...shorter, ...changes]) },
  };
}

await mkdir(folder, { recursive: true });
const tried = contests.map(triedContest);
const asks = (contest: Contest): boolean => !tables && (wanted.length === 0 || wanted.includes(contest.name));
const tasks = new Map(taskNames.map((name) => [name, triedTask(name)]));
if (!tables && options.only !== 'ours' && !choose) await setUpPeer();
const bases = await BaseModels.open(home);
for (const contest of tried.filter(asks)) {
  await bases.pull(contest.model);
  for (const seed of seeds) await measure(contest, tasks.get(contest.task)!, seed);
}
if (!choose) {
  for (const [name, task] of tasks) {
    const text = table(task);
    console.log(`\n${name}\n\n${text}\n`);
    if (!small) await writeInto('quality.md', `families: ${name}`, text);
  }
}
