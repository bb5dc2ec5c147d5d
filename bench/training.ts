/**
 * One fine-tune, four ways: our trainer with an eight-bit and with an exact base, PyTorch in f32 and in bf16.
 *
 * Real mails, the reference model, LoRA on every linear layer, 8 examples a step; token ids, order, first adapter
 * and learning rates are the same for all. Twice: once the answer is a label of one word, once it is the mail
 * itself, because how much of the text is supervised decides what the widest product of all, the head, costs. The contestants run one after the other, `BENCH_ROUNDS` times
 * (one unless told otherwise), and the median step counts.
 * PyTorch pads to the longest of a batch; tokens are counted without padding on both sides.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Table from 'cli-table3';
import { tokenizeFile, type TokenizedExample } from '../src/dataset/tokenize.ts';
import { protocolVersion, type TrainerEvent, type TrainingPlan } from '../src/engine/protocol.ts';
import { epochOrder } from '../src/engine/recipes/supervised.ts';
import { learningRateAt } from '../src/engine/schedule.ts';
import { openGguf } from '../src/formats/gguf.ts';
import { programArguments } from '../src/programs.ts';
import { toJsonl, type LabelledExample } from '../src/quickstart/labelled.ts';
import { spamSplits, type SpamSplits } from '../src/quickstart/spam.ts';
import { TextCodec } from '../src/text/codec.ts';
import { executedFlops } from './flops.ts';
import type { Place } from './place.ts';
import { sgemmGflops } from './sgemm.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 1);
/** Steps in which caches fill and kernels are chosen; they count for nobody. */
const warmUpSteps = 3;
const peers = new URL('./peers/', import.meta.url).pathname;

interface Run {
  readonly stepSeconds: readonly number[];
  readonly firstStepSeconds: number;
  readonly peakRssBytes: number;
  readonly validationLoss: number;
}

export async function benchTraining(place: Place): Promise<void> {
  process.stderr.write('PyTorch, transformers and peft: setting up the peer\n');
  await finished('bash', [join(peers, 'setup.sh')]);
  const splits = spamSplits({ training: 120, validation: 48, test: 0 }, 7);
  await compete(place, 'answers of one word', splits);
  await compete(place, 'answers of a whole mail', {
    training: splits.training.map(asWriting),
    validation: splits.validation.map(asWriting),
  });
}

/** The task turned round: from the subject to the mail. */
function asWriting({ prompt }: LabelledExample): LabelledExample {
  const [subject, ...text] = (prompt.at(-1)!.content as string).split('\n\n');
  return { prompt: [{ role: 'user', content: `Write the mail. ${subject}` }], label: text.join('\n\n') };
}

type Splits = Pick<SpamSplits, 'training' | 'validation'>;

async function compete(place: Place, name: string, splits: Splits): Promise<void> {
  const folder = await mkdtemp(join(place.folder, 'training-'));
  const task = await prepare({ ...place, folder }, splits);
  const contestants: Record<string, (round: number) => Promise<Run>> = {
    'Tunesmith, int8 base': async (round) => await ours(task, 'int8', `${round}-int8`),
    'PyTorch, bf16': async () => await theirs(task, 'bf16'),
    'Tunesmith, f32': async (round) => await ours(task, 'f32', `${round}-f32`),
    'PyTorch, f32': async () => await theirs(task, 'f32'),
  };
  const runs = new Map<string, Run[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const [contestant, run] of Object.entries(contestants)) {
      process.stderr.write(`${name}, round ${round} of ${rounds}: ${contestant} `);
      const done = await run(round);
      process.stderr.write(` ${median(done.stepSeconds.slice(warmUpSteps)).toFixed(2)} s a step\n`);
      runs.set(contestant, [...(runs.get(contestant) ?? []), done]);
    }
  }
  const mine = await sgemmGflops(place.threads);
  const peak = Math.max(mine, task.peerSgemmGflops());
  report(name, task, runs, peak);
  console.log(`SGEMM peak of this machine: ${peak.toFixed(0)} GFLOP/s (ONNX Runtime ${mine.toFixed(0)}).\n`);
}

