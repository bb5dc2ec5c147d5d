/**
 * Who is evaluated next: the loop of a runtime.
 *
 * One evaluation runs at a time, so that threads never fight each other. Each round, every lane with work evaluates
 * one piece of one prompt and takes one step with all answers under way, and one piece of one text is embedded; none
 * starves the others. Commands are obeyed between rounds, when nothing is in flight. Requests get a sequence in the
 * order in which they came; one that needs a context of its own waits until memory for it is free, and holds up
 * those behind it.
 *
 * Background requests rest while anybody waits for an answer, and give up their sequences to whoever needs one; they
 * are then evaluated again from where they were.
 *
 * Contexts come in sizes: 2 048 tokens per sequence, then doubling up to what the model was trained for. An answer
 * that outgrows its lane moves to the next size, where it is evaluated again. A context whose adapter nobody asks
 * for takes on another one, so that changing between many fine-tunes of a base costs next to nothing.
 */

import { Embedder, Embedding } from './embedding.ts';
import { Generation } from './generation.ts';
import { Lane, type LaneSize } from './lane.ts';
import { type Llama, pieceTokensMax } from './llama.ts';
import type { GenerateCommand, RuntimeCommand, RuntimeReport, RuntimeSettings } from './protocol.ts';
import { ThreadCount } from './thread-count.ts';

const smallestLaneTokens = 2048;

/** Answers that share a batch. On two cores 16 give half as much again as 4 when 64 are asked for, and nobody waits as long. */
const sequencesMax = 16;

/** An answer of unknown length is given a lane with room for so many tokens at first. */
const usualAnswerTokens = 512;

export class Scheduler {
  readonly #llama: Llama;
  readonly #cacheBytesMax: number;
  readonly #threads: ThreadCount;
  readonly #report: (report: RuntimeReport) => void;
  #inbox: RuntimeCommand[] = [];
  #waiting: Generation[] = [];
  #lanes: Lane[] = [];
  #embeddings: Embedding[] = [];
  #embedder: Embedder | null = null;
  #running = false;

  constructor(
    llama: Llama,
    settings: Pick<RuntimeSettings, 'threads' | 'cacheBytesMax'>,
    report: (report: RuntimeReport) => void,
  ) {
    this.#llama = llama;
    this.#cacheBytesMax = settings.cacheBytesMax;
    this.#threads = new ThreadCount(settings.threads);
    this.#report = report;
  }

  submit(command: RuntimeCommand): void {
    this.#inbox.push(command);
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#inbox.length > 0 || this.#hasWork) {
      for (const command of this.#inbox.splice(0)) this.#obey(command);
      for (const lane of this.#lanes) this.#release(lane);
      await this.#seatWaiting();
      const urgent = this.#isUrgent;
      for (const lane of this.#lanes.filter(({ busy }) => busy)) await this.#step(lane, urgent);
      await this.#embed(urgent);
    }
    this.#running = false;
  }

  get #hasWork(): boolean {
    return this.#waiting.length > 0 || this.#embeddings.length > 0 || this.#lanes.some(({ busy }) => busy);
  }

  /** Whether anybody waits for an answer, so that background work has to. */
  get #isUrgent(): boolean {
    return [...this.#lanes, ...this.#waiting, ...this.#embeddings].some(({ isUrgent }) => isUrgent);
  }

  #obey(command: RuntimeCommand): void {
    switch (command.type) {
      case 'generate':
        return this.#begin(command);
      case 'embed':
        this.#embeddings.push(new Embedding(command, this.#llama.pooling, this.#report));
        return;
      case 'read':
        this.#report({ type: 'failed', id: command.id, message: 'only an encoder tells labels apart' });
        return;
      case 'end-choice':
        this.#find(command.id)?.endChoice(command.choice);
        return;
      case 'cancel':
        this.#find(command.id)?.cancel();
        this.#embeddings.find((embedding) => embedding.command.id === command.id)?.cancel();
        return;
      case 'threads':
        this.#threads.setMax(command.threads);
        return;
      default:
        throw command satisfies never;
    }
  }

