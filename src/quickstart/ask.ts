/**
 * Puts a test to a model, with or without examples before each question, and reads the labels out of its answers.
 *
 * Every way of asking is measured alike: greedy, and one question at a time, since two would share the same cores
 * and each would look slow. Answers are remembered, so a second quickstart need not ask two hundred questions again.
 */

import type OpenAI from 'openai';
import type { Message } from '../domain/example.ts';
import { inTurn, withShots as conversation } from '../evals/compare/shots.ts';
import { findLabel } from '../evals/labels.ts';
import { askUnknown } from '../evals/remembered.ts';
import { textOf, type TestItem } from '../evals/task.ts';
import type { LabelledExample } from './labelled.ts';

export interface Answer {
  /** The label found in the answer, or null. */
  readonly label: string | null;
  readonly promptTokens: number;
  readonly latencyMs: number;
}

export interface Asking {
  readonly openai: OpenAI;
  readonly model: string;
  /** Stands before every prompt: the examples of few-shot asking, or nothing. */
  readonly shots: readonly LabelledExample[];
  readonly labels: readonly string[];
  /** Where answers are remembered, and whether all is asked anew. */
  readonly folder: string;
  readonly fresh: boolean;
  readonly signal: AbortSignal;
  /** Told how many answers are there, and how many of them from earlier runs. */
  readonly onAnswer: (done: number, known: number) => void;
}

/** The answers in the order of the test. The first question that fails ends it all. */
export async function askAll(
  { openai, model, shots, labels, folder, fresh, signal, onAnswer }: Asking,
  test: readonly LabelledExample[],
): Promise<{ readonly answers: Answer[]; readonly known: number }> {
  const items = test.map((example, i): TestItem => ({
    line: i + 1,
    input: withShots(shots, example),
    reference: { role: 'assistant', content: example.label },
  }));
  let known = 0;
  const remembering = { folder, server: 'quickstart', fresh, onKnown: (count: number) => (known = count) };
  const asking = { signal, answerTokensMax: answerTokensMax(labels) };
  const answers: Answer[] = [];
  for await (const { answer, error, promptTokens, latencyMs } of askUnknown(
    openai,
    model,
    items,
    remembering,
    asking,
  )) {
    if (answer === null) throw new Error(`Question ${answers.length + 1} of the test failed: ${error}`);
    answers.push({ label: findLabel(textOf(answer), labels), promptTokens, latencyMs });
    onAnswer(answers.length, known);
  }
  return { answers, known };
}

/** Room for the longest label and a little talk around it; a letter is never more than a token. */
const answerTokensMax = (labels: readonly string[]): number => Math.max(...labels.map((label) => label.length)) + 4;

/** The examples as a conversation that went well, then the question. */
export function withShots(shots: readonly LabelledExample[], { prompt }: LabelledExample): Message[] {
  const shown = shots.map(({ prompt: input, label }) => ({
    input: input as readonly Message[],
    reference: { role: 'assistant' as const, content: label },
  }));
  return conversation(shown, prompt as readonly Message[]);
}

/** The first examples of each label in turn, so that every label is shown as often. */
export function chooseShots(
  examples: readonly LabelledExample[],
  labels: readonly string[],
  count: number,
): LabelledExample[] {
  return inTurn(
    labels.map((label) => examples.filter((example) => example.label === label)),
    count,
  );
}