interface Task {
  readonly plan: Omit<TrainingPlan, 'basePrecision'>;
  readonly place: Place;
  readonly file: string;
  readonly flopsPerStep: number;
  readonly tokensPerStep: number;
  readonly targetsPerStep: number;
  readonly steps: number;
  peerSgemmGflops(gflops?: number): number;
}

async function prepare(place: Place, splits: Splits): Promise<Task> {
  const { base, folder, threads } = place;
  const files = { training: join(folder, 'training.jsonl'), validation: join(folder, 'validation.jsonl') };
  await writeFile(files.training, toJsonl(splits.training));
  await writeFile(files.validation, toJsonl(splits.validation));
  await using gguf = await openGguf(base.path);
  const encoder = TextCodec.fromGguf(gguf.metadata);
  const read = async (role: 'training' | 'validation') =>
    await tokenizeFile(files[role], { encoder, tokensMax: 512, role });
  const [training, validation] = [await read('training'), await read('validation')];
  const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const adapter = join(folder, 'initial.safetensors');
  const plan = {
    version: protocolVersion,
    recipe: 'supervised',
    jobId: 'ftjob-bench',
    model: { id: base.id, path: base.path, sha256: base.sha256 },
    initialAdapter: adapter,
    trainingFile: files.training,
    validationFile: files.validation,
    seed: 7,
    epochs: 1,
    batchSize: 8,
    learningRate: 2e-4,
    schedule: 'cosine',
    warmupRatio: 0.03,
    weightDecay: 0,
    gradientNormMax: 1,
    train: { mode: 'lora', rank: 16, alpha: 32, rslora: false, dropout: 0, targets },
    tokensMax: 512,
    evaluationInterval: 1000,
    snapshotSeconds: 1000,
    threads,
  } as const;
  const steps = Math.ceil(training.length / plan.batchSize);
  const order = epochOrder(plan.seed, 1, training.length);
  const batches = Array.from({ length: steps }, (_, i) => [...order.subarray(i * 8, (i + 1) * 8)]);
  const rate = (_: unknown, i: number) =>
    learningRateAt(i + 1, { ...plan, kind: plan.schedule, peak: plan.learningRate, totalSteps: steps });
  const plain = (examples: readonly TokenizedExample[]) =>
    examples.flatMap(({ sequences }) => sequences.map(({ ids, mask }) => ({ ids: [...ids], mask: [...mask] })));
  const file = join(folder, 'task.json');
  const { seed, weightDecay, gradientNormMax, batchSize, train: lora } = plan;
  await writeFile(
    file,
    JSON.stringify({
      model: base.path,
      lora,
      seed,
      weightDecay,
      gradientNormMax,
      batchSize,
      steps: batches,
      learningRates: batches.map(rate),
      training: plain(training),
      validation: plain(validation),
    }),
  );
  await peer([file, '--init', adapter]);
  const tokens = training.reduce((sum, example) => sum + example.tokens, 0);
  const judged = training.reduce((sum, example) => sum + example.targets, 0);
  let peerGflops = 0;
  return {
    plan,
    place,
    file,
    steps,
    tokensPerStep: tokens / steps,
    targetsPerStep: judged / steps,
    flopsPerStep: executedFlops(base.architecture, lora, training) / steps,
    peerSgemmGflops: (gflops = 0) => (peerGflops = Math.max(peerGflops, gflops)),
  };
}

