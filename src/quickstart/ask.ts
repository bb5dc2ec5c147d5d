/**
 * Puts a test to a model through the API and reads the labels out of its answers.
 *
 * Every way of asking is measured alike: greedy, one question per request, a few at a time. What comes back is
 * the label, the tokens of the prompt, and how long the caller waited.
 */

import type OpenAI from 'openai';
import type { ChatCompletionMessageParam } from 'openai/resources';
import type { LabelledExample } from './labelled.ts';

export interface Answer {
  readonly text: string;
  /** The label found in the text, or null. */
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
  readonly signal: AbortSignal;
  readonly onAnswer: (done: number) => void;
}

/** One question at a time: two would share the same cores, and each would look slow. */
export async function askAll(asking: Asking, test: readonly LabelledExample[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const example of test) {
    answers.push(await ask(asking, withShots(asking.shots, example)));
    asking.onAnswer(answers.length);
  }
  return answers;
}

async function ask(asking: Asking, messages: ChatCompletionMessageParam[]): Promise<Answer> {
  const { openai, model, labels, signal } = asking;
  const startedMs = performance.now();
  const completion = await openai.chat.completions.create(
    { model, messages, temperature: 0, max_completion_tokens: answerTokensMax(labels) },
    { signal },
  );
  const text = completion.choices[0]?.message.content ?? '';
  return {
    text,
    label: findLabel(text, labels),
    promptTokens: completion.usage?.prompt_tokens ?? 0,
    latencyMs: performance.now() - startedMs,
  };
}

/** Room for the longest label and a little talk around it; a letter is never more than a token. */
const answerTokensMax = (labels: readonly string[]): number => Math.max(...labels.map((label) => label.length)) + 4;

/**
 * The examples as a conversation that went well, then the question. The system message comes first and once;
 * so all questions begin alike, and a server that remembers what it read reads the examples once.
 */
export function withShots(
  shots: readonly LabelledExample[],
  { prompt }: LabelledExample,
): ChatCompletionMessageParam[] {
  const system = prompt.filter(({ role }) => role === 'system');
  const talk = (messages: readonly ChatCompletionMessageParam[]): ChatCompletionMessageParam[] =>
    messages.filter(({ role }) => role !== 'system');
  const shown = shots.flatMap((shot): ChatCompletionMessageParam[] => [
    ...talk(shot.prompt),
    { role: 'assistant', content: shot.label },
  ]);
  return [...system, ...shown, ...talk(prompt)];
}

/** The first examples of each label in turn, so that every label is shown as often. */
export function chooseShots(
  examples: readonly LabelledExample[],
  labels: readonly string[],
  count: number,
): LabelledExample[] {
  const byLabel = labels.map((label) => examples.filter((example) => example.label === label));
  return Array.from({ length: count }, (_, i) => byLabel[i % labels.length]?.[Math.floor(i / labels.length)]).filter(
    (shot) => shot !== undefined,
  );
}

/** The label that an answer names first, as a whole word and in any case: "It is Spam." says spam. */
export function findLabel(answer: string, labels: readonly string[]): string | null {
  const text = answer.trim().toLowerCase();
  const exact = labels.find((label) => label.toLowerCase() === text);
  if (exact !== undefined) return exact;
  const places = labels
    .map((label) => ({ label, at: wordPlace(text, label.toLowerCase()) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at || b.label.length - a.label.length);
  return places[0]?.label ?? null;
}

function wordPlace(text: string, word: string): number {
  const isLetter = (letter: string | undefined): boolean => letter !== undefined && /[\p{L}\p{N}_]/u.test(letter);
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isLetter(text[at - 1]) && !isLetter(text[at + word.length])) return at;
  }
  return -1;
}
