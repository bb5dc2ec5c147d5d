/**
 * Answers as they come: one for each model, each with listeners of its own, so that a word of one draws nothing else.
 *
 * Words are gathered for a fraction of a second before anybody is told, and stand in blocks that do not change any
 * more once they are full: what was drawn is not drawn again, however long the answer becomes.
 */

import { useSyncExternalStore } from 'react';
import type OpenAI from 'openai';
import { openai, sentenceOf } from '../../api.ts';
import type { Body } from './prompt.ts';

export interface Token {
  /** What it adds to the text; a letter that takes several tokens comes with the last of them. */
  readonly text: string;
  /** As the model has it. */
  readonly name: string;
  /** From 0 to 1. */
  readonly probability: number;
  readonly others: readonly { readonly name: string; readonly probability: number }[];
}

export interface Answer {
  readonly model: string;
  readonly state: 'waiting' | 'speaking' | 'done' | 'stopped' | 'failed';
  readonly text: string;
  /** Empty unless probabilities were asked for. */
  readonly blocks: readonly (readonly Token[])[];
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  /** Of a model that was taught a closed set of answers. */
  readonly labels: readonly { readonly label: string; readonly probability: number }[];
  readonly error: string | null;
  readonly finish: string | null;
  readonly firstMs: number | null;
  readonly totalMs: number | null;
  readonly usage: { readonly prompt: number; readonly completion: number } | null;
}

const blockTokens = 64;
const gatherMs = 40;

type Chunk = OpenAI.ChatCompletionChunk & {
  readonly choices: readonly { readonly label_probabilities?: Readonly<Record<string, number>> }[];
};

export class AnswerStream {
  readonly model: string;
  #answer: Answer;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #text = '';
  #tokens: Token[] = [];
  #full: readonly (readonly Token[])[] = [];
  #calls: { name: string; arguments: string }[] = [];
  #decoder = new TextDecoder();

  constructor(model: string) {
    this.model = model;
    this.#answer = {
      model,
      state: 'waiting',
      text: '',
      blocks: [],
      calls: [],
      labels: [],
      error: null,
      finish: null,
      firstMs: null,
      totalMs: null,
      usage: null,
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly read = (): Answer => this.#answer;

  get isOver(): boolean {
    return !['waiting', 'speaking'].includes(this.#answer.state);
  }

  stop(): void {
    this.#stop.abort();
    if (!this.isOver) this.#tell({ state: 'stopped' });
  }

  async ask(body: Body): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const startedMs = performance.now();
    const sinceMs = (): number => performance.now() - startedMs;
    try {
      const stream = (await openai.chat.completions.create(
        { ...body, model: this.model, stream: true, stream_options: { include_usage: true } },
        { signal: this.#stop.signal },
      )) as AsyncIterable<Chunk>;
      for await (const chunk of stream) this.#take(chunk, sinceMs);
      if (this.isOver) return;
      this.#tell({ state: this.#stop.signal.aborted ? 'stopped' : 'done', totalMs: sinceMs() });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#tell({ state: 'failed', error: sentenceOf(error), totalMs: sinceMs() });
    }
  }

  #take({ choices, usage }: Chunk, sinceMs: () => number): void {
    if (this.isOver) return;
    if (usage != null) this.#later({ usage: { prompt: usage.prompt_tokens, completion: usage.completion_tokens } });
    const choice = choices[0];
    if (choice === undefined) return;
    const { delta, finish_reason, logprobs, label_probabilities } = choice;
    const text = delta.content ?? '';
    const tools = delta.tool_calls ?? [];
    if (this.#answer.firstMs === null && (text !== '' || tools.length > 0))
      this.#later({ firstMs: sinceMs(), state: 'speaking' });
    this.#text += text;
    for (const token of logprobs?.content ?? []) this.#addToken(token);
    for (const { index, function: called } of tools) {
      const call = (this.#calls[index] ??= { name: '', arguments: '' });
      call.name += called?.name ?? '';
      call.arguments += called?.arguments ?? '';
    }
    if (finish_reason != null) this.#later({ finish: finish_reason });
    if (label_probabilities !== undefined) this.#later({ labels: ranked(label_probabilities) });
    if (text !== '' || tools.length > 0) this.#later({});
  }

  #addToken({ token, bytes, logprob, top_logprobs }: OpenAI.ChatCompletionTokenLogprob): void {
    const text = bytes === null ? token : this.#decoder.decode(new Uint8Array(bytes), { stream: true });
    const others = top_logprobs.map((each) => ({ name: each.token, probability: Math.exp(each.logprob) }));
    this.#tokens = [...this.#tokens, { text, name: token, probability: Math.exp(logprob), others }];
    if (this.#tokens.length < blockTokens) return;
    this.#full = [...this.#full, this.#tokens];
    this.#tokens = [];
  }

  #later(news: Partial<Answer>): void {
    this.#answer = { ...this.#answer, ...news };
    this.#timer ??= setTimeout(() => this.#tell({}), gatherMs);
  }

  #tell(news: Partial<Answer>): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#answer = {
      ...this.#answer,
      text: this.#text,
      blocks: this.#tokens.length === 0 ? this.#full : [...this.#full, this.#tokens],
      calls: this.#calls.filter((call) => call !== undefined).map((call) => ({ ...call })),
      ...news,
    };
    for (const listener of this.#listeners) listener();
  }
}

const ranked = (probabilities: Readonly<Record<string, number>>): Answer['labels'] =>
  Object.entries(probabilities)
    .map(([label, probability]) => ({ label, probability }))
    .sort((a, b) => b.probability - a.probability);

export const useAnswer = (stream: AnswerStream): Answer => useSyncExternalStore(stream.subscribe, stream.read);

/** All at once, or each when the one before has ended. */
export async function askAll(streams: readonly AnswerStream[], body: Body, inTurn: boolean): Promise<void> {
  if (!inTurn) return void (await Promise.all(streams.map((stream) => stream.ask(body))));
  for (const stream of streams) await stream.ask(body);
}