async function ours(task: Task, basePrecision: 'f32' | 'int8', name: string): Promise<Run> {
  const jobFolder = join(task.place.folder, name);
  await mkdir(jobFolder, { recursive: true });
  const plan: TrainingPlan = { ...task.plan, basePrecision };
  await writeFile(join(jobFolder, 'plan.json'), JSON.stringify(plan));
  const startMs = performance.now();
  const child = spawn(process.execPath, [...programArguments('engine/main'), jobFolder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let [firstStepSeconds, peakRssBytes, validationLoss] = [0, 0, NaN];
  const stepSeconds: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as TrainerEvent;
    if (event.type === 'failed') throw new Error(`our trainer failed: ${event.message}`);
    if (event.type !== 'step') continue;
    process.stderr.write('.');
    if (firstStepSeconds === 0) firstStepSeconds = (performance.now() - startMs) / 1000;
    stepSeconds.push(event.elapsedMs / 1000);
    peakRssBytes = await peakRss(child.pid!);
    validationLoss = event.fullValidation?.loss ?? validationLoss;
  }
  return { stepSeconds, firstStepSeconds, peakRssBytes, validationLoss };
}

async function theirs(task: Task, dtype: 'f32' | 'bf16'): Promise<Run> {
  const startMs = performance.now();
  let firstStepSeconds = 0;
  const threads = String(task.place.threads);
  const answer = await peer(
    [task.file, '--dtype', dtype, '--threads', threads, '--adapter', task.plan.initialAdapter!],
    () => {
      process.stderr.write('.');
      if (firstStepSeconds === 0) firstStepSeconds = (performance.now() - startMs) / 1000;
    },
  );
  const result = JSON.parse(answer) as Omit<Run, 'firstStepSeconds'> & { sgemmGflops: number };
  task.peerSgemmGflops(result.sgemmGflops);
  return { ...result, firstStepSeconds };
}

/** Runs the peer; gives what it printed. */
async function peer(args: readonly string[], onStep: () => void = () => undefined): Promise<string> {
  return await finished(join(peers, '.venv/bin/python'), [join(peers, 'train.py'), ...args], (line) => {
    if (/ step \d+\//.test(line)) onStep();
  });
}

async function finished(command: string, args: readonly string[], onLine: (line: string) => void = () => undefined) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const complaints: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    complaints.push(line);
    onLine(line);
  });
  let out = '';
  child.stdout.on('data', (piece: Buffer) => (out += piece.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${complaints.slice(-20).join('\n')}`);
  return out;
}

/** What a process held at its peak, as the kernel counts it (Linux only). */
async function peakRss(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

function report(what: string, task: Task, runs: ReadonlyMap<string, readonly Run[]>, peakGflops: number): void {
  const table = new Table({
    head: ['', 'tokens/s', 'supervised/s', 'peak RSS', '% of SGEMM', 'first step', 'validation loss'],
    style: { head: [], border: [] },
  });
  const rates = new Map<string, number>();
  for (const [name, all] of runs) {
    const seconds = median(all.flatMap((run) => run.stepSeconds.slice(warmUpSteps)));
    rates.set(name, task.tokensPerStep / seconds);
    table.push([
      name,
      (task.tokensPerStep / seconds).toFixed(0),
      (task.targetsPerStep / seconds).toFixed(1),
      `${(Math.max(...all.map((run) => run.peakRssBytes)) / 1e9).toFixed(2)} GB`,
      `${((100 * task.flopsPerStep) / seconds / 1e9 / peakGflops).toFixed(0)} %`,
      `${Math.min(...all.map((run) => run.firstStepSeconds)).toFixed(1)} s`,
      all[0]!.validationLoss.toFixed(4),
    ]);
  }
  console.log(
    `Training, ${what}: ${task.steps} steps of 8 mails, ${task.tokensPerStep.toFixed(0)} tokens a step ` +
      `(${task.targetsPerStep.toFixed(0)} supervised), ${rounds} rounds, median step.\n${table.toString()}`,
  );
  const best = (side: string) =>
    Math.max(...[...rates].filter(([name]) => name.startsWith(side)).map(([, rate]) => rate));
  console.log(`Our best is ${(best('Tunesmith') / best('PyTorch')).toFixed(2)} times PyTorch's best.`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
