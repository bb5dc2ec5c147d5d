/**
 * How fast this machine trains a base model: a few real steps of the real trainer, measured once and kept in the data
 * folder, so that it can be told beforehand how long a job takes.
 *
 *   calibrations/<base>-<method>-<what learns>-<precision>-<lanes>-of-<threads>.json
 *
 * What is kept is the time per unit of work, as `dataset/batch.ts` reckons work: then examples of other lengths than
 * those that were measured can be foretold too. A figure of another file or another processor is not believed.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { epochCost, runLimitsOf, type RunLimits } from '../dataset/batch.ts';
import { TunesmithError } from '../domain/errors.ts';
import type { ChatExample } from '../domain/example.ts';
import type { HeadPlan, TrainerEvent, TrainingPlan } from '../engine/protocol.ts';
import { headPoolingOf } from '../families/label-head.ts';
import { isEncoder } from '../families/table.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import { openGguf } from '../formats/gguf.ts';
import { targetsOfBase } from '../models/adapter.ts';
import type { BaseModel } from '../models/base-models.ts';
import { programArguments } from '../programs.ts';
import { TextCodec } from '../text/codec.ts';
import { EncoderCodec } from '../text/encoder-codec.ts';
import { layersOf, modeOf } from './methods.ts';
import { autoBasePrecision, resolveHyperparameters, toPlan } from './plan.ts';
import { trainedParameters } from './memory.ts';
import { Trainer } from './trainer.ts';

/** What a figure is valid for. */
export interface CalibrationSetting {
  readonly base: BaseModel;
  readonly method: 'supervised';
  readonly threads: number;
  readonly batchSize: number;
  /** Which weights learn, as a request says it; adapters if it does not. */
  readonly train?: string;
  readonly basePrecision?: TrainingPlan['basePrecision'];
}

const calibrationSchema = z.object({
  version: z.literal(4),
  sha256: z.string(),
  processor: z.string(),
  /** What a training takes beside its steps: the launch, how much longer its first step takes, the saving of an epoch. */
  startMs: z.number(),
  /** Of every further saving. */
  saveMs: z.number(),
  /** Of what frozen layers read once, per unit of `epochCost`; 0 where nothing is. */
  readMsPerCost: z.number(),
  /** Milliseconds per unit of `epochCost`, or per step where only a head is trained. */
  msPerCost: z.number().positive(),
  /** On top of that, milliseconds per supervised token: what the head takes. */
  msPerTarget: z.number(),
  /** Of looking at examples without learning from them, per unit of `epochCost`. */
  lookMsPerCost: z.number(),
  steps: z.int(),
  /** Tokens per second of the steps measured, for people. */
  tokensPerSecond: z.number(),
  /** Unix seconds. */
  measuredAt: z.int(),
});

export type Calibration = z.infer<typeof calibrationSchema>;

/** How long examples are, in tokens of the base model, and how often each length occurs. */
export type Lengths = readonly (readonly [tokens: number, count: number])[];

/** What is to be trained. */
export interface Training {
  readonly lengths: Lengths;
  readonly epochs: number;
  /** One, unless answers are compared. */
  readonly sequencesPerExample?: number;
  /** Of an epoch; half of all tokens unless it is known. */
  readonly supervisedTokens?: number;
  /** What is looked at without learning from it, and how often. */
  readonly looks?: readonly { readonly lengths: Lengths; readonly times: number }[];
  /** How often what was learnt is saved; once an epoch unless told. */
  readonly saves?: number;
}

/** How long training takes, by what was measured here. */
export function estimateMs(calibration: Calibration, setting: CalibrationSetting, training: Training): number {
  const { lengths, epochs, sequencesPerExample = 1, looks = [], saves = epochs } = training;
  const { supervisedTokens = tokensIn(lengths) / 2 } = training;
  const { startMs, saveMs, readMsPerCost, msPerCost, msPerTarget, lookMsPerCost } = calibration;
  const learning = costOf(setting, lengths, setting.batchSize * sequencesPerExample) * msPerCost;
  const looking = looks.reduce((sum, { lengths, times }) => sum + times * costOf(setting, lengths, together), 0);
  const reading = [lengths, ...looks.map((look) => look.lengths)].reduce((sum, each) => sum + readCost(each), 0);
  const targets = supervisedTokens * msPerTarget;
  const steps = epochs * (learning + targets);
  return startMs + reading * readMsPerCost + steps + looking * lookMsPerCost + Math.max(0, saves - 1) * saveMs;
}

