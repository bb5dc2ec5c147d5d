/**
 * Legacy completions: bare prompts, each continued by one or several answers, whole or in pieces.
 *
 * Choices are numbered through all prompts: the k-th choice of prompt p has the index p · n + k. A few prompts are
 * worked on at a time, so that they share the model's batches; pieces of a stream come prompt by prompt.
 */

import type OpenAI from 'openai';
import type { Access } from '../access/keyring.ts';
import { TunesmithError } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { House } from '../house.ts';
import type { ServedModel } from '../models/registry.ts';
import type { Priority, Prompt, RawCompletionEvent, TokenAlternatives } from '../serving/serving.ts';
import { parseCompletionRequest, type TextRequest } from './completion-request.ts';
import { unknownModel } from './reply.ts';
import { lengthOf, LogprobColumns } from './text-logprobs.ts';

type Completion = OpenAI.Completion;
type Choice = OpenAI.CompletionChoice;
/** A piece of a stream, before its end is known. */
type Piece = Omit<Choice, 'finish_reason'> & { finish_reason: Choice['finish_reason'] | null };
type Chunk = Omit<Completion, 'choices' | 'usage'> & { choices: Piece[]; usage?: OpenAI.CompletionUsage | null };

const promptsAtATime = 8;

/** The answer to the body of a completion, whole even where it asks for a stream. */
export async function answerCompletion(
  house: House,
  access: Access,
  body: unknown,
  signal: AbortSignal,
  priority: Priority = 'interactive',
): Promise<Completion> {
  const answer = await TextAnswer.open(house, access, parseCompletionRequest(body), { signal, priority });
  return await answer.whole();
}

/** Who gives up, and how urgent it is. */
interface Asking {
  readonly signal: AbortSignal;
  readonly priority: Priority;
}

export class TextAnswer {
  readonly model: ServedModel;
  readonly #house: House;
  readonly #access: Access;
  readonly #request: TextRequest;
  readonly #asking: Asking;
  readonly #usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };

  private constructor(house: House, access: Access, request: TextRequest, asking: Asking, model: ServedModel) {
    this.#house = house;
    this.#access = access;
    this.#request = request;
    this.#asking = asking;
    this.model = model;
  }

  /** Throws for a model that is not there; what else is wrong shows with the answer. */
  static async open(house: House, access: Access, request: TextRequest, asking: Asking): Promise<TextAnswer> {
    const model = await house.of(access.project).models.resolve(request.model);
    if (model === null) throw unknownModel(request.model);
    return new TextAnswer(house, access, request, asking, model);
  }

