/**
 * Fine-tuning by examples: show the model conversations, and move what is trained so that what the assistant says in
 * them becomes likelier; or show it two answers, and make the better one likelier than the other by more than it was.
 *
 * A program from top to bottom: read, build, resume, then step after step, then done. All randomness follows
 * from the plan's seed and the step, so two runs of a plan are the same run, interrupted or not.
 */

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { packPairs, packStep, runLimitsOf, type MicroBatch, type RunLimits } from '../../dataset/batch.ts';
import type { FileRole } from '../../dataset/faults.ts';
import { CompletionRows, PreferenceRows } from '../../dataset/lessons.ts';
import { LabelledRows } from '../../dataset/labelled/rows.ts';
import { tokenizeFile, type ExampleEncoder, type RowTokenizer, type TokenizedExample } from '../../dataset/tokenize.ts';
import { invalid, TunesmithError } from '../../domain/errors.ts';
import type { GgufMetadata } from '../../formats/gguf-metadata.ts';
import { openGguf } from '../../formats/gguf.ts';
import { TextCodec } from '../../text/codec.ts';
import { EncoderCodec } from '../../text/encoder-codec.ts';
import {
  checkpointFolder,
  loadTrained,
  newestCheckpoint,
  pruneCheckpoints,
  restoreCheckpoint,
  saveCheckpoint,
  trainedFile,
  type CheckpointKind,
} from '../checkpoint.ts';
import { Journal } from '../journal.ts';
import { openNetwork, type NetworkOptions } from '../nn/load.ts';
import { noJudgement, type Judgement, type Network } from '../nn/network.ts';
import { AdamW } from '../optimizer.ts';
import type { Parent } from '../parent.ts';
import type { Preferences, TrainerEvent, TrainingPlan, ValidationMetrics } from '../protocol.ts';
import { Random, streams } from '../random.ts';
import { learningRateAt } from '../schedule.ts';
import { EarlyStopping, OverfittingWatch, type Evaluation } from '../stopping.ts';