/** What is computed of so many at once; of a head alone, which reads what its frozen layers have made, a step is a step. */
function costOf(setting: CalibrationSetting, lengths: Lengths, batchSize: number): number {
  if (modeOf(setting.train ?? 'lora') !== 'head') return epochCost(lengths, { ...limitsOf(setting), batchSize });
  return Math.ceil(lengths.reduce((sum, [, count]) => sum + count, 0) / batchSize);
}

const readCost = (lengths: Lengths): number => epochCost(lengths, { batchSize: together, lanes: 1 });

/** Whoever only looks takes so many examples at a time. */
const together = 16;

const tokensIn = (lengths: Lengths): number => lengths.reduce((sum, [tokens, count]) => sum + tokens * count, 0);

/** What was measured for this setting on this machine; null when nothing was. */
export async function readCalibration(home: string, setting: CalibrationSetting): Promise<Calibration | null> {
  let found: unknown;
  try {
    found = JSON.parse(await readFile(fileOf(home, setting), 'utf8'));
  } catch {
    return null;
  }
  const parsed = calibrationSchema.safeParse(found);
  const valid = parsed.success && parsed.data.sha256 === setting.base.sha256 && parsed.data.processor === processor();
  return valid ? parsed.data : null;
}

export interface CalibrateOptions {
  readonly signal?: AbortSignal;
  /** Told after each step. */
  readonly onStep?: (step: number, steps: number) => void;
}

/** Tokens of the measured examples; of every other one half is learnt, of the rest a word. */
const exampleTokens = 256;
/** Of each lane in a step: enough to fill one micro-batch. */
const examplesPerLane = 2;
const warmUpSteps = 1;
const stepsMax = 6;
/** Slow machines may stop before `stepsMax`, with at least this many steps measured. */
const stepsMin = 2;
const patienceMs = 30_000;
/** Steps between two looks at a validation set. */
const lookInterval = 2;
/** Of a step, where no look was measured. */
const lookShare = 0.4;
/** A checkpoint has a weight's value and two moments. */
const bytesPerTrained = 12;
const diskBytesPerMs = 300_000;
const silenceMsMax = 10 * 60 * 1000;

