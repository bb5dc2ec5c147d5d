/**
 * What a job would take, before anybody makes it: tokens, time, memory, what was "auto", and what would go wrong.
 *
 * The same rooms that validate a job are asked, so what is told here is what the job will tell. Of a large file a
 * sample is read. What a file was found to be is remembered, as a file never changes: another learning rate is
 * answered at once.
 */

import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { trainingPrices, epochsOf, priceSource } from '../dataset/price.ts';
import { sampleRows } from '../dataset/row-sample.ts';
import { statisticsOf, type Statistics } from '../dataset/statistics/statistics.ts';
import type { ValidationReport } from '../dataset/validate.ts';
import { invalid } from '../domain/errors.ts';
import type { JobEstimate } from '../domain/estimate.ts';
import type { Hyperparameters } from '../domain/job.ts';
import type { TrainingPlan } from '../engine/protocol.ts';
import { isEncoder } from '../families/table.ts';
import { targetsOfBase } from '../models/adapter.ts';
import type { BaseModels } from '../models/base-models.ts';
import type { BaseModel } from '../models/manifest.ts';
import type { ServedModel } from '../models/registry.ts';
import type { Blobs } from '../store/blobs.ts';
import { adapterShape } from './continuation.ts';
import type { Devices } from './devices.ts';
import { forecastOf, whyTooLarge } from './forecast.ts';
import { type FileReports, readFiles } from './job-files.ts';
import type { Jobs } from './jobs.ts';
import { memoryLimit } from './memory.ts';
import { resolveHyperparameters, type ResolvedHyperparameters, toPlan } from './plan.ts';
import { guessedReports, reckonedSeconds, recommend } from './recommendation.ts';
import { askedHyperparameters, askedMethod, type EstimateRequest, type JobRequest } from './request.ts';

export interface EstimatesOptions {
  readonly blobs: Blobs;
  readonly bases: BaseModels;
  readonly devices: Devices;
  /** The data folder. */
  readonly home: string;
  /** Processor cores that one trainer may use. */
  readonly threads: number;
}

/** Up to here a file is read whole. */
const wholeBytesMax = 400_000;
const sampleBytes = 200_000;
/** OpenAI's tokens are counted beside; an answer does not wait longer for them. */
const priceMsMax = 700;
const remembered = 24;

/** What a file was found to be, for a model and a method. */
interface Reading {
  readonly reports: FileReports;
  /** How many times as large the whole training file is. */
  readonly scale: number;
  readonly validationScale: number;
}

export class Estimates {
  readonly #options: EstimatesOptions;
  readonly #readings = new Remembered<Reading>();
  readonly #statistics = new Remembered<{ readonly statistics: Statistics; readonly scale: number }>();

  constructor(options: EstimatesOptions) {
    this.#options = options;
  }