/** Trains by the plan; gives the last word to tell, or null when it was stopped without one. */
export async function trainSupervised(
  plan: TrainingPlan,
  jobFolder: string,
  parent: Parent,
): Promise<Extract<TrainerEvent, { type: 'done' | 'paused' }> | null> {
  const { training, validation } = await readData(plan, parent.cancelled);
  const stepsPerEpoch = Math.ceil(training.length / plan.batchSize);
  const totalSteps = stepsPerEpoch * plan.epochs;
  const limits = runLimitsOf(plan);
  const trainedTokens = sum(training, ({ tokens }) => tokens) * plan.epochs;
  const stopping = plan.earlyStopping ? new EarlyStopping(plan.earlyStopping) : null;
  const watch = new OverfittingWatch();

  await using work = await openWorkFolder(jobFolder);
  await using network = await buildNetwork(plan, longestSequence(training), work.path, parent);
  const optimizer = new AdamW(network.parameters, plan);
  const checkpoints = join(jobFolder, 'checkpoints');
  const resumed = await newestCheckpoint(checkpoints, (folder, reason) =>
    parent.tell({ type: 'warning', message: `Passing over the damaged checkpoint ${folder}: ${reason}` }),
  );
  const lessons = await Lessons.prepare(plan, network, [...training, ...validation], limits, parent);
  if (resumed !== null) await restoreCheckpoint(resumed, network.parameters, optimizer);
  const dropout = resumed ? Random.fromState(resumed.state.random) : Random.fromSeed(plan.seed).split(streams.dropout);
  let saved = { step: resumed?.state.step ?? -1, folder: resumed?.folder ?? '', atMs: performance.now() };

  using journal = new Journal(jobFolder);
  parent.tell({
    type: 'started',
    version: plan.version,
    totalSteps,
    stepsPerEpoch,
    examples: training.length,
    trainedTokens,
    supervisedTokens: sum(training, ({ targets }) => targets) * plan.epochs,
    truncatedLines: training.filter(({ truncated }) => truncated).map(({ line }) => line),
    resumedFromStep: Math.max(saved.step, 0),
    trainableParameters: sum(network.parameters, ({ data }) => data.length),
  });
  const course = new Course();
  /** What the evaluation after a step says; whether the model was never better. */
  const look = (event: StepEvent): boolean => {
    const evaluation = course.see(event);
    if (evaluation === null) return false;
    const remark = watch.see(evaluation);
    if (remark !== null) parent.tell({ type: 'remark', message: remark });
    return stopping?.see(evaluation) === true;
  };
  for (const event of journal.upTo(saved.step)) {
    parent.tell(event);
    if (event.type === 'step') look(event);
  }

  const save = async (step: number, epoch: number, kind: CheckpointKind): Promise<void> => {
    if (saved.step === step) return;
    const folder = checkpointFolder(checkpoints, step);
    const event = { type: 'checkpoint', step, epoch, kind, folder } as const;
    journal.append(event);
    journal.flush();
    const state = { step, epoch, kind, random: dropout.state };
    await saveCheckpoint(checkpoints, state, network.parameters, optimizer, trainedFile(plan.train));
    saved = { step, folder, atMs: performance.now() };
    parent.tell(event);
    await pruneCheckpoints(checkpoints, stopping?.bestStep);
  };
  /** The model is the best checkpoint where somebody looked for it, else the last. */
  const finish = (step: number): Extract<TrainerEvent, { type: 'done' }> => {
    const chosen = stopping?.bestStep ?? step;
    if (stopping?.choice) parent.tell({ type: 'remark', message: stopping.choice });
    const folder = checkpointFolder(checkpoints, chosen);
    return { type: 'done', step, chosen, trainedTokens: course.tokens, folder };
  };
  // A trainer that died between its last evaluation and its last word finds the verdict again.
  if (stopping?.verdict) return finish(course.step);

  for (const { step, epoch, batch } of stepsAfter(Math.max(saved.step, 0), training, plan)) {
    await parent.breathe();
    if (parent.wish !== null) {
      await save(step - 1, epochOf(step - 1, stepsPerEpoch), 'snapshot');
      return parent.wish === 'pause' ? { type: 'paused', step: step - 1, folder: saved.folder } : null;
    }

    const startMs = performance.now();
    const judgement = await network.accumulate(lessons.pack(batch), dropout.uint32());
    const { loss, correct } = judgement;
    const learningRate = learningRateAt(step, { ...plan, kind: plan.schedule, peak: plan.learningRate, totalSteps });
    const gradientNorm = optimizer.update(learningRate);
    const elapsedMs = performance.now() - startMs;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw diverged(step, loss, gradientNorm, learningRate);

    const epochEnds = step % stepsPerEpoch === 0;
    const wholeTurn = epochEnds || (plan.earlyStopping ? step % plan.earlyStopping.interval === 0 : false);
    const exact = plan.earlyStopping?.metric === 'exact_answers';
    const targets = sum(batch, (example) => example.targets);
    const event = {
      type: 'step',
      step,
      epoch,
      loss,
      tokenAccuracy: correct / targets,
      learningRate,
      gradientNorm,
      preferences: lessons.preferences(judgement, batch.length),
      tokens: sum(batch, ({ tokens }) => tokens),
      supervisedTokens: targets,
      elapsedMs,
      validation: await judge(network, miniBatch(validation, step, plan), lessons, parent),
      fullValidation: wholeTurn ? await judge(network, validation, lessons, parent, exact) : null,
    } as const;
    journal.append(event);
    parent.tell(event);

    const best = look(event);
    if (epochEnds) await save(step, epoch, 'epoch');
    else if (best) await save(step, epoch, 'snapshot');
    else if (performance.now() - saved.atMs >= plan.snapshotSeconds * 1000) await save(step, epoch, 'snapshot');
    const verdict = stopping?.verdict ?? null;
    if (verdict !== null) {
      parent.tell({ type: 'remark', message: verdict });
      return finish(step);
    }
  }
  return finish(totalSteps);
}