/** Measures, and keeps what it found in the data folder. */
export async function calibrate(
  home: string,
  setting: CalibrationSetting,
  options: CalibrateOptions = {},
): Promise<Calibration> {
  const folder = await openWorkFolder(home);
  try {
    const calibration = await measure(folder, setting, options);
    await writeAtomically(fileOf(home, setting), [Buffer.from(`${JSON.stringify(calibration, null, 2)}\n`)]);
    return calibration;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A step, and how long it took from the one before, looking and saving included. */
type Step = Extract<TrainerEvent, { type: 'step' }> & { readonly sinceMs: number };

async function measure(
  folder: string,
  setting: CalibrationSetting,
  { signal, onStep }: CalibrateOptions,
): Promise<Calibration> {
  const { tokens, batchSize, trained } = await writeJob(folder, setting);
  const launchedMs = performance.now();
  await using trainer = await Trainer.launch({
    arguments: [...programArguments('engine/main'), folder],
    folder,
    silenceMsMax,
    onNoise: () => undefined,
  });
  const kill = (): void => trainer.leave('cancel', 0);
  if (signal?.aborted === true) kill();
  else signal?.addEventListener('abort', kill);
  const steps: Step[] = [];
  let [startedMs, lastMs] = [0, 0];
  let read: Extract<TrainerEvent, { type: 'reading' }> | null = null;
  // One that was stopped early has saved nothing: what a disk may be trusted with.
  let saveMs = (trained * bytesPerTrained) / diskBytesPerMs;
  try {
    for await (const events of trainer.listen()) {
      const nowMs = performance.now();
      for (const event of events) {
        if (event.type === 'reading' && event.by === 'frozen_layers') read = event;
        if (event.type === 'started') startedMs = nowMs - launchedMs;
        if (event.type === 'checkpoint') saveMs = nowMs - lastMs;
        if (event.type !== 'step') continue;
        steps.push({ ...event, sinceMs: nowMs - lastMs });
        lastMs = nowMs;
        onStep?.(steps.length, warmUpSteps + stepsMax);
      }
      const measured = steps.length - warmUpSteps;
      if (measured >= stepsMin && performance.now() - launchedMs > patienceMs) trainer.leave('cancel', 1000);
    }
  } finally {
    signal?.removeEventListener('abort', kill);
  }
  signal?.throwIfAborted();
  const ending = await trainer.ending();
  const measured = steps.slice(warmUpSteps);
  if (measured.length < stepsMin) throw notMeasured(setting.base.id, ending);

  const stepMs = median(measured.map(({ elapsedMs }) => elapsedMs));
  const spentMs = performance.now() - launchedMs;
  const looks = steps.filter(({ validation }) => validation !== null).map(lookingMs);
  const inSteps = steps.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) + looks.reduce((sum, ms) => sum + ms, 0);
  const besideMs = (ending.type === 'done' ? spentMs - inSteps : startedMs + saveMs) - (read?.elapsedMs ?? 0);
  const cost = costOf(setting, [[tokens, batchSize]], batchSize);
  const msPerTarget = slopeOf(measured.map((step) => [step.supervisedTokens, step.elapsedMs]));
  const targets = median(measured.map(({ supervisedTokens }) => supervisedTokens));
  const msPerCost = Math.max(0.3 * stepMs, stepMs - targets * msPerTarget) / cost;
  // The first look makes what looking needs.
  const looked = looks.length > 1 ? median(looks.slice(1)) : lookShare * stepMs;
  return {
    version: 4,
    sha256: setting.base.sha256,
    processor: processor(),
    startMs: Math.round(besideMs + Math.max(0, steps[0]!.elapsedMs - stepMs)),
    saveMs: Math.round(saveMs),
    readMsPerCost: read === null ? 0 : read.elapsedMs / readCost([[tokens, read.sequences]]),
    msPerCost,
    msPerTarget,
    lookMsPerCost: looked / costOf(setting, [[tokens, batchSize]], together),
    steps: measured.length,
    tokensPerSecond: Math.round((measured[0]!.tokens / stepMs) * 1000),
    measuredAt: Math.floor(Date.now() / 1000),
  };
}

const lookingMs = ({ sinceMs, elapsedMs }: Step): number => Math.max(0, sinceMs - elapsedMs);

/** How much y grows with x, by least squares; 0 where it does not. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x0, y0] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [x]) => sum + (x - x0) ** 2, 0);
  const together = points.reduce((sum, [x, y]) => sum + (x - x0) * (y - y0), 0);
  return spread === 0 ? 0 : Math.max(0, together / spread);
}

/** A job folder with a plan for so many steps of examples that are all about as long. */
async function writeJob(
  folder: string,
  setting: CalibrationSetting,
): Promise<{ readonly tokens: number; readonly batchSize: number; readonly trained: number }> {
  const { base, threads } = setting;
  const { lanes } = limitsOf(setting);
  const batchSize = lanes === 1 ? 1 : lanes * examplesPerLane;
  const { written, tokens, head } = await exampleFor(base);
  const [trainingFile, validationFile] = [join(folder, 'train.jsonl'), join(folder, 'validation.jsonl')];
  const examples = batchSize * (warmUpSteps + stepsMax);
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, i) => `${JSON.stringify(written[i % written.length])}\n`).join('');
  await writeFile(trainingFile, lines(examples));
  await writeFile(validationFile, lines(batchSize));
  const facts = {
    examples,
    longestTokens: tokens,
    contextTokens: base.contextTokens,
    targets: targetsOfBase(base),
    initialAdapter: null,
    head,
  };
  const hyperparameters = resolveHyperparameters(
    {
      n_epochs: 1,
      batch_size: batchSize,
      learning_rate_multiplier: 'auto',
      eval_interval: lookInterval,
      ...(setting.train !== undefined && { train: setting.train }),
      ...(setting.basePrecision && { base_precision: setting.basePrecision }),
    },
    facts,
  );
  const places = { initialAdapter: null, trainingFile, validationFile, threads, snapshotSeconds: 3600 };
  const model = { id: base.id, path: base.path, sha256: base.sha256 };
  const plan = toPlan({ id: 'calibration', seed: 1 }, hyperparameters, { ...places, model }, { head });
  await writeFile(join(folder, 'plan.json'), JSON.stringify(plan));
  return { tokens, batchSize, trained: trainedParameters(base.architecture, plan.train) };
}