  /** As a job of that project's would be; refused where the job would be. */
  async estimate(jobs: Jobs, asked: EstimateRequest): Promise<JobEstimate> {
    const any: JobRequest = { ...asked, model: asked.model ?? this.#anyModel() };
    await jobs.checkFiles(any);
    const request = asked.model == null ? { ...any, model: await this.#probableModel(any) } : any;
    const first = await this.#look(jobs, request);
    const recommendation = await recommend(this.#options, first.reading.reports, first.reading.scale, request);
    const better = asked.model == null && recommendation.model !== null && recommendation.model !== first.model.id;
    const looked = better ? await this.#look(jobs, { ...request, model: recommendation.model }) : first;
    return { ...(await this.#told(looked, request)), recommendation };
  }

  /** One that can be trained: to choose between them the file must be known, as one of them reads it. */
  #anyModel(): string {
    const trainable = this.#options.bases.list().filter(({ architecture }) => architecture.servingOnly === null);
    const any = trainable.find((base) => !isEncoder(base)) ?? trainable[0];
    if (any !== undefined) return any.id;
    throw invalid('model', 'No base model on this machine can be trained. Fetch one first.', 'model_not_available');
  }

  /** Most files need to be read for one model only, if the first guess is the right one. */
  async #probableModel(request: JobRequest): Promise<string> {
    const { size } = await stat(this.#options.blobs.path(request.training_file));
    return (await recommend(this.#options, guessedReports(size), 1, request)).model ?? request.model;
  }

  async #look(jobs: Jobs, request: JobRequest): Promise<Looked> {
    const model = await jobs.check(request);
    const asked = askedHyperparameters(request);
    const reading = await this.#read(request, asked, model.base);
    const { training, validation, head, data, note } = reading.reports;
    const report = scaled(training, reading.scale);
    const goesOn = model.adapterFolder !== null && ['auto', 'lora'].includes(asked.train ?? 'auto');
    const { device, event } = await this.#options.devices.choose(asked);
    const resolved = resolveHyperparameters(asked, {
      device,
      examples: report.examples,
      longestTokens: Math.max(report.longestTokens, validation?.longestTokens ?? 0),
      contextTokens: model.base.contextTokens,
      targets: targetsOfBase(model.base),
      initialAdapter: goesOn ? await adapterShape(model.adapterFolder) : null,
      head,
      method: askedMethod(request),
    });
    const places = {
      model: { id: model.base.id, path: model.base.path, sha256: model.base.sha256 },
      initialAdapter: null,
      trainingFile: request.training_file,
      validationFile: request.validation_file ?? null,
      threads: this.#options.threads,
      snapshotSeconds: 60,
    };
    const plan = toPlan({ id: 'estimate', seed: request.seed ?? 0 }, resolved, places, { head, data });
    const notes = [event?.level === 'warn' ? event.message : null, note].filter((each) => each !== null);
    return { model, reading, report, resolved, plan, notes };
  }

  async #told(looked: Looked, request: JobRequest): Promise<Omit<JobEstimate, 'recommendation'>> {
    const { model, reading, report, resolved, plan, notes } = looked;
    const { training, validation } = reading.reports;
    const held = validation === null ? null : scaled(validation, reading.validationScale);
    const sampled = reading.scale > 1;
    const [forecast, openai] = await Promise.all([
      forecastOf(this.#options.home, model.base, plan, resolved.train, { training: report, validation: held }),
      Promise.race([this.#prices(request.training_file, resolved.n_epochs), sleep(priceMsMax, null, { ref: false })]),
    ]);
    const tooLarge = whyTooLarge(model.base, plan);
    return {
      object: 'fine_tuning.estimate',
      model: model.id,
      base: model.base.id,
      counted: sampled ? 'sample' : 'all',
      examples: report.examples,
      tokens: {
        per_epoch: report.tokens,
        supervised_per_epoch: report.supervisedTokens,
        trained: report.tokens * resolved.n_epochs,
        longest: report.longestTokens,
        cut: sampled ? null : training.truncatedLines.length,
      },
      steps: stepsOf(report.examples, resolved),
      seconds: forecast.seconds,
      seconds_reckoned: reckonedSeconds(model.base, report.tokens * resolved.n_epochs, plan),
      memory: {
        bytes: forecast.memoryBytes,
        limit_bytes: Math.round(memoryLimit()),
        fits: tooLarge === null,
        message: tooLarge?.message.replace(/^The job failed because /, '') ?? null,
      },
      hyperparameters: resolved,
      openai,
      failure: failureIn(reading) ?? null,
      warnings: [...(sampled ? [] : [...training.warnings, ...(validation?.warnings ?? [])]), ...notes],
    };
  }

  #read(request: JobRequest, asked: Hyperparameters, base: BaseModel): Promise<Reading> {
    const { training_file: training, validation_file: validation = null } = request;
    const method = askedMethod(request);
    const { max_length, task, pooling } = asked;
    const key = JSON.stringify([training, validation, base.sha256, method, max_length, task, pooling]);
    return this.#readings.get(key, async () => {
      return await this.#withSamples([training, validation], async ([first, second]) => {
        const files = { training: first!.path, validation: second?.path ?? null, name: training, method, asked };
        const reports = await readFiles(files, base, AbortSignal.timeout(10 * 60_000));
        return { reports, scale: first!.scale, validationScale: second?.scale ?? 1 };
      });
    });
  }

  async #prices(file: string, epochs: number): Promise<NonNullable<JobEstimate['openai']>> {
    const { statistics, scale } = await this.#statistics.get(file, async () => {
      return await this.#withSamples([file], async ([sample]) => {
        // A thread of its own: OpenAI's words take a while to load.
        return { statistics: await statisticsOf(sample!.path, { threads: 1 }), scale: sample!.scale };
      });
    });
    const prices = trainingPrices(statistics, epochsOf(statistics.examples, epochs), 0);
    return {
      source: priceSource.text,
      prices: prices.map(({ model, trainedTokens, usd }) => ({
        model,
        trained_tokens: Math.round(trainedTokens * scale),
        usd: Number((usd * scale).toPrecision(4)),
      })),
    };
  }

  /** Large files as samples, which are gone afterwards. */
  async #withSamples<Found>(
    ids: readonly (string | null)[],
    use: (files: readonly (SampledFile | null)[]) => Promise<Found>,
  ): Promise<Found> {
    const cache = join(this.#options.home, 'cache');
    await mkdir(cache, { recursive: true });
    const folder = await mkdtemp(join(cache, 'sample-'));
    try {
      const files = ids.map(async (id, i): Promise<SampledFile | null> => {
        if (id === null) return null;
        const path = this.#options.blobs.path(id);
        const { size } = await stat(path);
        if (size <= wholeBytesMax) return { path, scale: 1 };
        const sample = join(folder, `${i}.jsonl`);
        return { path: sample, ...(await sampleRows(path, sample, size, sampleBytes)) };
      });
      return await use(await Promise.all(files));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

interface SampledFile {
  readonly path: string;
  readonly scale: number;
}

interface Looked {
  readonly model: ServedModel;
  readonly reading: Reading;
  /** Of the whole training file. */
  readonly report: ValidationReport;
  readonly resolved: ResolvedHyperparameters;
  readonly plan: TrainingPlan;
  readonly notes: readonly string[];
}

function scaled(report: ValidationReport, scale: number): ValidationReport {
  if (scale === 1) return report;
  const times = (count: number): number => Math.round(count * scale);
  const lengths = new Map([...report.lengths].map(([tokens, count]) => [tokens, times(count)]));
  const { examples, tokens, supervisedTokens } = report;
  return {
    ...report,
    examples: times(examples),
    tokens: times(tokens),
    supervisedTokens: times(supervisedTokens),
    lengths,
  };
}

const stepsOf = (examples: number, { batch_size, n_epochs, validation_split = 0 }: ResolvedHyperparameters): number =>
  Math.ceil((examples - Math.round(validation_split * examples)) / batch_size) * n_epochs;

/** Of a sample the rows' numbers mean nothing, so only that there is something is told. */
function failureIn({ reports: { training, validation }, scale }: Reading): JobEstimate['failure'] {
  const failure = training.failure ?? validation?.failure ?? null;
  if (failure === null || scale === 1) return failure;
  if (failure.code === 'invalid_n_examples') return null;
  const { code, param } = failure;
  const share = Math.max(1, Math.round((100 * training.errorCount) / Math.max(1, training.examples)));
  const message = `In a sample of the file about ${share} % of the rows have errors; a job would fail. Check the file to see which.`;
  return { code, param, message };
}

/** What was worked out lately, and what is being worked out; a failure is not kept. */
class Remembered<Value> {
  readonly #values = new Map<string, Promise<Value>>();

  get(key: string, make: () => Promise<Value>): Promise<Value> {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    value.catch(() => this.#values.delete(key));
    if (this.#values.size > remembered) this.#values.delete(this.#values.keys().next().value!);
    return value;
  }
}
