/**
 * A context of one adapter at a time with its sequences, and what of earlier prompts they still hold.
 *
 * An answer does not depend on what was asked before it, to the last bit, although sequences are reused. llama.cpp
 * has several kernels for one operation, whose results differ in the last bits (which quantised models amplify),
 * and takes them by the number of rows in a batch. From 64 rows on that number no longer matters. Therefore:
 *
 *   - a piece of a prompt is a batch of its own and has at least 64 tokens, unless the whole prompt is shorter;
 *   - what is kept of an earlier prompt was evaluated in such pieces, ends at a multiple of 16, and leaves at
 *     least 64 tokens to do.
 *
 * Tokens that were generated went through the kernels for few rows; a later prompt that quotes them evaluates them
 * again, at a tenth of what generating them took. Answers under way at the same time do share batches, since that
 * doubles their speed; on some processors and types of weights this shows in the last bits. So it does in an
 * answer in the background that was put off for others, and evaluated again.
 */

import type { Generation } from './generation.ts';
import { pieceTokensMax, type EvaluationContext, type Llama } from './llama.ts';
import type { ThreadCount } from './thread-count.ts';

const pieceTokensMin = 64;
const rowBlock = 16;

/** Where the logits of every position are wanted; they take the vocabulary's size in memory, each. */
const scoredTokensMax = 64;

/** A sequence: who uses it, and what its cache holds. */
interface Seat {
  readonly sequence: number;
  generation: Generation | null;
  /** Which of the generation's choices the cache belongs to. */
  choice: number;
  /** The generation's tokens up to here are evaluated in pieces, the rest one by one. */
  promptEnd: number;
  /** Tokens whose keys and values are in the cache. */
  cached: number[];
  /** How many of them, from the start, a later prompt may rely on. */
  reusable: number;
  usedAtMs: number;
}

type TakenSeat = Seat & { generation: Generation };

export interface LaneSize {
  readonly tokensPerSequence: number;
  readonly sequences: number;
}

export class Lane implements AsyncDisposable {
  readonly size: LaneSize;
  #adapter: string | null;
  readonly #context: EvaluationContext;
  readonly #threads: ThreadCount;
  readonly #seats: Seat[];