interface MeasuredExamples {
  /** All about equally long. */
  readonly written: readonly ChatExample[];
  readonly tokens: number;
  /** What an encoder tells apart; null for models that write. */
  readonly head: HeadPlan | null;
}

/**
 * Examples of about the wanted length, in the model's own tokens: of one half is the answer, of the other a word; of an
 * encoder both have a label.
 */
async function exampleFor(base: BaseModel): Promise<MeasuredExamples> {
  await using gguf = await openGguf(base.path);
  const { metadata } = gguf;
  const wanted = Math.min(exampleTokens, Math.floor(base.contextTokens / 2));
  const encoder = isEncoder(base) ? EncoderCodec.fromGguf(metadata) : null;
  const codec = encoder === null ? TextCodec.fromGguf(metadata) : null;
  const task = 'classification';
  const head =
    encoder === null
      ? null
      : ({ task, labels: ['a', 'b'], form: null, pooling: headPoolingOf(metadata, task) } as const);
  const text = (words: number): string =>
    Array.from({ length: words }, (_, i) => wordList[i % wordList.length]).join(' ');
  const said = (question: number, answer: string): ChatExample => ({
    messages: [
      { role: 'user', content: text(question) },
      { role: 'assistant', content: answer },
    ],
  });
  const build = (words: number): MeasuredExamples => {
    const even = said(words, encoder === null ? text(words) : 'a');
    const short = encoder === null ? said(2 * words - 1, text(1)) : said(words, 'b');
    const tokens =
      encoder?.encode(text(words), Infinity).ids.length ??
      codec!.encodeExample(even, 1).reduce((sum, { ids }) => sum + ids.length, 0);
    return { written: [even, short], tokens, head };
  };
  let built = build(1);
  for (let words = 2; built.tokens < wanted; words++) built = build(words);
  return built;
}

const wordList = 'the small shop sells bread milk and seven kinds of tea to people who come by every morning'.split(
  ' ',
);

async function openWorkFolder(home: string): Promise<string> {
  const folder = join(home, 'calibrations');
  await mkdir(folder, { recursive: true });
  return await mkdtemp(join(folder, '.work-'));
}

function fileOf(home: string, setting: CalibrationSetting): string {
  const { base, method, threads } = setting;
  const { train = 'lora', basePrecision = autoBasePrecision() } = setting;
  const name = [base.id, method, train, basePrecision, `${limitsOf(setting).lanes}-of-${threads}`].join('-');
  return join(home, 'calibrations', `${name}.json`);
}

const limitsOf = ({ threads, batchSize, base, train = 'lora' }: CalibrationSetting): RunLimits =>
  runLimitsOf({
    threads,
    batchSize,
    train: { mode: modeOf(train), layers: layersOf(train) },
    head: isEncoder(base) ? {} : null,
  });

const processor = (): string => cpus()[0]?.model ?? 'unknown';

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
}

function notMeasured(id: string, ending: Awaited<ReturnType<Trainer['ending']>>): TunesmithError {
  const reason =
    ending.type === 'failed' ? ending.message : 'how' in ending ? ending.how : `the trainer said "${ending.type}"`;
  return new TunesmithError('invalid', `How fast ${id} trains here could not be measured: ${reason}`, {
    code: 'calibration_failed',
  });
}
