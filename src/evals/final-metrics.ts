/**
 * The task metrics of a model that a job has just made, on its validation file.
 *
 * A job must not wait long for them: no more than so many examples, drawn evenly from the file with the same luck
 * every time, and no more than so much time; what was answered by then is judged, and the words say how many it were.
 * Answers come from whoever `start`s this; until then there are none.
 */

import type OpenAI from 'openai';
import { readRows } from '../dataset/rows.ts';
import { seededRandom } from '../random.ts';
import { answeredBy, bodyWith, requestFor, unanswered, type Answered } from './ask.ts';
import { evaluate, type Evaluation } from './evaluate.ts';
import { smallSampleNote } from './metrics/estimate.ts';
import { itemOf, recogniseTask, type TestItem } from './task.ts';

export type AnswerModel<Model> = (model: Model, body: object, signal: AbortSignal) => Promise<OpenAI.ChatCompletion>;

export interface FinalMetricsOptions {
  readonly examplesMax?: number;
  readonly millisecondsMax?: number;
}

export interface JudgedModel {
  readonly model: string;
  readonly validationPath: string;
}

const concurrency = 4;

export class FinalMetrics<Model extends JudgedModel> {
  readonly #options: Required<FinalMetricsOptions>;
  #answer: AnswerModel<Model> | null = null;

  constructor(options: FinalMetricsOptions = {}) {
    this.#options = { examplesMax: 100, millisecondsMax: 60_000, ...options };
  }

  start(answer: AnswerModel<Model>): void {
    this.#answer = answer;
  }

  /** Null where nobody answers, and for files that are no chats with an answer. */
  async judge(model: Model, signal: AbortSignal): Promise<{ message: string; data: object; csv: string } | null> {
    const answer = this.#answer;
    if (answer === null) return null;
    const { examplesMax, millisecondsMax } = this.#options;
    const { items, total } = await drawItems(model.validationPath, examplesMax, signal);
    if (items.length === 0) return null;
    const { task, labels } = recogniseTask(items.map(({ reference }) => reference));
    const body = bodyWith(items, { labels });
    const late = AbortSignal.any([signal, AbortSignal.timeout(millisecondsMax)]);
    const answers: (Answered | undefined)[] = items.map(() => undefined);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < items.length && !late.aborted) {
        const place = next++;
        const item = items[place]!;
        const startedMs = performance.now();
        try {
          const completion = await answer(model, requestFor(item, model.model, body), late);
          answers[place] = answeredBy(item, completion, labels, performance.now() - startedMs);
        } catch (error) {
          if (late.aborted) return;
          answers[place] = unanswered(item, (error as Error).message, performance.now() - startedMs);
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    signal.throwIfAborted();
    const answered = answers.filter((each) => each !== undefined);
    const first = answered[0];
    if (first === undefined) throw new Error(`no example was answered within ${millisecondsMax / 1000} seconds`);
    if (answered.every(({ error }) => error !== null)) throw new Error(first.error!);
    return inWords(evaluate(task, answered, { labels: labels.length > 0 ? labels : undefined }), total);
  }
}

/** At most so many examples of the file, in its order: each as likely as any other. */
async function drawItems(
  path: string,
  count: number,
  signal: AbortSignal,
): Promise<{ items: TestItem[]; total: number }> {
  const random = seededRandom(1);
  const drawn: TestItem[] = [];
  let total = 0;
  for await (const { line, checked } of readRows(path, { signal, images: false })) {
    const item = checked === null ? null : itemOf(line, checked);
    if (item === null) continue;
    total += 1;
    if (drawn.length < count) drawn.push(item);
    else {
      const place = Math.floor(random() * total);
      if (place < count) drawn[place] = item;
    }
  }
  return { items: drawn.sort((a, b) => a.line - b.line), total };
}

const figuresTold = 3;

function inWords(evaluation: Evaluation, total: number): { message: string; data: object; csv: string } {
  const { task, count, failed, unparsed, figures } = evaluation;
  const percent = (share: number): string => (100 * share).toFixed(1);
  const told = figures
    .slice(0, figuresTold)
    .map(
      ({ title, estimate: { value, low, high } }) => `${title} ${percent(value)} % (${percent(low)}-${percent(high)})`,
    );
  const of = count === total ? `${total}` : `${count} of ${total}`;
  const small = smallSampleNote(figures[0]!.estimate);
  const message = `Task metrics on ${of} validation examples (${task.replace('_', ' ')}): ${told.join(', ')}${small === null ? '' : `; ${small}`}`;
  const estimates = figures.map(({ name, estimate }) => [name, estimate] as const);
  const data = { task, count, validation_examples: total, failed, unparsed, figures: Object.fromEntries(estimates) };
  const cell = (value: number): string => (Number.isFinite(value) ? String(Number(value.toFixed(5))) : '');
  const rows = figures.map(({ name, estimate: { value, low, high, n } }) =>
    [name, cell(value), cell(low), cell(high), n].join(','),
  );
  return { message, data, csv: `${['metric,value,low,high,n', ...rows].join('\n')}\n` };
}
