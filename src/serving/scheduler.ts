/**
 * Who is evaluated next: the loop of a runtime.
 *
 * One evaluation runs at a time, so that threads never fight each other. Each round, every lane with work evaluates
 * one piece of one prompt and takes one step with all answers under way; neither starves the other. Commands are
 * obeyed between rounds, when nothing is in flight. Requests get a sequence in the order in which they came; one
 * that needs a context of its own waits until memory for it is free, and holds up those behind it.
 *
 * Contexts come in sizes: 2 048 tokens per sequence, then doubling up to what the model was trained for. An answer
 * that outgrows its lane moves to the next size, where it is evaluated again.
 */

import { Generation } from './generation.ts';
import { Lane, type LaneSize } from './lane.ts';
import type { Llama } from './llama.ts';
import type { GenerateCommand, RuntimeCommand, RuntimeReport, RuntimeSettings } from './protocol.ts';
import { ThreadCount } from './thread-count.ts';

const smallestLaneTokens = 2048;
const sequencesMax = 4;

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
    while (this.#inbox.length > 0 || this.#waiting.length > 0 || this.#lanes.some(({ busy }) => busy)) {
      for (const command of this.#inbox.splice(0)) this.#obey(command);
      for (const lane of this.#lanes) this.#release(lane);
      await this.#seatWaiting();
      for (const lane of this.#lanes.filter(({ busy }) => busy)) await this.#step(lane);
    }
    this.#running = false;
  }

  #obey(command: RuntimeCommand): void {
    switch (command.type) {
      case 'generate':
        return this.#begin(command);
      case 'end-choice':
        this.#find(command.id)?.endChoice(command.choice);
        return;
      case 'cancel':
        this.#find(command.id)?.cancel();
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

  async #step(lane: Lane): Promise<void> {
    try {
      await lane.evaluatePrompt();
      await lane.decode();
    } catch (error) {
      // What the context holds now is anybody's guess.
      for (const generation of lane.generations) generation.fail(messageOf(error));
      this.#release(lane);
      await this.#close(lane);
    }
  }

  #release(lane: Lane): void {
    for (const generation of lane.release()) {
      if (generation.finished) generation[Symbol.dispose]();
      else this.#waiting.unshift(generation);
    }
  }

  async #seatWaiting(): Promise<void> {
    const waiting = this.#waiting;
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
    const fitting = this.#lanes.find(
      (lane) => lane.adapter === adapter && lane.size.tokensPerSequence === size.tokensPerSequence,
    );
    if (fitting !== undefined) return fitting.seat(generation) ? 'seated' : 'no seat';
    if (!(await this.#makeRoom(this.#bytesOf(size)))) return 'no memory';
    try {
      const lane = await Lane.open(this.#llama, adapter, size, this.#threads);
      this.#lanes.push(lane);
      lane.seat(generation);
    } catch (error) {
      generation.fail(messageOf(error));
      generation[Symbol.dispose]();
    }
    return 'seated';
  }

  #sizeFor({ tokens, command }: Generation): LaneSize {
    const { contextTokensMax, cacheBytesPerToken } = this.#llama;
    const needed = Math.max(tokens.length + 1, command.prompt.length + Math.min(command.tokensMax, usualAnswerTokens));
    let tokensPerSequence = smallestLaneTokens;
    while (tokensPerSequence < needed) tokensPerSequence *= 2;
    tokensPerSequence = Math.min(tokensPerSequence, contextTokensMax);
    const affordable = Math.floor(this.#cacheBytesMax / 2 / (cacheBytesPerToken * tokensPerSequence));
    return { tokensPerSequence, sequences: Math.max(1, Math.min(sequencesMax, affordable)) };
  }

  #bytesOf({ tokensPerSequence, sequences }: LaneSize): number {
    return this.#llama.cacheBytesPerToken * tokensPerSequence * sequences;
  }

  /** Closes idle lanes, the least recently used first, until so many bytes are free; a lane alone may have it all. */
  async #makeRoom(bytes: number): Promise<boolean> {
    const idle = this.#lanes.filter(({ busy }) => !busy).sort((a, b) => a.usedAtMs - b.usedAtMs);
    const isShort = () => this.#lanes.reduce((sum, { size }) => sum + this.#bytesOf(size), bytes) > this.#cacheBytesMax;
    while (isShort() && idle.length > 0) await this.#close(idle.shift()!);
    return !isShort() || this.#lanes.length === 0;
  }

  async #close(lane: Lane): Promise<void> {
    this.#lanes = this.#lanes.filter((other) => other !== lane);
    await lane[Symbol.asyncDispose]();
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