type StepEvent = Extract<TrainerEvent, { type: 'step' }>;

/** The steps so far, in this process and before it. */
class Course {
  step = 0;
  tokens = 0;
  /** Losses since the last evaluation. */
  #losses: number[] = [];

  /** The evaluation of the whole validation set that came with a step, if one did. */
  see({ step, tokens, loss, fullValidation }: StepEvent): Evaluation | null {
    this.step = step;
    this.tokens += tokens;
    this.#losses.push(loss);
    if (fullValidation === null) return null;
    const trainingLoss = sum(this.#losses, (one) => one) / this.#losses.length;
    this.#losses = [];
    return { step, validation: fullValidation, trainingLoss };
  }
}

interface Data {
  readonly training: readonly TokenizedExample[];
  readonly validation: readonly TokenizedExample[];
}

async function readData(plan: TrainingPlan, signal: AbortSignal): Promise<Data> {
  const metadata = await readMetadata(plan.model);
  const { tokensMax, trainingFile, validationFile, head = null } = plan;
  const encoderFor = (role: FileRole): ExampleEncoder | RowTokenizer => {
    if (head !== null) return new LabelledRows(EncoderCodec.fromGguf(metadata), head, role);
    const codec = TextCodec.fromGguf(metadata);
    if (plan.data === 'preference') return new PreferenceRows(codec);
    return plan.data === 'completion' ? new CompletionRows(codec) : codec;
  };
  const read = async (path: string, role: FileRole): Promise<TokenizedExample[]> =>
    await tokenizeFile(path, { encoder: encoderFor(role), tokensMax, role, signal });
  const training = await read(trainingFile, 'training');
  if (training.length === 0) {
    throw invalid(
      'training_file',
      'The training file has no examples; expected at least one.',
      'invalid_training_file',
    );
  }
  if (validationFile !== null) return { training, validation: await read(validationFile, 'validation') };
  return setApart(training, plan.validationSplit ?? 0, plan.seed);
}

/** So large a share of the examples to validate by, at least one of them; which ones hangs on the seed. */
export function setApart(examples: readonly TokenizedExample[], share: number, seed: number): Data {
  if (share === 0 || examples.length < 2) return { training: examples, validation: [] };
  const count = Math.min(examples.length - 1, Math.max(1, Math.round(share * examples.length)));
  const order = Random.fromSeed(seed).split(streams.split).permutation(examples.length);
  const apart = new Set(order.subarray(0, count));
  return {
    training: examples.filter((_, i) => !apart.has(i)),
    validation: examples.filter((_, i) => apart.has(i)),
  };
}

async function readMetadata({ id, path }: TrainingPlan['model']): Promise<GgufMetadata> {
  try {
    await using gguf = await openGguf(path);
    return gguf.metadata;
  } catch (cause) {
    const message = `The base model ${id} could not be read. ${(cause as Error).message}`;
    throw new TunesmithError('invalid', message, { code: 'model_unreadable', cause });
  }
}

/** A folder for large files of this process; one that was killed could not remove its own. */
async function openWorkFolder(jobFolder: string): Promise<{ path: string } & AsyncDisposable> {
  const path = join(jobFolder, 'work');
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
  await remove();
  await mkdir(path, { recursive: true });
  return { path, [Symbol.asyncDispose]: remove };
}

const longestSequence = (examples: readonly TokenizedExample[]): number =>
  examples.reduce((longest, { sequences }) => Math.max(longest, ...sequences.map(({ ids }) => ids.length)), 0);

async function buildNetwork(
  plan: TrainingPlan,
  rowTokensMax: number,
  workFolder: string,
  parent: Parent,
): Promise<Network> {
  const { model, train, head = null, objective, hiddenDropout, basePrecision, threads, seed, device = 'cpu' } = plan;
  const options: NetworkOptions = {
    modelPath: model.path,
    train,
    head,
    ...(objective && { objective }),
    ...(hiddenDropout !== undefined && { hiddenDropout }),
    basePrecision,
    threads,
    seed,
    ...runLimitsOf(plan),
    rowTokensMax,
    workFolder,
  };
  // Devices come and go between a plan and its trainer, and their memory is others' as well.
  const network = await openNetwork({ ...options, device }).catch(async (error: Error) => {
    if (device === 'cpu') throw error;
    const message = `Training on the processor: the model could not be opened on ${device} (${error.message.split('\n')[0]})`;
    parent.tell({ type: 'warning', message });
    return await openNetwork(options);
  });
  if (plan.initialAdapter !== null) await loadTrained(plan.initialAdapter, network.parameters);
  return network;
}

interface Step {
  readonly step: number;
  readonly epoch: number;
  readonly batch: readonly TokenizedExample[];
}

/** Every epoch goes through all examples once, in an order of its own. */
function* stepsAfter(last: number, examples: readonly TokenizedExample[], plan: TrainingPlan): Generator<Step, void> {
  const stepsPerEpoch = Math.ceil(examples.length / plan.batchSize);
  for (let epoch = Math.floor(last / stepsPerEpoch) + 1; epoch <= plan.epochs; epoch++) {
    const order = epochOrder(plan.seed, epoch, examples.length);
    for (let i = 0; i < stepsPerEpoch; i++) {
      const step = (epoch - 1) * stepsPerEpoch + i + 1;
      if (step <= last) continue;
      const chosen = order.subarray(i * plan.batchSize, (i + 1) * plan.batchSize);
      yield { step, epoch, batch: Array.from(chosen, (index) => examples[index]!) };
    }
  }
}

/** In which order an epoch (from 1) goes through so many examples. */
export function epochOrder(seed: number, epoch: number, count: number): Uint32Array {
  return Random.fromSeed(seed).split(streams.shuffle).split(epoch).permutation(count);
}

/** The examples whose turn it is at this step: a batch every `evaluationInterval` steps, going round and round. */
function miniBatch(
  examples: readonly TokenizedExample[],
  step: number,
  plan: TrainingPlan,
): readonly TokenizedExample[] {
  const { evaluationInterval, batchSize, seed } = plan;
  if (examples.length === 0 || step % evaluationInterval !== 0) return [];
  const order = Random.fromSeed(seed).split(streams.validation).permutation(examples.length);
  const size = Math.min(batchSize, examples.length);
  const first = (step / evaluationInterval - 1) * size;
  return Array.from({ length: size }, (_, i) => examples[order[(first + i) % examples.length]!]!);
}

/** How examples become micro-batches, and what their losses are means of. */
class Lessons {
  readonly #limits: RunLimits;
  /** By how much the model found the better answer likelier before it was trained; null where nothing is compared. */
  readonly #references: ReadonlyMap<TokenizedExample, number> | null;