  async whole(): Promise<Completion> {
    const { prompts } = this.#request;
    const header = this.#header();
    const choices: Choice[][] = [];
    const waiting = [...prompts.entries()];
    const failed = new AbortController();
    let working = Math.min(promptsAtATime, prompts.length);
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        try {
          choices[next[0]] = await this.#choicesOf(next[0], next[1], failed.signal);
        } catch (error) {
          working -= 1;
          // A queue too short for so many at a time: the others go on with this one.
          if (!isOverload(error) || working === 0) throw error;
          waiting.unshift(next);
          return;
        }
      }
      working -= 1;
    };
    try {
      await Promise.all(Array.from({ length: working }, work));
    } catch (error) {
      failed.abort(error);
      throw error;
    } finally {
      this.#spend();
    }
    return { ...header, choices: choices.flat(), usage: this.#usageSoFar() };
  }

  async *chunks(): AsyncGenerator<Chunk, void> {
    const { prompts, includeUsage } = this.#request;
    const header = this.#header();
    const noUsage = includeUsage ? { usage: null } : {};
    try {
      for (const [at, prompt] of prompts.entries())
        for await (const piece of this.#pieces(at, prompt)) yield { ...header, choices: [piece], ...noUsage };
      if (includeUsage) yield { ...header, choices: [], usage: this.#usageSoFar() };
    } finally {
      this.#spend();
    }
  }

  async *#pieces(at: number, prompt: Prompt): AsyncGenerator<Piece, void> {
    let begin = (): PieceWriter => new PieceWriter(this.#request, '', null);
    const writers = new Map<number, PieceWriter>();
    for await (const event of this.#events(prompt)) {
      if (event.type === 'prompt') begin = () => new PieceWriter(this.#request, event.text, event);
      if (event.type !== 'text' && event.type !== 'end') continue;
      const writer = writers.get(event.choice) ?? begin();
      writers.set(event.choice, writer);
      yield writer.write(at * this.#request.choices + event.choice, event);
    }
  }

  async #choicesOf(at: number, prompt: Prompt, failed: AbortSignal): Promise<Choice[]> {
    const { choices, wishes } = this.#request;
    const candidates = Array.from({ length: wishes.choices }, () => new Candidate());
    let asked: Extract<RawCompletionEvent, { type: 'prompt' }> | null = null;
    for await (const event of this.#events(prompt, failed)) {
      if (event.type === 'prompt') asked = event;
      else if (event.type !== 'usage') candidates[event.choice]!.add(event);
    }
    const best = wishes.choices > choices ? candidates.sort((a, b) => b.likelihood - a.likelihood) : candidates;
    return best.slice(0, choices).map((candidate, k) => {
      const writer = new PieceWriter(this.#request, asked!.text, asked);
      const { text, logprobs, reason } = candidate;
      const piece = writer.write(at * choices + k, { type: 'text', choice: k, text, logprobs });
      return { ...piece, finish_reason: reason };
    });
  }

  /** The events of one prompt, whose cost is added to that of the others. */
  async *#events(prompt: Prompt, failed?: AbortSignal): AsyncGenerator<RawCompletionEvent, void> {
    const { signal, priority } = this.#asking;
    const request = { ...this.#request.wishes, model: this.model, prompt, priority };
    const ends = failed === undefined ? signal : AbortSignal.any([signal, failed]);
    for await (const event of this.#house.serving.continueText(request, ends)) {
      if (event.type === 'usage') {
        for (const key of ['promptTokens', 'cachedTokens', 'completionTokens'] as const) this.#usage[key] += event[key];
      }
      yield event;
    }
  }

  #spend(): void {
    this.#house.spend(this.#access, { model: this.model.id, ...this.#usage });
  }

  #header(): Omit<Completion, 'choices'> {
    return {
      id: newId('completion'),
      object: 'text_completion',
      created: Math.floor(Date.now() / 1000),
      model: this.model.id,
      system_fingerprint: this.#house.serving.fingerprint(this.model),
    };
  }

  #usageSoFar(): OpenAI.CompletionUsage {
    const { promptTokens, cachedTokens, completionTokens } = this.#usage;
    return {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
      prompt_tokens_details: { cached_tokens: cachedTokens, audio_tokens: 0 },
    };
  }
}

const isOverload = (error: unknown): boolean => error instanceof TunesmithError && error.kind === 'overloaded';

type ChoiceEvent = Extract<RawCompletionEvent, { type: 'text' | 'end' }>;

/** One answer of which not all may be given out. */
class Candidate {
  text = '';
  reason: 'stop' | 'length' = 'stop';
  logprobs: TokenAlternatives[] | null = null;

  add(event: ChoiceEvent): void {
    if (event.type === 'end') this.reason = event.reason;
    else {
      this.text += event.text;
      if (event.logprobs !== null) (this.logprobs ??= []).push(...event.logprobs);
    }
  }

  /** Per token, as OpenAI compares them. */
  get likelihood(): number {
    const all = this.logprobs ?? [];
    return all.reduce((sum, { logprob }) => sum + logprob, 0) / Math.max(1, all.length);
  }
}

/** Writes one choice, its prompt before it where that is wanted. */
class PieceWriter {
  readonly #columns: LogprobColumns | null;
  #before: string;

  constructor(
    { echo, logprobs }: TextRequest,
    prompt: string,
    scored: Extract<RawCompletionEvent, { type: 'prompt' }> | null,
  ) {
    this.#before = echo ? prompt : '';
    this.#columns = logprobs === null ? null : new LogprobColumns(echo ? 0 : lengthOf(prompt));
    if (echo) this.#columns?.add(scored?.logprobs ?? []);
  }

  write(index: number, event: ChoiceEvent): Piece {
    if (event.type === 'text') this.#columns?.add(event.logprobs ?? []);
    const text = this.#before + (event.type === 'text' ? event.text : '');
    this.#before = '';
    return {
      text,
      index,
      logprobs: this.#columns?.take() ?? null,
      finish_reason: event.type === 'end' ? event.reason : null,
    };
  }
}