  #begin(command: GenerateCommand): void {
    const { contextTokensMax } = this.#llama;
    const tokens = command.prompt.length;
    const tokensMax = command.tokensMax === 0 ? contextTokensMax : contextTokensMax - 1;
    try {
      if (tokens === 0 || tokens > tokensMax)
        throw new Error(`the prompt has ${tokens} tokens; expected 1 to ${tokensMax}`);
      this.#waiting.push(new Generation(this.#llama, command, this.#report));
    } catch (error) {
      this.#report({ type: 'failed', id: command.id, message: messageOf(error) });
    }
  }

  #find(id: number): Generation | undefined {
    const seated = this.#lanes.flatMap(({ generations }) => generations);
    return [...seated, ...this.#waiting].find(({ command }) => command.id === id);
  }

  async #step(lane: Lane, urgentOnly: boolean): Promise<void> {
    try {
      await lane.evaluatePrompt(urgentOnly);
      await lane.decode(urgentOnly);
    } catch (error) {
      // What the context holds now is anybody's guess.
      for (const generation of lane.generations) generation.fail(messageOf(error));
      this.#release(lane);
      await this.#close(lane);
    }
  }

  /** Goes one piece further with the first text that is due. */
  async #embed(urgentOnly: boolean): Promise<void> {
    this.#embeddings = this.#embeddings.filter(({ finished }) => !finished);
    const next = this.#embeddings.find(({ isUrgent }) => isUrgent || !urgentOnly);
    if (next === undefined) return;
    try {
      const embedder = await this.#embedderFor(next);
      await embedder?.step(next);
    } catch (error) {
      next.fail(messageOf(error));
      await this.#closeEmbedder();
    }
  }

  /** Null while there is no memory for a context that is large enough. */
  async #embedderFor({ longest, isUrgent }: Embedding): Promise<Embedder | null> {
    if (this.#embedder !== null && this.#embedder.tokensMax >= longest) return this.#embedder;
    await this.#closeEmbedder();
    const tokensMax = this.#laneTokens(longest);
    if (!(await this.#makeRoom(this.#bytesOf({ tokensPerSequence: tokensMax, sequences: 1 }), isUrgent))) return null;
    return (this.#embedder = await Embedder.open(this.#llama, tokensMax, this.#threads));
  }

  #release(lane: Lane): void {
    for (const generation of lane.release()) {
      if (generation.finished) generation[Symbol.dispose]();
      else this.#waiting.unshift(generation);
    }
  }

  async #seatWaiting(): Promise<void> {
    const waiting = this.#waiting.sort((a, b) => Number(b.isUrgent) - Number(a.isUrgent));
    this.#waiting = [];
    let memoryIsShort = false;
    for (const generation of waiting) {
      if (generation.finished) generation[Symbol.dispose]();
      else if (memoryIsShort) this.#waiting.push(generation);
      else {
        const outcome = await this.#seat(generation);
        memoryIsShort = outcome === 'no memory';
        if (outcome !== 'seated') this.#waiting.push(generation);
      }
    }
  }

  async #seat(generation: Generation): Promise<'seated' | 'no seat' | 'no memory'> {
    const { adapter } = generation.command;
    const size = this.#sizeFor(generation);
    const alike = this.#lanes.filter((lane) => lane.size.tokensPerSequence === size.tokensPerSequence);
    const fitting = alike.find((lane) => lane.adapter === adapter);
    if (fitting !== undefined) {
      if (fitting.seat(generation)) return 'seated';
      if (generation.isUrgent) this.#waiting.push(...fitting.putOff(1));
      return fitting.seat(generation) ? 'seated' : 'no seat';
    }
    try {
      const lane = (await this.#adapt(alike, adapter, size)) ?? (await this.#openLane(generation, size));
      if (lane === null) return 'no memory';
      lane.seat(generation);
    } catch (error) {
      generation.fail(messageOf(error));
      generation[Symbol.dispose]();
    }
    return 'seated';
  }

  /** An idle lane of the right size, for another adapter from now on; null while there is room for one more. */
  async #adapt(alike: readonly Lane[], adapter: string | null, size: LaneSize): Promise<Lane | null> {
    const [oldest] = idleOf(alike);
    if (oldest === undefined || this.#bytesInUse + this.#bytesOf(size) <= this.#cacheBytesMax) return null;
    await oldest.setAdapter(adapter);
    return oldest;
  }

  async #openLane({ isUrgent, command }: Generation, size: LaneSize): Promise<Lane | null> {
    if (!(await this.#makeRoom(this.#bytesOf(size), isUrgent))) return null;
    const lane = await Lane.open(this.#llama, command.adapter, size, this.#threads);
    this.#lanes.push(lane);
    return lane;
  }

  #sizeFor({ tokens, command }: Generation): LaneSize {
    const needed = Math.max(tokens.length + 1, command.prompt.length + Math.min(command.tokensMax, usualAnswerTokens));
    const tokensPerSequence = this.#laneTokens(needed);
    const bytes = this.#bytesOf({ tokensPerSequence, sequences: 1 });
    const more = this.#bytesOf({ tokensPerSequence, sequences: 2 }) - bytes;
    const affordable = 1 + Math.floor((this.#cacheBytesMax / 2 - bytes) / more);
    return { tokensPerSequence, sequences: Math.max(1, Math.min(sequencesMax, affordable)) };
  }

  #laneTokens(needed: number): number {
    let tokens = smallestLaneTokens;
    while (tokens < needed) tokens *= 2;
    return Math.min(tokens, this.#llama.contextTokensMax);
  }

  /** Keys and values, and the logits of one evaluation. */
  #bytesOf({ tokensPerSequence, sequences }: LaneSize): number {
    const { cacheBytesPerToken, vocabularySize } = this.#llama;
    return cacheBytesPerToken * tokensPerSequence * sequences + 4 * vocabularySize * pieceTokensMax;
  }

  get #bytesInUse(): number {
    const lanes = this.#lanes.reduce((sum, { size }) => sum + this.#bytesOf(size), 0);
    if (this.#embedder === null) return lanes;
    return lanes + this.#bytesOf({ tokensPerSequence: this.#embedder.tokensMax, sequences: 1 });
  }

  /**
   * Closes what is idle, the least recently used lane first, until so many bytes are free; alone one may have it all.
   * For somebody who waits, what works in the background counts as idle.
   */
  async #makeRoom(bytes: number, isUrgent: boolean): Promise<boolean> {
    const isShort = (): boolean => this.#bytesInUse + bytes > this.#cacheBytesMax;
    if (isShort() && isUrgent)
      for (const lane of this.#lanes) if (!lane.isUrgent) this.#waiting.push(...lane.putOff(lane.size.sequences));
    const embedding = this.#embeddings.some((each) => each.isUrgent || !isUrgent);
    if (isShort() && !embedding) await this.#closeEmbedder();
    const idle = idleOf(this.#lanes);
    while (isShort() && idle.length > 0) await this.#close(idle.shift()!);
    return !isShort() || this.#bytesInUse === 0;
  }

  async #close(lane: Lane): Promise<void> {
    this.#lanes = this.#lanes.filter((other) => other !== lane);
    await lane[Symbol.asyncDispose]();
  }

  async #closeEmbedder(): Promise<void> {
    const embedder = this.#embedder;
    this.#embedder = null;
    await embedder?.[Symbol.asyncDispose]();
  }
}

/** Lanes where nobody is answered, the least recently used first. */
const idleOf = (lanes: readonly Lane[]): Lane[] =>
  lanes.filter(({ busy }) => !busy).sort((a, b) => a.usedAtMs - b.usedAtMs);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