  private constructor(adapter: string | null, size: LaneSize, context: EvaluationContext, threads: ThreadCount) {
    this.#adapter = adapter;
    this.size = size;
    this.#context = context;
    this.#threads = threads;
    this.#seats = Array.from({ length: size.sequences }, (_, sequence) => ({
      sequence,
      generation: null,
      choice: 0,
      promptEnd: 0,
      cached: [],
      reusable: 0,
      usedAtMs: 0,
    }));
  }

  static async open(llama: Llama, adapter: string | null, size: LaneSize, threads: ThreadCount): Promise<Lane> {
    return new Lane(adapter, size, await llama.openContext({ adapter, ...size }), threads);
  }

  get adapter(): string | null {
    return this.#adapter;
  }

  get busy(): boolean {
    return this.#seats.some(isTaken);
  }

  /** Whether anybody waits for an answer from here. */
  get isUrgent(): boolean {
    return this.#seats.some((seat) => isAtWork(seat) && seat.generation.isUrgent);
  }

  get usedAtMs(): number {
    return Math.max(...this.#seats.map(({ usedAtMs }) => usedAtMs));
  }

  /** Who is being answered here. */
  get generations(): Generation[] {
    return this.#seats.filter(isTaken).map(({ generation }) => generation);
  }

  /** Gives a request the free sequence that spares it the most work; false when none is free. */
  seat(generation: Generation): boolean {
    const free = this.#seats.filter((seat) => !isTaken(seat)).sort((a, b) => a.usedAtMs - b.usedAtMs);
    const [oldest] = free;
    if (oldest === undefined) return false;
    const shares = new Map(free.map((seat) => [seat, sharedPrefix(seat, generation)]));
    const nearest = free.reduce((best, seat) => (shares.get(seat)! > shares.get(best)! ? seat : best));
    // A long prompt that others will share is not given up for the sake of a few tokens.
    const wasteful = nearest.reusable - shares.get(nearest)! > shares.get(nearest)!;
    const seat = wasteful ? oldest : nearest;
    const kept = this.#keep(seat, shares.get(seat)!);
    const { choice, tokens } = generation;
    Object.assign(seat, { generation, choice, promptEnd: tokens.length, usedAtMs: performance.now() });
    generation.cachedTokens ??= kept;
    return true;
  }

  /** Goes on with another adapter; nothing that was evaluated is of use to it. Only while nobody is answered here. */
  async setAdapter(adapter: string | null): Promise<void> {
    for (const seat of this.#seats) this.#keep(seat, 0);
    await this.#context.setAdapter(adapter);
    this.#adapter = adapter;
  }

  /** Takes the sequence away from the last `count` background requests that got one, and gives those back. */
  putOff(count: number): Generation[] {
    const patient = this.#seats.filter(isAtWork).filter(({ generation }) => !generation.isUrgent);
    const latest = patient.sort((a, b) => b.usedAtMs - a.usedAtMs).slice(0, count);
    return latest.map((seat) => {
      const { generation } = seat;
      Object.assign(seat, { generation: null });
      return generation;
    });
  }

  /** Frees the sequences of requests that are over or have outgrown this lane, and gives those requests back. */
  release(): Generation[] {
    const released: Generation[] = [];
    for (const seat of this.#seats.filter(isTaken)) {
      const { generation } = seat;
      if (!generation.finished && generation.tokens.length <= this.size.tokensPerSequence) continue;
      Object.assign(seat, { generation: null, usedAtMs: performance.now() });
      released.push(generation);
    }
    return released;
  }

  /** Evaluates the next piece of the prompt that has waited longest, if there is one; perhaps only of urgent ones. */
  async evaluatePrompt(urgentOnly: boolean): Promise<void> {
    const waiting = this.#atWork(urgentOnly).filter(isPrompt);
    const seat = waiting.sort((a, b) => a.usedAtMs - b.usedAtMs)[0];
    if (seat === undefined) return;
    const rest = seat.promptEnd - seat.cached.length;
    const most = seat.generation.isScoring ? scoredTokensMax : pieceTokensMax;
    const count = rest <= most ? rest : Math.min(most, wholeBlocks(Math.max(pieceTokensMin, rest - pieceTokensMin)));
    await this.#evaluate([seat], count, this.#threads.forPrompts(performance.now()));
    if (count >= pieceTokensMin) seat.reusable = seat.cached.length;
  }

  /** Goes one token further with every answer under way, or with every urgent one. */
  async decode(urgentOnly: boolean): Promise<void> {
    for (const seat of this.#atWork(urgentOnly)) this.#followChoice(seat);
    const answering = this.#atWork(urgentOnly).filter((seat) => !isPrompt(seat));
    if (answering.length > 0) await this.#evaluate(answering, 1, this.#threads.forTokens());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context[Symbol.asyncDispose]();
  }

  #atWork(urgentOnly: boolean): TakenSeat[] {
    return this.#seats.filter(isAtWork).filter(({ generation }) => generation.isUrgent || !urgentOnly);
  }

  /** Evaluates the next `count` tokens of each seat as one batch; those that are at their end go on from there. */
  async #evaluate(seats: readonly TakenSeat[], count: number, threads: number): Promise<void> {
    const pieces = seats.map(({ sequence, cached, generation }) => ({
      sequence,
      position: cached.length,
      tokens: generation.tokens.slice(cached.length, cached.length + count),
      everyOutput: generation.isScoring,
    }));
    const evaluated = await this.#context.evaluate(pieces, threads);
    this.#threads.judge(evaluated, performance.now());
    await Promise.all(
      seats.map(async ({ cached, generation }, i) => {
        const position = cached.length;
        cached.push(...pieces[i]!.tokens);
        try {
          if (generation.isScoring) await generation.score(evaluated.outputs[i]!, position);
          if (cached.length === generation.tokens.length) await generation.advance(evaluated.outputs[i]!.at(-1)!);
        } catch (error) {
          generation.fail(messageOf(error)); // its own sampler's doing; the others are well
        }
      }),
    );
  }

  /** When a generation has gone on to its next choice, the answer before it is forgotten. */
  #followChoice(seat: TakenSeat): void {
    const { generation } = seat;
    if (seat.choice === generation.choice) return;
    const kept = this.#keep(seat, generation.command.prompt.length);
    seat.choice = generation.choice;
    seat.promptEnd = kept > 0 ? kept : generation.tokens.length;
  }

  #keep(seat: Seat, count: number): number {
    const kept = this.#context.keep(seat.sequence, count) ? count : 0;
    seat.cached.length = kept;
    seat.reusable = Math.min(seat.reusable, kept);
    return kept;
  }
}

const isTaken = (seat: Seat): seat is TakenSeat => seat.generation !== null;

/** A request that is over keeps its seat until it is released. */
const isAtWork = (seat: Seat): seat is TakenSeat => seat.generation?.finished === false;

const isPrompt = (seat: Seat): boolean => seat.cached.length < seat.promptEnd;

const wholeBlocks = (count: number): number => Math.floor(count / rowBlock) * rowBlock;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Tokens of a request that the sequence need not evaluate again, from the start. */
function sharedPrefix(seat: Seat, { tokens, isScoring }: Generation): number {
  if (isScoring) return 0;
  const end = Math.min(seat.reusable, tokens.length - pieceTokensMin);
  let count = 0;
  while (count < end && seat.cached[count] === tokens[count]) count += 1;
  return wholeBlocks(count);
}
