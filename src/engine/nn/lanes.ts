/**
 * A network whose lanes share a step's micro-batches.
 *
 * The products of a small model are too small to keep several threads busy, but whole micro-batches are not: lanes
 * compute side by side, each on threads of its own with a session of its own, and meet once a step. Lane 0 is this
 * thread; the others are workers. What a step trains is copied to them through shared memory and their gradients
 * come back the same way, added in the order of the lanes, so that the sum never depends on who was first.
 *
 *   step   batches 0 1 2 3      lane 0: 0 2      lane 1: 1 3
 */

import { rm } from 'node:fs/promises';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../../programs.ts';
import type { MicroBatch } from '../../dataset/batch.ts';
import { addTo } from '../vectors.ts';
import { Lane, type IndexedBatch, type LaneOptions } from './lane.ts';
import type { LaneReply, LaneRequest, LaneSetup } from './lane-main.ts';
import { noJudgement, type Judgement, type Measured, type Network, type Parameter } from './network.ts';
import type { TrainableInput } from './parameters.ts';
import type { TrunkMemory } from './trunk/memory.ts';
import type { FrozenModel } from './weights.ts';

export class Lanes implements Network {
  readonly parameters: readonly Parameter[];
  readonly #folder: string;
  readonly #memory: TrunkMemory | null;
  readonly #first: Lane;
  readonly #others: readonly RemoteLane[];

  private constructor(folder: string, memory: TrunkMemory | null, first: Lane, others: readonly RemoteLane[]) {
    this.#folder = folder;
    this.#memory = memory;
    this.#first = first;
    this.#others = others;
    this.parameters = first.trainables.parameters;
  }

  /** With a memory of the stream, if the options say that lanes begin there. */
  static async open(
    model: FrozenModel,
    options: LaneOptions,
    count: number,
    memory: TrunkMemory | null = null,
  ): Promise<Network> {
    const first = new Lane(model, options);
    const others = Array.from({ length: count - 1 }, () => new RemoteLane(model, options, first.trainables.inputs));
    const network = new Lanes(model.folder, memory, first, others);
    try {
      await Promise.all(others.map((lane) => lane.ready));
      await first.open();
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  async differentiate(batches: readonly MicroBatch[], dropoutSeed: number): Promise<Judgement> {
    const [mine, ...theirs] = this.#deal(batches);
    const answers = this.#others.map(
      async (lane, i) => await lane.ask({ type: 'differentiate', batches: theirs[i]!, dropoutSeed }),
    );
    const own = await this.#first.differentiate(mine!, dropoutSeed);
    const others = await Promise.all(answers);
    for (const [i, lane] of this.#others.entries()) {
      if (theirs[i]!.length > 0) lane.addGradients(this.#first.trainables.inputs);
    }
    return total([own, ...others]);
  }

  async evaluate(batches: readonly MicroBatch[]): Promise<Judgement> {
    const [mine, ...theirs] = this.#deal(batches);
    const answers = this.#others.map(async (lane, i) => await lane.ask({ type: 'evaluate', batches: theirs[i]! }));
    const own = await this.#first.evaluate(mine!);
    return total([own, ...(await Promise.all(answers))]);
  }

  async measure(batches: readonly MicroBatch[]): Promise<Measured[]> {
    // Only before and after training: not worth the other lanes.
    return await this.#first.measure(batches.map((batch, index) => this.#indexed(batch, index)));
  }

  async logits(ids: Int32Array): Promise<Float32Array> {
    return await this.#first.logits(ids);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lane of this.#others) await lane[Symbol.asyncDispose]();
    await this.#first[Symbol.asyncDispose]();
    this.#memory?.[Symbol.dispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #deal(batches: readonly MicroBatch[]): IndexedBatch[][] {
    const dealt: IndexedBatch[][] = Array.from({ length: 1 + this.#others.length }, () => []);
    for (const [index, batch] of batches.entries()) dealt[index % dealt.length]!.push(this.#indexed(batch, index));
    return dealt;
  }

  #indexed(batch: MicroBatch, index: number): IndexedBatch {
    return this.#memory === null ? { index, batch } : { index, batch, stream: this.#memory.of(batch) };
  }
}

const total = (parts: readonly Judgement[]): Judgement =>
  parts.reduce((sum, part) => ({
    loss: sum.loss + part.loss,
    correct: sum.correct + part.correct,
    preferred: sum.preferred + part.preferred,
    margin: sum.margin + part.margin,
  }));

/** A lane in a worker thread, with the memory that it shares with us. */
class RemoteLane implements AsyncDisposable {
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #inputs: readonly TrainableInput[];
  readonly #data: Float32Array;
  readonly #gradients: Float32Array;
  #settle: { resolve(judgement: Judgement): void; reject(error: Error): void } | null = null;
  #failure: Error | null = null;

  constructor(model: FrozenModel, options: LaneOptions, inputs: readonly TrainableInput[]) {
    const count = inputs.reduce((sum, { data }) => sum + data.length, 0);
    this.#inputs = inputs;
    this.#data = new Float32Array(new SharedArrayBuffer(count * Float32Array.BYTES_PER_ELEMENT));
    this.#gradients = new Float32Array(new SharedArrayBuffer(count * Float32Array.BYTES_PER_ELEMENT));
    const setup: LaneSetup = { model, options, data: this.#data, gradients: this.#gradients };
    this.#worker = startThread('engine/nn/lane-main', setup);
    this.#worker.on('message', (reply: LaneReply) => {
      if (reply.type === 'failed') this.#settle?.reject(new Error(reply.message));
      else this.#settle?.resolve(reply.judgement);
      this.#settle = null;
    });
    const fail = (error: Error): void => {
      this.#failure = error;
      this.#settle?.reject(error);
      this.#settle = null;
    };
    this.#worker.on('error', fail);
    this.#worker.on('exit', (code) => fail(new Error(`A lane of the trainer ended with exit code ${code}.`)));
    this.ready = this.#next().then(() => undefined);
  }

  /** Sends what is trained now, then the request. Nothing to do is answered at once. */
  async ask(request: LaneRequest): Promise<Judgement> {
    if (request.batches.length === 0) return noJudgement();
    let at = 0;
    for (const { data } of this.#inputs) {
      this.#data.set(data, at);
      at += data.length;
    }
    const answer = this.#next();
    this.#worker.postMessage(request);
    return await answer;
  }

  /** Adds the gradients that the last request found to the inputs' own. */
  addGradients(inputs: readonly TrainableInput[]): void {
    let at = 0;
    for (const { gradient } of inputs) {
      addTo(gradient, this.#gradients.subarray(at, at + gradient.length));
      at += gradient.length;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  async #next(): Promise<Judgement> {
    if (this.#failure !== null) throw this.#failure;
    return await new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
  }
}
