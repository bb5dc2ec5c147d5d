/**
 * One race: one fine-tune by our trainer and by PyTorch, in each way of computing that either has, one after the other.
 *
 * Token ids, order, first adapter and learning rates are the same for all. PyTorch pads to the longest of a batch;
 * tokens are counted without padding on both sides.
 */

import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TokenizedExample } from '../src/dataset/tokenize.ts';
import { protocolVersion, type TrainerEvent, type TrainingPlan, type TrainPlan } from '../src/engine/protocol.ts';
import { targetsOf } from '../src/families/family.ts';
import { familyOf, isEncoder } from '../src/families/table.ts';
import { openGguf } from '../src/formats/gguf.ts';
import type { BaseModel } from '../src/models/base-models.ts';
import { programArguments } from '../src/programs.ts';
import { TextCodec } from '../src/text/codec.ts';
import { EncoderCodec } from '../src/text/encoder-codec.ts';
import { jsonLines, longTokens, type Counting, type Material } from './material.ts';
import { examplesOf, headFor, trainPeer, writeFirstAdapter, writeTask, type Dtype } from './peer.ts';

/** Which weights learn; LoRA is rank 16 on all linear layers. */
export type Method = 'lora' | 'full' | 'head' | `last_layers(${number})` | 'dpo';

export type Precision = 'f32' | 'int8' | 'int4';

export interface Race {
  readonly name: string;
  readonly model: string;
  readonly method: Method;
  readonly material: Material;
  readonly batchSize: number;
  readonly steps: number;
  /** How often as fast as PyTorch's best we want to be, in each precision that we offer. */
  readonly goals: Partial<Record<Precision, number>>;
}

export interface Run {
  readonly stepSeconds: readonly number[];
  /** What frozen layers took to read every example once, before the first step. */
  readonly readSeconds?: number;
  readonly firstStepSeconds: number;
  readonly peakRssBytes: number;
  readonly validationLoss: number;
}

export interface Ready {
  readonly race: Race;
  readonly plan: TrainingPlan;
  readonly folder: string;
  readonly task: string;
  readonly examples: readonly TokenizedExample[];
  readonly tokensPerStep: number;
  readonly targetsPerStep: number;
}

/** A base model, and where the peer reads it when that is another place. */
export interface Runner {
  readonly base: BaseModel;
  readonly peerModel?: string;
}

const seed = 7;

export async function prepare(
  race: Race,
  { base, peerModel }: Runner,
  folder: string,
  threads: number,
): Promise<Ready> {
  await mkdir(folder, { recursive: true });
  const counting = await countingOf(base);
  const files = { training: join(folder, 'training.jsonl'), validation: join(folder, 'validation.jsonl') };
  const { material, batchSize, steps, method } = race;
  await writeFile(files.training, jsonLines(material, batchSize * steps, seed, counting));
  await writeFile(files.validation, jsonLines(material, batchSize, seed + 1, counting));
  const head = isEncoder(base) ? await headFor(base.path, files.training) : null;
  const train = trainPlan(method, base);
  const adapter = train.mode === 'lora' ? join(folder, 'initial.safetensors') : null;
  const plan: TrainingPlan = {
    version: protocolVersion,
    recipe: 'supervised',
    jobId: 'ftjob-bench',
    model: { id: base.id, path: base.path, sha256: base.sha256 },
    initialAdapter: adapter,
    trainingFile: files.training,
    validationFile: files.validation,
    ...(method === 'dpo' && { data: 'preference', objective: { kind: 'preference', beta: 0.1 } }),
    ...(head !== null && { head }),
    seed,
    epochs: 1,
    batchSize,
    learningRate: train.mode === 'lora' ? 2e-4 : 2e-5,
    schedule: 'cosine',
    warmupRatio: 0.03,
    weightDecay: 0,
    gradientNormMax: 1,
    train,
    tokensMax: longTokens,
    evaluationInterval: 1000,
    snapshotSeconds: 1000,
    basePrecision: 'f32',
    threads,
  };
  const training = await examplesOf(files.training, plan, 'training');
  const validation = await examplesOf(files.validation, plan, 'validation');
  const task = join(folder, 'task.json');
  await writeTask(task, { plan, training, validation, ...(peerModel !== undefined && { model: peerModel }) });
  if (adapter !== null) await writeFirstAdapter(task, adapter);
  const perStep = (of: (example: TokenizedExample) => number) =>
    training.reduce((sum, each) => sum + of(each), 0) / steps;
  return {
    race,
    plan,
    folder,
    task,
    examples: training,
    tokensPerStep: perStep(({ tokens }) => tokens),
    targetsPerStep: perStep(({ targets }) => targets),
  };
}

