/**
 * Fine-tuning by examples: show the model conversations, and move what is trained so that what the assistant says in
 * them becomes likelier; or show it two answers, and make the better one likelier than the other by more than it was.
 *
 * A program from top to bottom: read, build, resume, then step after step, then done. All randomness follows
 * from the plan's seed and the step, so two runs of a plan are the same run, interrupted or not.
 */

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runLimitsOf } from '../../dataset/batch.ts';
import type { TokenizedExample } from '../../dataset/tokenize.ts';
import { TunesmithError } from '../../domain/errors.ts';
import {
  checkpointFolder,
  loadTrained,
  newestCheckpoint,
  pruneCheckpoints,
  restoreCheckpoint,
  saveCheckpoint,
  trainedFile,
  type Checkpoint,
  type CheckpointKind,
} from '../checkpoint.ts';
import { Journal } from '../journal.ts';
import { openNetwork, type NetworkOptions } from '../nn/load.ts';
import type { Network } from '../nn/network.ts';
import { AdamW } from '../optimizer.ts';
import { LeftEarly, type Parent } from '../parent.ts';
import type { TrainerEvent, TrainingPlan } from '../protocol.ts';
import { Random, streams } from '../random.ts';
import { learningRateAt } from '../schedule.ts';
import { EarlyStopping, OverfittingWatch, type Evaluation } from '../stopping.ts';
import { readExamples } from './examples.ts';
import { judge, Lessons } from './lessons.ts';
import { miniBatch, stepsAfter } from './order.ts';
import { tellReading } from './reading.ts';

type LastWord = Extract<TrainerEvent, { type: 'done' | 'paused' }>;

/** Trains by the plan; gives the last word to tell, or null when it was stopped without one. */
export async function trainSupervised(plan: TrainingPlan, jobFolder: string, parent: Parent): Promise<LastWord | null> {
  const checkpoints = join(jobFolder, 'checkpoints');
  const resumed = await newestCheckpoint(checkpoints, (folder, reason) =>
    parent.tell({ type: 'warning', message: `Passing over the damaged checkpoint ${folder}: ${reason}` }),
  );
  try {
    return await trainFrom(resumed, plan, { jobFolder, checkpoints }, parent);
  } catch (error) {
    if (!(error instanceof LeftEarly)) throw error;
    const [step, folder] = [resumed?.state.step ?? 0, resumed?.folder ?? null];
    return parent.wish === 'pause' ? { type: 'paused', step, folder } : null;
  }
}

async function trainFrom(
  resumed: Checkpoint | null,
  plan: TrainingPlan,
  { jobFolder, checkpoints }: { readonly jobFolder: string; readonly checkpoints: string },
  parent: Parent,
): Promise<LastWord | null> {
  const { training, validation } = await readExamples(plan, parent.cancelled);
  const stepsPerEpoch = Math.ceil(training.length / plan.batchSize);
  const totalSteps = stepsPerEpoch * plan.epochs;
  const limits = runLimitsOf(plan);
  const trainedTokens = sum(training, ({ tokens }) => tokens) * plan.epochs;
  const stopping = plan.earlyStopping ? new EarlyStopping(plan.earlyStopping) : null;
  const watch = new OverfittingWatch();

  await using work = await openWorkFolder(jobFolder);
  await using network = await buildNetwork(plan, { training, validation }, work.path, parent);
  const optimizer = new AdamW(network.parameters, plan);
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
    const judgement = await network.differentiate(lessons.pack(batch), dropout.uint32());
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
  { training, validation }: Readonly<Record<'training' | 'validation', readonly TokenizedExample[]>>,
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
    rowTokensMax: longestSequence(training),
    reading: {
      sequences: [...training, ...validation].flatMap(({ sequences }) => sequences),
      onProgress: tellReading(parent, 'frozen_layers'),
    },
    workFolder,
  };
  // Devices come and go between a plan and its trainer, and their memory is others' as well.
  const network = await openNetwork({ ...options, device }).catch(async (error: Error) => {
    if (device === 'cpu' || parent.cancelled.aborted || parent.wish !== null) throw error;
    const message = `Training on the processor: the model could not be opened on ${device} (${error.message.split('\n')[0]})`;
    parent.tell({ type: 'warning', message });
    return await openNetwork(options);
  });
  if (plan.initialAdapter !== null) await loadTrained(plan.initialAdapter, network.parameters);
  return network;
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
