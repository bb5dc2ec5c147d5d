/**
 * A sweep: trials on one data set by successive halving, ranked on its validation set, and the best one measured once
 * on a test set that nobody has seen till then.
 *
 * Everything goes through the official SDK: jobs wait in the server's queue like any others. What was learnt is in
 * one file, so that a stopped sweep goes on; what was asked for and not yet noted is found by the jobs' metadata.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { APIError } from 'openai';
import { invalid } from '../domain/errors.ts';
import { readTest, recogniseTask, taskAsSet, type Recognised, type Task, type TestItem } from '../evals/task.ts';
import type { View } from '../evals/view.ts';
import { planRungs, type Rung } from './halving.ts';
import { assertMetric, comparedModels, evaluated, figureOf, measure, metricOf, Unmeasured, type Judge, type Metric } from './measure.ts'; // prettier-ignore
import { automaticAt, prepareParts } from './parts.ts';
import { drawTrials, gridOf, isRange, type Dimension } from './space.ts';
import { fingerprintOf, hashOf, readState, writeState } from './state.ts';
import { ended, startTraining, uploadOnce, valuesInWords, type Job } from './trainings.ts';
import { climbersOf, rankedOn, statePath, type Result, type SweepState, type Trial } from './trials.ts';

export interface SweepPlan {
  readonly training: string;
  /** Null has one cut from the training set. */
  readonly validation: string | null;
  readonly test: string | null;
  readonly dimensions: readonly Dimension[];
  /** How many to draw; null takes the whole grid. */
  readonly draws: number | null;
  readonly factor: number;
  readonly smallest: number;
  readonly finalists: number;
  readonly metric?: string | undefined;
  readonly task?: Task | undefined;
  readonly seed: number;
}

export interface SweepOptions {
  readonly plan: SweepPlan;
  /** Where state and data go. */
  readonly folder: string;
  /** Forgets what the folder knows, and trains everything again. */
  readonly fresh: boolean;
  /** Whether trials that failed are tried again. */
  readonly retry: boolean;
  /** Whether models that fell out stay on the server. */
  readonly keepModels: boolean;
  readonly openai: OpenAI;
  /** Named in what is remembered of answers. */
  readonly server: string;
  readonly answersFolder: string;
  readonly signal: AbortSignal;
  readonly view: View;
  /** What the sweep is called, also in the metadata of its jobs; without it, a fingerprint of what was asked. */
  readonly id?: string;
  /** Told whenever something was learnt. */
  readonly onState?: (state: SweepState) => void;
}

export async function runSweep(options: SweepOptions): Promise<SweepState> {
  return await new Sweep(options).run();
}

class Sweep {
  readonly #options: SweepOptions;
  #state!: SweepState;
  #judge!: Judge;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  async run(): Promise<SweepState> {
    const { plan, signal, view } = this.#options;
    await this.#assertModels();
    const test = plan.test === null ? null : await readTest(plan.test, { signal });
    this.#state = (await this.#earlier()) ?? (await this.#begin());
    this.#options.onState?.(this.#state);
    const items = await readTest(this.#state.validation, { signal });
    const recognised = recognisedAs(plan.task, items);
    this.#judge = this.#judgeOf(items, recognised);
    if (test !== null) await this.#assertUnseen(test);
    const { rungs, trials, metric } = this.#state;
    assertMetric(metric, recognised, items);
    view.note(
      `${trials.length} trials by ${metric.name} on ${items.length} validation examples; ${rungs.map((rung) => `${rung.trials} on ${rung.examples}`).join(', then ')} training examples.`,
    );
    if (this.#options.retry) await this.#forgetFailures();
    for (const number of rungs.keys()) await this.#climb(number);
    await this.#finish(test);
    return this.#state;
  }

  async #assertModels(): Promise<void> {
    const { openai, plan, signal } = this.#options;
    const { values } = plan.dimensions.find(({ name }) => name === 'model') ?? { values: [] };
    for (const model of isRange(values) ? [] : values) {
      await openai.models.retrieve(String(model), { signal }).catch((error: unknown) => {
        if (!(error instanceof APIError) || error.status !== 404) throw error;
        throw invalid(null, `The server has no model "${model}". Fetch it first: tunesmith models pull ${model}`);
      });
    }
  }

