/**
 * A network of which only the head is trained, over sequences that its frozen blocks have read (trunk/).
 *
 * All judged positions of a step go to the head at once, as many as fit: a head's gradient is as large as the head,
 * however few rows it is of.
 */

import { rm } from 'node:fs/promises';
import type { MicroBatch } from '../../dataset/batch.ts';
import { named } from '../graph/dims.ts';
import { openSession, type Session } from '../graph/session.ts';
import { input } from '../graph/tensor.ts';
import { addTo } from '../vectors.ts';
import { judgedPerChunk } from './cuts.ts';
import {
  addJudgement,
  gradientName,
  judgingFeeds,
  judgingInputs,
  judgingProgram,
  readByHead,
  type JudgedRows,
  type JudgingInputs,
  type Outputs,
  type Purpose,
} from './judging.ts';
import type { LaneOptions } from './lane.ts';
import { noJudgement, type Judgement, type Measured, type Network, type Parameter } from './network.ts';
import { oneRow } from './token-inputs.ts';
import { makeTrainables, type Trainables } from './trainables.ts';
import type { TrunkMemory } from './trunk/memory.ts';
import { Trunk, trunkOf } from './trunk/trunk.ts';
import { weightTensors, type FrozenModel, type FrozenWeights } from './weights.ts';

/** Judged rows, and what the head reads of each. */
interface Piece extends JudgedRows {
  readonly read: Float32Array;
}

export class HeadNetwork implements Network {
  readonly parameters: readonly Parameter[];
  readonly #model: FrozenModel;
  readonly #options: LaneOptions;
  readonly #memory: TrunkMemory;
  readonly #trainables: Trainables;
  readonly #weights: FrozenWeights;
  readonly #inputs: JudgingInputs;
  readonly #sessions = new Map<Purpose, Session>();

  private constructor(model: FrozenModel, options: LaneOptions, memory: TrunkMemory) {
    this.#model = model;
    this.#options = options;
    this.#memory = memory;
    this.#trainables = makeTrainables(model, options.train, options.seed);
    this.#weights = weightTensors(model.layout, this.#trainables.weights);
    this.#inputs = judgingInputs(this.#weights);
    this.parameters = this.#trainables.parameters;
  }

  static async open(model: FrozenModel, options: LaneOptions, memory: TrunkMemory): Promise<HeadNetwork> {
    try {
      const network = new HeadNetwork(model, options, memory);
      await network.#session('train');
      return network;
    } catch (error) {
      memory[Symbol.dispose]();
      throw error;
    }
  }

  /** There is nothing between the frozen blocks and the head that could be dropped. */
  async differentiate(batches: readonly MicroBatch[]): Promise<Judgement> {
    const total = noJudgement();
    const pieces = this.#piecesOf(batches);
    for (const [i, piece] of pieces.entries()) {
      const outputs = await this.#judge('train', piece, total);
      for (const { name, gradient } of this.#trainables.inputs) {
        const found = outputs[gradientName(name)]!;
        if (i === 0) gradient.set(found);
        else addTo(gradient, found);
      }
    }
    if (pieces.length === 0) for (const { gradient } of this.#trainables.inputs) gradient.fill(0);
    return total;
  }

  async evaluate(batches: readonly MicroBatch[]): Promise<Judgement> {
    const total = noJudgement();
    for (const piece of this.#piecesOf(batches)) await this.#judge('evaluate', piece, total);
    return total;
  }

  async measure(batches: readonly MicroBatch[]): Promise<Measured[]> {
    const measured: Measured[] = [];
    for (const batch of batches) {
      const [logProbabilities, hits] = [new Float32Array(batch.rows.length), new Float32Array(batch.rows.length)];
      let at = 0;
      for (const piece of this.#piecesOf([batch])) {
        const outputs = await this.#judge('measure', piece, noJudgement());
        logProbabilities.set(outputs['logProbabilities']!, at);
        hits.set(outputs['hits']!, at);
        at += piece.rows.length;
      }
      measured.push({ logProbabilities, hits });
    }
    return measured;
  }

  async logits(ids: Int32Array): Promise<Float32Array> {
    const { architecture } = this.#model;
    const { train, threads, device } = this.#options;
    const options = { threads, device, tokensPerRun: ids.length, rowTokensMax: ids.length };
    await using trunk = await Trunk.open(this.#model, trunkOf(train, architecture.layers)!, options);
    const none = { targets: new Int32Array(), weights: new Float32Array() };
    const [read] = await trunk.read({ ...oneRow(ids), ...none });
    const session = await this.#session('logits');
    return (await session.run({ read: read!, ...this.#trained() }, { M: 1 }))['logits']!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) await session[Symbol.asyncDispose]();
    this.#sessions.clear();
    this.#memory[Symbol.dispose]();
    await rm(this.#model.folder, { recursive: true, force: true });
  }

  /** All judged rows, cut into as few pieces as fit. */
  #piecesOf(batches: readonly MicroBatch[]): Piece[] {
    const { width } = this.#model.architecture;
    const judged = batches.filter(({ rows }) => rows.length > 0);
    const rows = joinedInts(judged.map((batch) => batch.rows));
    const targets = joinedInts(judged.map((batch) => batch.targets));
    const weights = joined(judged.map((batch) => batch.weights));
    const read = joined(judged.flatMap((batch) => this.#memory.of(batch)));
    const perRow = targets.length / rows.length;
    const count = Math.ceil(rows.length / judgedPerChunk(this.#model.architecture));
    return Array.from({ length: count }, (_, i) => {
      const [from, to] = [i, i + 1].map((part) => Math.floor((part * rows.length) / count)) as [number, number];
      return {
        rows: rows.subarray(from, to),
        targets: targets.subarray(from * perRow, to * perRow),
        weights: weights.subarray(from, to),
        read: read.subarray(from * width, to * width),
      };
    });
  }

  async #judge(purpose: Purpose, piece: Piece, total: Judgement): Promise<Outputs> {
    const session = await this.#session(purpose);
    const feeds = { read: piece.read, ...judgingFeeds(piece, this.#inputs), ...this.#trained() };
    const outputs = await session.run(feeds, { M: piece.rows.length });
    addJudgement(total, outputs, piece.weights);
    return outputs;
  }

  #trained(): Record<string, Float32Array> {
    return Object.fromEntries(this.#trainables.inputs.map(({ name, data }) => [name, data]));
  }

  async #session(purpose: Purpose): Promise<Session> {
    const known = this.#sessions.get(purpose);
    if (known !== undefined) return known;
    const { architecture, folder } = this.#model;
    const { device, threads, spin, objective } = this.#options;
    const weights = this.#weights;
    const read = readByHead(architecture, weights, input('read', [named('M'), architecture.width]));
    const setting = { weights, inputs: this.#inputs, trained: this.#trainables.inputs, objective, chunks: 1, device };
    const program = judgingProgram(purpose, read, setting);
    const session = await openSession(program, { device, weightsFolder: folder, threads, packWeights: false, spin });
    this.#sessions.set(purpose, session);
    return session;
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const joinedInts = (parts: readonly Int32Array[]): Int32Array => Int32Array.from(parts.flatMap((part) => [...part]));
