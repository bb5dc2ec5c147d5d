/**
 * The peer of every comparison: the same fine-tune by PyTorch + transformers + peft (`peers/train.py`).
 *
 * It gets token ids made by our own codec, the batches in our order and our learning rates, so that what differs is
 * who computes.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LabelledRows, surveyLabels } from '../src/dataset/labelled/rows.ts';
import { PreferenceRows } from '../src/dataset/lessons.ts';
import {
  tokenizeFile,
  type ExampleEncoder,
  type RowTokenizer,
  type TokenizedExample,
} from '../src/dataset/tokenize.ts';
import { outputCount } from '../src/domain/label.ts';
import { trainedTensors } from '../src/engine/checkpoint.ts';
import { openNetwork } from '../src/engine/nn/load.ts';
import type { HeadPlan, TrainingPlan } from '../src/engine/protocol.ts';
import { epochOrder } from '../src/engine/recipes/order.ts';
import { learningRateAt } from '../src/engine/schedule.ts';
import { headPoolingOf } from '../src/families/label-head.ts';
import { openGguf } from '../src/formats/gguf.ts';
import { writeSafetensors } from '../src/formats/safetensors.ts';
import { TextCodec } from '../src/text/codec.ts';
import { EncoderCodec } from '../src/text/encoder-codec.ts';

const peers = new URL('./peers/', import.meta.url).pathname;
/** `BENCH_PYTHON` names another Python that has torch, transformers, peft and gguf. */
const python = process.env['BENCH_PYTHON'] ?? join(peers, '.venv/bin/python');

export type Dtype = 'f32' | 'bf16';

/** What the peer prints at its end. */
export interface PeerResult {
  readonly stepSeconds: readonly number[];
  readonly firstStepSeconds: number;
  readonly peakRssBytes: number;
  readonly validationLoss: number;
  readonly trainableParameters: number;
  readonly sgemmGflops: number;
  /** Of each example of the test: whether it was answered exactly, or what an encoder answered. */
  readonly answers: readonly (boolean | readonly number[])[] | null;
}

export async function setUpPeer(): Promise<void> {
  if (process.env['BENCH_PYTHON'] !== undefined) return;
  process.stderr.write('PyTorch, transformers and peft: setting up the peer\n');
  await finished('bash', [join(peers, 'setup.sh')]);
}

/** What an encoder learns from a file, as a job would find out. */
export async function headFor(modelPath: string, trainingFile: string): Promise<HeadPlan> {
  const { labelSet } = await surveyLabels(trainingFile, null);
  await using gguf = await openGguf(modelPath);
  return { ...labelSet, pooling: headPoolingOf(gguf.metadata, labelSet.task) };
}

type Reading = Pick<TrainingPlan, 'model' | 'tokensMax'> & { data?: TrainingPlan['data']; head?: HeadPlan | null };

/** The examples of a file as a trainer with this plan reads them. */
export async function examplesOf(path: string, plan: Reading, role: 'training' | 'validation') {
  await using gguf = await openGguf(plan.model.path);
  const encoderFor = (): ExampleEncoder | RowTokenizer => {
    if (plan.head) return new LabelledRows(EncoderCodec.fromGguf(gguf.metadata), plan.head, role);
    const codec = TextCodec.fromGguf(gguf.metadata);
    return plan.data === 'preference' ? new PreferenceRows(codec) : codec;
  };
  return await tokenizeFile(path, { encoder: encoderFor(), tokensMax: plan.tokensMax, role });
}

export interface PeerTask {
  readonly plan: TrainingPlan;
  /** The plan's model as the peer reads it: the same GGUF, or a folder in the hub's form. */
  readonly model?: string;
  readonly training: readonly TokenizedExample[];
  readonly validation: readonly TokenizedExample[];
  readonly test?: readonly TokenizedExample[];
}

export async function writeTask(file: string, { plan, model, training, validation, test = [] }: PeerTask) {
  const { seed, weightDecay, gradientNormMax, batchSize, train, head = null, objective } = plan;
  const perEpoch = Math.ceil(training.length / batchSize);
  const steps = Array.from({ length: plan.epochs }, (_, epoch) => {
    const order = epochOrder(seed, epoch + 1, training.length);
    return Array.from({ length: perEpoch }, (_, i) => [...order.subarray(i * batchSize, (i + 1) * batchSize)]);
  }).flat();
  const schedule = { ...plan, kind: plan.schedule, peak: plan.learningRate, totalSteps: steps.length };
  await writeFile(
    file,
    JSON.stringify({
      model: model ?? plan.model.path,
      train,
      head: head && { ...head, outputs: outputCount(head) },
      beta: objective?.kind === 'preference' ? objective.beta : null,
      seed,
      weightDecay,
      gradientNormMax,
      batchSize,
      steps,
      learningRates: steps.map((_, i) => learningRateAt(i + 1, schedule)),
      training: training.map(plain),
      validation: validation.map(plain),
      test: test.map(plain),
    }),
  );
}

/** The peer takes one sequence an example, which is what every template of the comparisons makes. */
function plain({ sequences, pair, line }: TokenizedExample): unknown {
  const one = (list: TokenizedExample['sequences']) => {
    const [first] = list;
    if (first === undefined || list.length > 1)
      throw new Error(`Line ${line} became ${list.length} sequences; one was expected.`);
    const { ids, mask, judged } = first;
    if (judged === undefined) return { ids: [...ids], mask: [...mask] };
    return { ids: [...ids], positions: [...judged.positions], targets: [...judged.targets] };
  };
  return pair === undefined ? one(sequences) : { better: one(pair.better), worse: one(pair.worse) };
}

/** The adapter that a job of ours with this plan begins with. */
export async function writeOurFirstAdapter(plan: TrainingPlan, file: string): Promise<void> {
  const { model, train, basePrecision, threads, seed } = plan;
  await using network = await openNetwork({ modelPath: model.path, train, basePrecision, threads, seed });
  await writeSafetensors(file, trainedTensors(network.parameters), { format: 'pt' });
}

/** A fresh adapter that both sides start from. */
export async function writeFirstAdapter(task: string, adapter: string): Promise<void> {
  await peer([task, '--init', adapter]);
}

export interface PeerOptions {
  readonly dtype: Dtype;
  readonly threads: number;
  readonly adapter: string | null;
  /** Logits of supervised tokens only: sooner there than as its users run it, so for quality, never in a race. */
  readonly judgedOnly?: boolean;
}

export async function trainPeer(
  task: string,
  { dtype, threads, adapter, judgedOnly = false }: PeerOptions,
  onStep: () => void,
): Promise<PeerResult> {
  const more = [...(adapter === null ? [] : ['--adapter', adapter]), ...(judgedOnly ? ['--judged-only'] : [])];
  const line = await peer([task, '--dtype', dtype, '--threads', String(threads), ...more], onStep);
  return JSON.parse(line) as PeerResult;
}

/** A GPT-2 made at random, in the hub's form, whose tokenizer is learnt from the texts of a file. */
export async function makeGpt2(texts: string, folder: string, small: boolean): Promise<void> {
  await finished(python, [join(peers, 'make_gpt2.py'), texts, folder, ...(small ? ['--small'] : [])]);
}

async function peer(args: readonly string[], onStep: () => void = () => undefined): Promise<string> {
  return await finished(python, [join(peers, 'train.py'), ...args], (line) => {
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