  private constructor(limits: RunLimits, references: ReadonlyMap<TokenizedExample, number> | null) {
    this.#limits = limits;
    this.#references = references;
  }

  /**
   * The reference of DPO is the model as training found it, so it is asked once, before the first step, and no second
   * model is needed; whoever resumes asks it again before the checkpoint is put back.
   */
  static async prepare(
    plan: TrainingPlan,
    network: Network,
    examples: readonly TokenizedExample[],
    limits: RunLimits,
    parent: Parent,
  ): Promise<Lessons> {
    if (plan.objective?.kind !== 'preference') return new Lessons(limits, null);
    const references = new Map<TokenizedExample, number>();
    for (let i = 0; i < examples.length; i += judgedTogether) {
      await parent.breathe();
      const together = examples.slice(i, i + judgedTogether);
      const sequences = together.flatMap((example) => [...example.pair!.better, ...example.pair!.worse]);
      const leanings = together.flatMap((example) =>
        [...example.pair!.better.map(() => 1), ...example.pair!.worse.map(() => -1)].map((sign) => ({ example, sign })),
      );
      for (const example of together) references.set(example, 0);
      const batches = packStep(sequences, limits);
      for (const [k, { logProbabilities }] of (await network.measure(batches)).entries()) {
        for (const [j, log] of logProbabilities.entries()) {
          const { example, sign } = leanings[batches[k]!.owners![j]!]!;
          references.set(example, references.get(example)! + sign * log);
        }
      }
    }
    return new Lessons(limits, references);
  }

