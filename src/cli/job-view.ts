/**
 * A job's events as they come, until it ends; and what a person sees of them.
 *
 * The API has no stream of events, so they are polled: newest first, back to the last one known. The order shown
 * is the order in which they happened. On a terminal, steps move one live line and messages stay above it;
 * elsewhere each event is a line of its own.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type OpenAI from 'openai';
import { isFinal, type JobStatus, type StepMetrics } from '../domain/job.ts';
import { formatDuration, formatTime, type Terminal } from './terminal.ts';

type Job = OpenAI.FineTuning.FineTuningJob;
type JobEvent = OpenAI.FineTuning.FineTuningJobEvent;

const pollMs = 500;
const pageSize = 100;

/** The events of a job in the order they happened, from the first to the last, waiting for new ones until it ends. */
export async function* followEvents(openai: OpenAI, jobId: string, signal: AbortSignal): AsyncGenerator<JobEvent> {
  let lastId: string | null = null;
  for (;;) {
    const { status, events } = await lookOnce(openai, jobId, lastId, signal);
    lastId = events.at(-1)?.id ?? lastId;
    yield* events;
    if (isFinal(status) || status === 'paused') return;
    await sleep(pollMs, undefined, { signal });
  }
}

/**
 * The status and what came after the event known last, oldest first.
 *
 * The SDK leaves a listener on the signal of every request; a signal of our own per look keeps those of a job that
 * trains for days from piling up.
 */
async function lookOnce(
  openai: OpenAI,
  jobId: string,
  lastId: string | null,
  signal: AbortSignal,
): Promise<{ status: JobStatus; events: JobEvent[] }> {
  const look = new AbortController();
  const stop = (): void => look.abort();
  signal.throwIfAborted();
  signal.addEventListener('abort', stop);
  try {
    // Asked before the events: what is written between the two questions is seen, or there is a next look.
    const { status } = await openai.fineTuning.jobs.retrieve(jobId, { signal: look.signal });
    const events: JobEvent[] = [];
    for await (const event of openai.fineTuning.jobs.listEvents(jobId, { limit: pageSize }, { signal: look.signal })) {
      if (event.id === lastId) break;
      events.push(event);
    }
    return { status, events: events.reverse() };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Shows a job's events until it ends and gives the job as it ended; `write` puts an event on a line of its own. */
export async function watchJob(
  openai: OpenAI,
  jobId: string,
  terminal: Terminal,
  signal: AbortSignal,
  write: (event: JobEvent) => void,
): Promise<Job> {
  const progress = new Progress();
  try {
    for await (const event of followEvents(openai, jobId, signal)) {
      if (event.type === 'metrics' && terminal.isInteractive && !terminal.json) terminal.live(progress.line(event));
      else write(event);
    }
  } finally {
    terminal.live('');
  }
  return openai.fineTuning.jobs.retrieve(jobId, { signal });
}

/** An event as one plain line: `12:30:05  info  Step 3/90: training loss=0.52`. */
export function eventLine(event: JobEvent): string {
  const time = formatTime(event.created_at)?.slice(11);
  const speed = event.type === 'metrics' ? metricsOf(event)?.tokens_per_second : undefined;
  const suffix = speed === undefined ? '' : ` (${Math.round(speed)} tokens/s)`;
  return `${time}  ${event.level.padEnd(5)}  ${event.message}${suffix}`;
}

/** What the live line knows: the newest of each number, and how fast steps have come. */
export class Progress {
  #validationLoss: number | null = null;
  #first: { step: number; at: number } | null = null;

  /** The time left follows from when the steps so far happened, however late we began to look. */
  line(event: JobEvent): string {
    const metrics = metricsOf(event);
    if (metrics === null) return event.message;
    this.#validationLoss = metrics.full_valid_loss ?? metrics.valid_loss ?? this.#validationLoss;
    this.#first ??= { step: metrics.step, at: event.created_at };
    const { step, total_steps: total } = metrics;
    const seen = step - this.#first.step;
    const leftSeconds = seen > 0 ? ((event.created_at - this.#first.at) / seen) * (total - step) : null;
    return [
      `${bar(step / total)} step ${step}/${total}`,
      `loss ${metrics.train_loss.toFixed(3)}`,
      this.#validationLoss === null ? null : `validation ${this.#validationLoss.toFixed(3)}`,
      metrics.tokens_per_second === undefined ? null : `${Math.round(metrics.tokens_per_second)} tokens/s`,
      leftSeconds === null ? null : `${formatDuration(leftSeconds * 1000)} left`,
    ]
      .filter((part) => part !== null)
      .join('  ');
  }
}

function metricsOf(event: JobEvent): StepMetrics | null {
  const data = event.data as Partial<StepMetrics> | null | undefined;
  return typeof data?.step === 'number' && typeof data.total_steps === 'number' && typeof data.train_loss === 'number'
    ? (data as StepMetrics)
    : null;
}

const barWidth = 20;

/** How much of a whole is done, as a bar of fixed width. */
export function bar(done: number): string {
  const full = Math.round(done * barWidth);
  return `${'━'.repeat(full)}${'─'.repeat(barWidth - full)}`;
}