function trainPlan(method: Method, { architecture }: BaseModel): TrainPlan {
  const layers = /^last_layers\((\d+)\)$/.exec(method)?.[1];
  if (layers !== undefined) return { mode: 'last_layers', layers: Number(layers) };
  if (method === 'full' || method === 'head') return { mode: method };
  const targets = targetsOf(familyOf(architecture.architecture)!);
  return { mode: 'lora', rank: 16, alpha: 32, rslora: false, dropout: 0, targets };
}

export async function countingOf(base: BaseModel): Promise<Counting> {
  await using gguf = await openGguf(base.path);
  if (isEncoder(base)) {
    const codec = EncoderCodec.fromGguf(gguf.metadata);
    return { tokensOf: (text) => codec.encode(text, Infinity).tokens - 2, room: 2 };
  }
  const codec = TextCodec.fromGguf(gguf.metadata);
  const tokensOf = (text: string): number => codec.tokenizer.encode(text).length;
  const shown = { messages: [{ role: 'user', content: 'Write mails.' }, { role: 'assistant', content: 'This mail is spam.' }] }; // prettier-ignore
  const [sequence] = codec.encodeExample(shown as Parameters<TextCodec['encodeExample']>[0], 1);
  return { tokensOf, room: sequence!.ids.length };
}

/** Our trainer, as a job starts it. */
export async function ours(
  { plan, folder }: Pick<Ready, 'plan' | 'folder'>,
  basePrecision: Precision,
  round: number,
  onStep: (step: Extract<TrainerEvent, { type: 'step' }>) => void = () => undefined,
): Promise<Run> {
  const jobFolder = join(folder, `${basePrecision}-${round}`);
  await mkdir(jobFolder, { recursive: true });
  await writeFile(join(jobFolder, 'plan.json'), JSON.stringify({ ...plan, basePrecision }));
  const startMs = performance.now();
  const child = spawn(process.execPath, [...programArguments('engine/main'), jobFolder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let [firstStepSeconds, readSeconds, peakRssBytes, validationLoss] = [0, 0, 0, NaN];
  const stepSeconds: number[] = [];
  let done = false;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as TrainerEvent;
    if (event.type === 'failed') throw new Error(`our trainer failed: ${event.message}`);
    done ||= event.type === 'done';
    if (event.type === 'reading') readSeconds = event.elapsedMs / 1000;
    if (event.type !== 'step') continue;
    process.stderr.write('.');
    onStep(event);
    if (firstStepSeconds === 0) firstStepSeconds = (performance.now() - startMs) / 1000;
    stepSeconds.push(event.elapsedMs / 1000);
    peakRssBytes = await peakRss(child.pid!);
    validationLoss = event.fullValidation?.loss ?? validationLoss;
  }
  if (!done) throw new Error('our trainer ended without a last word');
  return { stepSeconds, readSeconds, firstStepSeconds, peakRssBytes, validationLoss };
}

export async function theirs({ plan, task }: Ready, dtype: Dtype): Promise<Run & { readonly sgemmGflops: number }> {
  const startMs = performance.now();
  let firstStepSeconds = 0;
  const result = await trainPeer(task, { dtype, threads: plan.threads, adapter: plan.initialAdapter }, () => {
    process.stderr.write('.');
    if (firstStepSeconds === 0) firstStepSeconds = (performance.now() - startMs) / 1000;
  });
  return { ...result, firstStepSeconds };
}

/** What a process held at its peak, as the kernel counts it (Linux only). */
async function peakRss(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