  pack(examples: readonly TokenizedExample[]): MicroBatch[] {
    const references = this.#references;
    if (references === null) {
      return packStep(
        examples.flatMap(({ sequences }) => sequences),
        this.#limits,
      );
    }
    const pairs = examples.map((example) => ({ ...example.pair!, reference: references.get(example)! }));
    return packPairs(pairs, this.#limits);
  }

  /** Of what a loss is the mean: supervised tokens, or pairs of answers. */
  count(examples: readonly TokenizedExample[]): number {
    return this.#references === null ? sum(examples, ({ targets }) => targets) : examples.length;
  }

  preferences({ preferred, margin }: Judgement, pairs: number): Preferences | undefined {
    return this.#references === null ? undefined : { accuracy: preferred / pairs, margin: margin / pairs };
  }
}

/** Examples judged together: enough to fill rows, few enough to hear a cancellation in between. */
const judgedTogether = 16;

/** Mean loss and accuracy per supervised token, or null without examples. */
async function judge(
  network: Network,
  examples: readonly TokenizedExample[],
  lessons: Lessons,
  parent: Parent,
  exact = false,
): Promise<ValidationMetrics | null> {
  if (examples.length === 0) return null;
  const byLength = [...examples].sort((a, b) => a.tokens - b.tokens || a.line - b.line);
  let [loss, exactCount] = [0, 0];
  const total = noJudgement();
  for (let i = 0; i < byLength.length; i += judgedTogether) {
    await parent.breathe();
    const together = byLength.slice(i, i + judgedTogether);
    const batches = lessons.pack(together);
    const judgement = await network.evaluate(batches);
    if (exact) exactCount += await countExact(network, batches, together);
    loss += judgement.loss * lessons.count(together);
    total.correct += judgement.correct;
    total.preferred += judgement.preferred;
    total.margin += judgement.margin;
  }
  const targets = sum(examples, (example) => example.targets);
  const mean = {
    loss: loss / lessons.count(examples),
    tokenAccuracy: total.correct / targets,
    preferences: lessons.preferences(total, examples.length),
  };
  return exact ? { ...mean, exactAnswers: exactCount / examples.length } : mean;
}

/** How many examples had nothing but right tokens. */
async function countExact(
  network: Network,
  batches: readonly MicroBatch[],
  examples: readonly TokenizedExample[],
): Promise<number> {
  const exampleOf = examples.flatMap(({ sequences }, example) => sequences.map(() => example));
  const missed = new Set<number>();
  const measured = await network.measure(batches);
  for (const [k, { hits }] of measured.entries()) {
    for (const [i, hit] of hits.entries()) if (hit === 0) missed.add(exampleOf[batches[k]!.owners![i]!]!);
  }
  return examples.length - missed.size;
}

function diverged(step: number, loss: number, gradientNorm: number, learningRate: number): TunesmithError {
  const message =
    `Training diverged at step ${step}: the loss is ${loss} and the gradient norm ${gradientNorm} ` +
    `at a learning rate of ${learningRate.toPrecision(3)}. A lower learning_rate_multiplier usually helps.`;
  return new TunesmithError('invalid', message, { code: 'diverged' });
}

const epochOf = (step: number, stepsPerEpoch: number): number => Math.ceil(step / stepsPerEpoch);

const sum = <T>(items: readonly T[], numberOf: (item: T) => number): number =>
  items.reduce((total, item) => total + numberOf(item), 0);