  async #asked(): Promise<Record<string, unknown>> {
    const { training, validation, test, ...rules } = this.#options.plan;
    return {
      training: await hashOf(training),
      validation: validation === null ? null : await hashOf(validation),
      test: test === null ? null : await hashOf(test),
      ...rules,
      metric: rules.metric ?? null,
      task: rules.task ?? null,
    };
  }

  async #earlier(): Promise<SweepState | null> {
    const { folder, fresh, view } = this.#options;
    if (fresh) await rm(statePath(folder), { force: true });
    const state = await readState<SweepState>(statePath(folder), await this.#asked());
    if (state !== null) {
      const done = state.trials.reduce((sum, { results }) => sum + results.length, 0);
      view.note(`Going on with ${statePath(folder)}: ${done} trainings are done.`);
    }
    return state;
  }

  async #begin(): Promise<SweepState> {
    const { plan, folder, fresh, signal, view } = this.#options;
    const { dimensions, draws, seed } = plan;
    const values = draws === null ? gridOf(dimensions) : drawTrials(dimensions, draws, seed);
    view.live('  cutting the training set');
    let rungs: Rung[] = [];
    const sizes = (examples: number): number[] => {
      rungs = planRungs({ ...plan, trials: values.length, examples });
      return rungs.map((rung) => rung.examples);
    };
    const cut = await prepareParts({ ...plan, sizes, folder: join(folder, 'data'), signal }).finally(() =>
      view.live(''),
    );
    const examples = cut.parts.at(-1)!.examples;
    const items = await readTest(cut.validation, { signal });
    const { task } = recognisedAs(plan.task, items);
    const asked = await this.#asked();
    const state: SweepState = {
      version: 1,
      id: this.#options.id ?? (fresh ? `${fingerprintOf(asked)}-${Date.now().toString(36)}` : fingerprintOf(asked)),
      asked,
      metric: metricOf(plan.metric, task),
      task,
      rungs: rungs.map((rung, i) => ({ ...rung, examples: cut.parts[i]!.examples })),
      parts: cut.parts,
      validation: cut.validation,
      validationExamples: items.length,
      trials: values.map((each, i) => ({
        id: `t${String(i + 1).padStart(String(values.length).length, '0')}`,
        values: { ...automaticAt(examples), ...each },
        results: [],
      })),
      winner: null,
      comparison: null,
      test: null,
    };
    await writeState(statePath(folder), state);
    return state;
  }

  #judgeOf(items: readonly TestItem[], recognised: Recognised): Judge {
    const { openai, server, answersFolder, signal, view } = this.#options;
    const onProgress = (text: string): void => view.live(`  ${text}`);
    return { openai, items, recognised, metric: this.#state.metric, folder: answersFolder, server, signal, onProgress };
  }

  async #assertUnseen(test: readonly TestItem[]): Promise<void> {
    const { signal, plan } = this.#options;
    const asked = ({ input }: TestItem): string => JSON.stringify(input);
    const known = new Set(this.#judge.items.map(asked));
    const training = await readTest(this.#state.parts.at(-1)!.path, { signal }).catch(() => []);
    for (const item of training) known.add(asked(item));
    const seen = test.filter((item) => known.has(asked(item)));
    if (seen.length > 0)
      throw invalid(
        null,
        `${seen.length} of ${test.length} questions of ${plan.test} are also in the training or validation set (line ${seen[0]!.line} is the first); a test is of what was not seen.`,
      );
  }

  async #forgetFailures(): Promise<void> {
    const lean = ({ results }: Trial): readonly Result[] => results.filter(({ measured }) => measured !== null);
    const trials = this.#state.trials.map((trial) => ({ ...trial, results: lean(trial) }));
    if (trials.every(({ results }, i) => results.length === this.#state.trials[i]!.results.length)) return;
    // Who wins may change with them.
    await this.#save({ trials, winner: null, comparison: null, test: null });
  }

  async #save(change: Partial<SweepState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    await writeState(statePath(this.#options.folder), this.#state);
    this.#options.onState?.(this.#state);
  }

  async #climb(number: number): Promise<void> {
    const { view, openai, signal } = this.#options;
    const { rungs, id, metric } = this.#state;
    const open = climbersOf(this.#state, number).filter(({ results }) => results[number] === undefined);
    if (climbersOf(this.#state, number).length === 0) throw new Error(this.#nothingLeft(number - 1));
    const rung = String(number + 1);
    const jobs = open.length === 0 ? new Map<string, Trial>() : await this.#start(number, open);
    const of = climbersOf(this.#state, number).length;
    const startedMs = Date.now();
    let done = 0;
    const onLook = (left: readonly Job[], news: string | null): void => {
      const minutes = done === 0 ? null : ((Date.now() - startedMs) / done) * left.length;
      const time = minutes === null ? '' : `, about ${Math.ceil(minutes / 60_000)} min left`;
      view.live(`  rung ${rung} of ${rungs.length}: ${of - left.length} of ${of} trained${time}  ${news ?? ''}`);
    };
    try {
      for await (const job of ended(openai, { sweep: id, rung }, [...jobs.keys()], signal, onLook)) {
        const trial = jobs.get(job.id)!;
        const result = await this.#resultOf(number, job);
        await this.#record(number, trial.id, result);
        done += 1;
        view.note(`  rung ${rung}: ${trial.id} ${inWords(result, metric)} (${valuesInWords(trial.values)})`);
      }
    } finally {
      view.live('');
    }
    if (climbersOf(this.#state, number).every(({ results }) => results[number]!.measured === null))
      throw new Error(this.#nothingLeft(number));
    if (number + 1 < rungs.length) await this.#dismiss(number);
  }

  #nothingLeft(number: number): string {
    const reasons = climbersOf(this.#state, number).map(({ results }) => results[number]?.reason);
    return `Not one trial was trained and measured: ${reasons.find((reason) => reason != null) ?? 'no reason was given'} --retry tries them again.`;
  }

  /** The jobs of these trials by their ids; those that the server refuses are noted. */
  async #start(number: number, trials: readonly Trial[]): Promise<Map<string, Trial>> {
    const { openai, signal, retry, plan, view } = this.#options;
    const { id, parts, validation } = this.#state;
    const { path, examples } = parts[number]!;
    const validationFile = await uploadOnce(openai, validation, `sweep-${id}-validation.jsonl`, signal);
    const trainingFile = await uploadOnce(openai, path, `sweep-${id}-train-${examples}.jsonl`, signal);
    const jobs = new Map<string, Trial>();
    for (const trial of trials) {
      const name = { sweep: id, trial: trial.id, rung: String(number + 1) };
      const request = { name, values: trial.values, trainingFile, validationFile, seed: plan.seed };
      const started = await startTraining(openai, request, { retry, signal });
      if ('refused' in started) {
        await this.#record(number, trial.id, { ...nothing, examples, reason: started.refused });
        view.note(`  rung ${number + 1}: ${trial.id} was refused (${valuesInWords(trial.values)}): ${started.refused}`);
      } else jobs.set(started.id, trial);
    }
    return jobs;
  }

  async #resultOf(number: number, job: Job): Promise<Result> {
    const { examples } = this.#state.parts[number]!;
    const result = { job: job.id, model: job.fine_tuned_model, examples, trainedTokens: job.trained_tokens };
    if (job.status !== 'succeeded') {
      const reason = job.error?.message ?? `the job was ${job.status}`;
      return { ...result, model: null, measured: null, reason };
    }
    try {
      return { ...result, measured: await measure(this.#judge, job), reason: null };
    } catch (error) {
      if (!(error instanceof Unmeasured)) throw error;
      return { ...result, measured: null, reason: error.message };
    }
  }

  async #record(number: number, id: string, result: Result): Promise<void> {
    const trials = this.#state.trials.map((trial) => {
      if (trial.id !== id) return trial;
      return { ...trial, results: [...trial.results.slice(0, number), result] };
    });
    await this.#save({ trials });
  }

  /** Models of those that go no further, and of the rung itself, take room; their figures are kept. */
  async #dismiss(number: number): Promise<void> {
    const { openai, signal, keepModels } = this.#options;
    if (keepModels) return;
    for (const trial of climbersOf(this.#state, number)) {
      const { job, model } = trial.results[number]!;
      if (job === null || model === null) continue;
      const names = new Set([model]);
      for await (const { fine_tuned_model_checkpoint } of openai.fineTuning.jobs.checkpoints.list(job, {}, { signal }))
        names.add(fine_tuned_model_checkpoint);
      for (const name of names) {
        await openai.models.delete(name, { signal }).catch((error: unknown) => {
          if (!(error instanceof APIError) || error.status !== 404) throw error;
        });
      }
      const results = trial.results.map((result, i) => (i === number ? { ...result, model: null } : result));
      await this.#save({
        trials: this.#state.trials.map((each) => (each.id === trial.id ? { ...each, results } : each)),
      });
    }
  }

  async #finish(test: readonly TestItem[] | null): Promise<void> {
    const { view } = this.#options;
    const last = this.#state.rungs.length - 1;
    const [first, second] = rankedOn(this.#state, last).filter(({ results }) => results[last]!.measured !== null);
    const model = first!.results[last]!.model!;
    try {
      if (this.#state.winner === null) {
        const rival = second?.results[last]?.model ?? null;
        const comparison = rival === null ? null : await comparedModels(this.#judge, rival, model);
        await this.#save({ winner: first!.id, comparison });
      }
      if (test !== null && this.#state.test === null) {
        const judge = { ...this.#judge, items: test };
        const { value, low, high, n } = figureOf(await evaluated(judge, model), this.#testMetric());
        await this.#save({ test: { value, low, high, n } });
      }
    } finally {
      view.live('');
    }
  }

  /** A loss is of the validation file alone; the test is then told by the task's main figure. */
  #testMetric(): Metric {
    const { metric, task } = this.#state;
    return metric.name.startsWith('valid_') ? metricOf(undefined, task) : metric;
  }
}

const nothing = { job: null, model: null, measured: null, trainedTokens: null } as const;

function recognisedAs(task: Task | undefined, items: readonly TestItem[]): Recognised {
  return task === undefined ? recogniseTask(items.map(({ reference }) => reference)) : taskAsSet(task, items);
}

const inWords = ({ measured, reason }: Result, { name }: Metric): string =>
  measured === null ? `failed: ${reason}` : `${name} ${measured.value.toFixed(4)}`;
