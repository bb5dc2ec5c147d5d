/**
 * Turns what a trainer says into the job's events, in the words that OpenAI uses.
 *
 * A trainer that goes on from a checkpoint first tells again what led there; what was recorded is passed over.
 */

import type { StepMetrics } from '../domain/job.ts';
import type { TrainerEvent } from '../engine/protocol.ts';
import { whileHeld } from './queue.ts';
import { moved, type Rows, saveJob, tell, unixSeconds } from './records.ts';
import { recordFigures } from './step-figures.ts';
import type { Workshop } from './workshop.ts';

type Started = Extract<TrainerEvent, { type: 'started' }>;
type Step = Extract<TrainerEvent, { type: 'step' }>;

export class Recorder {
  readonly #shop: Pick<Workshop, 'database' | 'name'>;
  readonly #id: string;
  #started: Started | null = null;
  /** The first step this trainer made, and when it was told: from there the time left is reckoned. */
  #first: { readonly step: number; readonly atMs: number } | null = null;

  constructor(shop: Pick<Workshop, 'database' | 'name'>, id: string) {
    this.#shop = shop;
    this.#id = id;
  }

  get stepsPerEpoch(): number {
    return this.#begun().stepsPerEpoch;
  }

  /** Records all of it in one transaction. */
  async record(events: readonly TrainerEvent[]): Promise<void> {
    for (const event of events) {
      if (event.type === 'started') this.#started = event;
      if (event.type === 'step' && event.step > this.#begun().resumedFromStep)
        this.#first ??= { step: event.step, atMs: Date.now() };
    }
    await whileHeld(this.#shop.database, this.#shop.name, this.#id, async (rows, job, row) => {
      const news = events.filter((event) => event.type !== 'step' || event.step > row.step);
      for (const event of news) await this.#tell(rows, event);
      const last = news.findLast((event) => event.type === 'step');
      if (last === undefined) return;
      // paused and resumed between two heartbeats: the trainer has never noticed
      const current = job.status === 'queued' ? moved(job, 'running') : job;
      const estimated_finish = current.status === 'running' ? this.#estimate(last.step) : null;
      await saveJob(rows, { ...current, estimated_finish }, { step: last.step, attempts: 0 });
    });
  }

  async #tell(rows: Rows, event: TrainerEvent): Promise<void> {
    if (event.type === 'started' && event.resumedFromStep > 0)
      await tell(rows, this.#id, { message: `Training continues after step ${event.resumedFromStep}` });
    if (event.type === 'warning')
      await tell(rows, this.#id, { level: 'warn', message: event.message, once: `warning: ${event.message}` });
    if (event.type === 'remark')
      await tell(rows, this.#id, { message: event.message, once: `remark: ${event.message}` });
    if (event.type === 'reading') {
      const message = readingInWords(event);
      await tell(rows, this.#id, { message, once: `reading: ${event.read}` });
    }
    if (event.type === 'step') {
      const metrics = metricsOf(event, this.#begun().totalSteps);
      await tell(rows, this.#id, { type: 'metrics', message: inWords(metrics), data: metrics, step: event.step });
      await recordFigures(rows, this.#id, metrics);
    }
  }

  #begun(): Started {
    if (this.#started === null) throw new Error(`the trainer of ${this.#id} reported before it said "started"`);
    return this.#started;
  }

  #estimate(step: number): number | null {
    if (this.#first === null || step <= this.#first.step) return null;
    const stepMs = (Date.now() - this.#first.atMs) / (step - this.#first.step);
    return unixSeconds() + Math.ceil((stepMs * (this.#begun().totalSteps - step)) / 1000);
  }
}

const readers = {
  frozen_layers: {
    first: (all: string) => `The frozen layers read all ${all} texts once, so that no step has to compute them again`,
    after: 'The frozen layers have',
  },
  reference: {
    first: (all: string) => `The model as it was reads all ${all} answers once, to be compared with`,
    after: 'The model as it was has',
  },
} as const;

function readingInWords({ by, read, sequences, elapsedMs }: Extract<TrainerEvent, { type: 'reading' }>): string {
  const [soFar, all] = [read, sequences].map((count) => count.toLocaleString('en'));
  const { first, after } = readers[by];
  if (read === 0) return first(all!);
  const seconds = (elapsedMs / 1000).toFixed(0);
  return `${after} read ${read === sequences ? `all ${all}` : `${soFar} of ${all}`}, in ${seconds} s`;
}

function metricsOf(step: Step, totalSteps: number): StepMetrics {
  const { validation, fullValidation } = step;
  return {
    step: step.step,
    total_steps: totalSteps,
    train_loss: step.loss,
    train_mean_token_accuracy: step.tokenAccuracy,
    ...(step.preferences && {
      train_preference_accuracy: step.preferences.accuracy,
      train_reward_margin: step.preferences.margin,
    }),
    ...(validation && { valid_loss: validation.loss, valid_mean_token_accuracy: validation.tokenAccuracy }),
    ...(fullValidation && {
      full_valid_loss: fullValidation.loss,
      full_valid_mean_token_accuracy: fullValidation.tokenAccuracy,
      ...(fullValidation.exactAnswers !== undefined && { full_valid_exact_answers: fullValidation.exactAnswers }),
      ...(fullValidation.preferences && {
        full_valid_preference_accuracy: fullValidation.preferences.accuracy,
        full_valid_reward_margin: fullValidation.preferences.margin,
      }),
    }),
    learning_rate: step.learningRate,
    grad_norm: step.gradientNorm,
    tokens_per_second: step.elapsedMs > 0 ? (1000 * step.tokens) / step.elapsedMs : 0,
  };
}

function inWords(metrics: StepMetrics): string {
  const { step, total_steps, train_loss, valid_loss, full_valid_loss } = metrics;
  let words = `Step ${step}/${total_steps}: training loss=${train_loss.toFixed(2)}`;
  if (valid_loss !== undefined) words += `, validation loss=${valid_loss.toFixed(2)}`;
  if (full_valid_loss !== undefined) words += `, full validation loss=${full_valid_loss.toFixed(2)}`;
  return words;
}
