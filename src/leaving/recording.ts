/**
 * The answers of a model that will be turned off, to a fixed test, with everything a server tells of them.
 *
 *   recordings/<model>--<test>/test.jsonl       the test as it was
 *   recordings/<model>--<test>/answers.jsonl    a line per answer: the completion whole (with logprobs and usage), latency
 *
 * Lines are appended as answers come, each named by a fingerprint of its question: what was stopped goes on with the
 * questions that have no answer yet, and failures are asked again.
 */

import { createHash } from 'node:crypto';
import { appendFile, mkdir, open, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenAI } from 'openai';
import { invalid } from '../domain/errors.ts';
import { askAll, answeredBy, unanswered, type Answered, type AnswerParameters, type Asking } from '../evals/ask.ts';
import { readTest, recogniseTask, type TestItem } from '../evals/task.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import { hashFile, nameOf, now, type Capture } from './manifest.ts';

/** A line of `answers.jsonl`. */
export interface RecordedAnswer {
  readonly line: number;
  readonly question: string;
  readonly model: string;
  readonly taken_at: string;
  readonly latency_ms: number;
  readonly parameters: AnswerParameters;
  readonly completion: OpenAI.ChatCompletion;
}

export interface RecordOptions extends Pick<Asking, 'concurrency' | 'answerTokensMax'> {
  readonly signal: AbortSignal;
  /** Latency of the answer alone, without earlier attempts and waits. */
  readonly elapsedMs: (requestId: string | null | undefined) => number | null;
  readonly redact: (text: string) => string;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Recorded {
  readonly folder: string;
  readonly questions: number;
  /** In this run, and in earlier ones. */
  readonly recorded: number;
  readonly known: number;
  readonly withLogprobs: number;
  readonly failures: readonly { readonly line: number; readonly message: string }[];
}

export async function record(
  openai: OpenAI,
  model: string,
  testFile: string,
  into: Capture,
  options: RecordOptions,
): Promise<Recorded> {
  const items = await readTest(testFile, { signal: options.signal });
  const test = await hashFile(testFile);
  const relative = `recordings/${nameOf(model)}--${test.sha256.slice(0, 12)}`;
  const folder = into.path(relative);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const id = `${model} ${test.sha256}`;
  const taken_at = now();
  await writeAtomically(join(folder, 'test.jsonl'), [await readFile(testFile)]);
  await into.note({ path: `${relative}/test.jsonl`, kind: 'recordings', id, ...test, taken_at, final: true });

  const path = join(folder, 'answers.jsonl');
  const known = new Map((await readAnswers(path)).map((answer) => [answer.question, answer]));
  await endLine(path);
  const openItems = items.filter((item) => !known.has(questionOf(item)));
  const failures: { line: number; message: string }[] = [];
  const completions = new Map<TestItem, { completion: OpenAI.ChatCompletion; parameters: AnswerParameters }>();
  let done = items.length - openItems.length;
  const before = done;
  options.onProgress?.(done, items.length);
  const { concurrency = 1, answerTokensMax, signal } = options;
  const { labels } = recogniseTask(items.map(({ reference }) => reference)); // short ones need little room
  const answers = askAll(openai, model, openItems, {
    concurrency,
    logprobs: true,
    signal,
    labels,
    ...(answerTokensMax !== undefined && { answerTokensMax }),
    onCompletion: (item, completion, parameters) => completions.set(item, { completion, parameters }),
  });
  try {
    let next = 0;
    for await (const answered of answers) {
      const item = openItems[next++]!;
      const whole = completions.get(item);
      completions.delete(item);
      if (whole === undefined || answered.answer === null) {
        failures.push({ line: item.line, message: options.redact(answered.error ?? 'no answer').slice(0, 500) });
        continue;
      }
      const { completion, parameters } = whole;
      const requestId = (completion as { _request_id?: string | null })._request_id;
      const answer: RecordedAnswer = {
        line: item.line,
        question: questionOf(item),
        model,
        taken_at: now(),
        latency_ms: options.elapsedMs(requestId) ?? answered.latencyMs,
        parameters,
        completion,
      };
      await appendFile(path, `${JSON.stringify(answer)}\n`, { mode: 0o600 });
      known.set(answer.question, answer);
      options.onProgress?.((done += 1), items.length);
    }
  } finally {
    if (done > 0) {
      const file = await open(path, 'r');
      await file.sync();
      await file.close();
      const hash = await hashFile(path);
      const final = done === items.length;
      await into.note({ path: `${relative}/answers.jsonl`, kind: 'recordings', id, ...hash, taken_at: now(), final });
    }
    await into.save();
  }
  const withLogprobs = [...known.values()].filter(({ completion }) => completion.choices[0]?.logprobs != null).length;
  return {
    folder,
    questions: items.length,
    recorded: done - before,
    known: before,
    withLogprobs,
    failures,
  };
}

export interface Recording {
  readonly folder: string;
  readonly model: string;
  readonly items: readonly TestItem[];
  /** Null for a question that was never answered. */
  readonly answers: readonly (RecordedAnswer | null)[];
}

/** The folder of a recording, or that of a capture with one recording in it. */
export async function readRecording(folder: string): Promise<Recording> {
  const at = await recordingIn(folder);
  const items = await readTest(join(at, 'test.jsonl'));
  const known = new Map((await readAnswers(join(at, 'answers.jsonl'))).map((answer) => [answer.question, answer]));
  const [first] = known.values();
  if (first === undefined) throw invalid(null, `${at} has no answers yet; "tunesmith openai record" takes them.`);
  return { folder: at, model: first.model, items, answers: items.map((item) => known.get(questionOf(item)) ?? null) };
}

async function recordingIn(folder: string): Promise<string> {
  if ((await stat(join(folder, 'answers.jsonl')).catch(() => null)) !== null) return folder;
  const inside = (await readdir(join(folder, 'recordings')).catch(() => [])).sort((a, b) => (a < b ? -1 : 1));
  if (inside.length === 1) return join(folder, 'recordings', inside[0]!);
  if (inside.length === 0)
    throw invalid(null, `${folder} has no recording; "tunesmith openai record MODEL TEST" makes one.`);
  const list = inside.map((name) => `\n  ${join(folder, 'recordings', name)}`).join('');
  throw invalid(null, `${folder} has ${inside.length} recordings; name one of them:${list}`);
}

/** As an evaluation takes them, the labels' probabilities read from the recorded log-probabilities. */
export function answeredOf({ items, answers }: Recording, labels: readonly string[]): Answered[] {
  return items.map((item, i) => {
    const answer = answers[i];
    if (answer == null) return unanswered(item, 'It was never recorded.', 0);
    return answeredBy(item, answer.completion, labels, answer.latency_ms);
  });
}

async function readAnswers(path: string): Promise<RecordedAnswer[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => {
    try {
      const answer = JSON.parse(line) as RecordedAnswer;
      return typeof answer.question === 'string' && Array.isArray(answer.completion?.choices) ? [answer] : [];
    } catch {
      return []; // empty, or cut short by a crash
    }
  });
}

/** A line that a crash cut short is closed, so that the next one stands alone. */
async function endLine(path: string): Promise<void> {
  const text = await readFile(path).catch(() => null);
  if (text !== null && text.length > 0 && text.at(-1) !== 10) await appendFile(path, '\n');
}

/** The line is part of it: a test may ask the same twice. */
const questionOf = ({ line, input, tools }: TestItem): string =>
  createHash('sha256')
    .update(JSON.stringify([line, input, tools ?? null]))
    .digest('hex')
    .slice(0, 32);
