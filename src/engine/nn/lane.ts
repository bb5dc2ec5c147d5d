/**
 * The sessions of one thread: a model with its adapter, and the graphs that judge and train it.
 *
 * Three graphs share one file of frozen weights: training, evaluation (a run executes its whole graph, so it
 * needs one without gradients) and logits. The last two are made when first asked for. Each serves batches of
 * any size: B rows of T tokens with M judged positions. Running blocks the thread.
 */

import assert from 'node:assert/strict';
import type { MicroBatch } from '../../dataset/batch.ts';
import type { Device } from '../../domain/device.ts';
import type { Objective, TrainPlan } from '../protocol.ts';
import type { Program } from '../graph/emit.ts';
import { openSession, type Feeds, type Session } from '../graph/session.ts';
import { input, type Tensor } from '../graph/tensor.ts';
import { addTo } from '../vectors.ts';
import type { Architecture } from './architecture.ts';
import { attentionChunksOf, judgedPerChunk, keptRowTokens, tokensPerChunkUnit } from './cuts.ts';
import { Dropout } from './dropout.ts';
import {
  addJudgement,
  filledUp,
  gradientName,
  judgedOf,
  judgingFeeds,
  judgingInputs,
  judgingProgram,
  readByHead,
  type JudgingInputs,
  type Outputs,
  type Purpose,
} from './judging.ts';
import { noJudgement, type Judgement, type Measured } from './network.ts';
import { RotaryTables } from './rotary.ts';
import { layoutOf, oneRow, rowsInput, tokenCount, tokenFeeds, tokenInputs, type Layout, type TokenRows } from './token-inputs.ts'; // prettier-ignore
import { transformer, type Choices, type TokenInputs } from './transformer.ts';
import { makeTrainables, type Trainables } from './trainables.ts';
import { weightTensors, type FrozenModel, type FrozenWeights } from './weights.ts';

export interface LaneOptions {
  readonly train: TrainPlan;
  readonly objective: Objective;
  /** Share of what each block adds to the stream that is dropped while training. */
  readonly hiddenDropout: number;
  /** Fixes the adapter's first values. */
  readonly seed: number;
  readonly threads: number;
  readonly device: Device;
  /** About how many tokens a micro-batch will have: decides how finely memory-hungry steps are cut. */
  readonly tokensPerRun: number;
  /** About how long the longest row will be. */
  readonly rowTokensMax: number;
  /** Computes wide, cheap values again in the backward pass instead of keeping them. */
  readonly recompute: boolean;
  /** Lets idle threads spin: only when nobody else wants the cores. */
  readonly spin: boolean;
  /** The first block, where batches come with the stream before it; null where every block is computed. */
  readonly streamFrom: number | null;
}

export interface IndexedBatch {
  readonly index: number;
  readonly batch: MicroBatch;
  /** Of each row its tokens' part of the stream, [tokens, C]; set if `streamFrom` is. */
  readonly stream?: readonly Float32Array[];
}

interface LaneInputs extends JudgingInputs {
  readonly tokens: TokenInputs;
  readonly rows: Tensor;
  readonly stream: Tensor;
}

export class Lane implements AsyncDisposable {
  readonly trainables: Trainables;
  readonly #architecture: Architecture;
  readonly #weights: FrozenWeights;
  readonly #folder: string;
  readonly #options: LaneOptions;
  readonly #tables: RotaryTables;
  readonly #dropout: Dropout | null;
  readonly #hiddenDropout: Dropout | null;
  readonly #inputs: LaneInputs;
  readonly #attentionChunks: number;
  readonly #lossChunks: number;
  readonly #sessions = new Map<Purpose, Session>();

  constructor(model: FrozenModel, options: LaneOptions) {
    const { architecture, layout, folder } = model;
    const { train, tokensPerRun } = options;
    this.#architecture = architecture;
    this.trainables = makeTrainables(model, train, options.seed);
    this.#weights = weightTensors(layout, this.trainables.weights);
    this.#folder = folder;
    this.#options = options;
    this.#tables = new RotaryTables(architecture.rotations);
    const stream = input(streamName, [tokenCount, architecture.width]);
    this.#inputs = { ...judgingInputs(this.#weights), tokens: tokenInputs(this.#tables), rows: rowsInput(), stream };
    const rate = train.mode === 'lora' ? train.dropout : 0;
    this.#dropout = rate > 0 ? new Dropout('dropout', rate, this.trainables.moduleCount, tokenCount) : null;
    const { hiddenDropout } = options;
    const parts = 2 * architecture.layers;
    this.#hiddenDropout = hiddenDropout > 0 ? new Dropout('hidden dropout', hiddenDropout, parts, tokenCount) : null;
    this.#attentionChunks = attentionChunksOf(architecture, options.rowTokensMax, tokensPerRun);
    const { labelHead } = this.#weights;
    this.#lossChunks = labelHead !== null ? 1 : Math.max(1, Math.ceil(tokensPerRun / judgedPerChunk(architecture)));
  }

  /** Makes what training needs, so that the first step takes no longer than the others. */
  async open(): Promise<void> {
    await this.#session('train');
  }

  /**
   * As `Network.differentiate`; `index` is a batch's place in the whole step, which is what its dropout hangs on. The
   * gradients go into one array for each input, by default its own.
   */
  async differentiate(
    batches: readonly IndexedBatch[],
    dropoutSeed: number,
    into: readonly Float32Array[] = this.trainables.inputs.map(({ gradient }) => gradient),
  ): Promise<Judgement> {
    const total = noJudgement();
    let summed = false;
    for (const { index, ...given } of batches) {
      const masks = (tokens: number): Feeds => ({
        ...this.#dropout?.feeds(dropoutSeed, index, tokens),
        ...this.#hiddenDropout?.feeds(dropoutSeed ^ hiddenSalt, index, tokens),
      });
      const outputs = await this.#judge('train', given, total, masks);
      if (outputs === null) continue;
      for (const [i, { name }] of this.trainables.inputs.entries()) {
        const found = outputs[gradientName(name)]!;
        if (summed) addTo(into[i]!, found);
        else into[i]!.set(found);
      }
      summed = true;
    }
    if (!summed) for (const gradient of into) gradient.fill(0);
    return total;
  }

  async evaluate(batches: readonly IndexedBatch[]): Promise<Judgement> {
    const total = noJudgement();
    for (const given of batches) await this.#judge('evaluate', given, total);
    return total;
  }

  async measure(batches: readonly IndexedBatch[]): Promise<Measured[]> {
    const measured: Measured[] = [];
    for (const given of batches) {
      const outputs = await this.#judge('measure', given, noJudgement());
      const count = given.batch.rows.length;
      const [logs, hits] = [outputs?.['logProbabilities'], outputs?.['hits']];
      measured.push({
        logProbabilities: logs?.slice(0, count) ?? new Float32Array(),
        hits: hits?.slice(0, count) ?? new Float32Array(),
      });
    }
    return measured;
  }

  async logits(ids: Int32Array): Promise<Float32Array> {
    assert(ids.length > 0, 'logits: no tokens');
    const outputs = await this.#run('logits', oneRow(ids), undefined);
    return outputs['logits']!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) await session[Symbol.asyncDispose]();
    this.#sessions.clear();
  }

  /** Runs a graph with a loss and adds to `total`; null when the batch has nothing to judge. */
  async #judge(
    purpose: Purpose,
    { batch, stream }: Omit<IndexedBatch, 'index'>,
    total: Judgement,
    more: (tokens: number) => Feeds = () => ({}),
  ): Promise<Outputs | null> {
    if (batch.rows.length === 0) return null;
    // Chunks of rows are equally long.
    const filled = filledUp(batch, this.#lossChunks);
    const outputs = await this.#run(purpose, { ...batch, ...filled }, stream, (tokens) => ({
      ...judgingFeeds(filled, this.#inputs),
      ...more(tokens),
    }));
    addJudgement(total, outputs, batch.weights);
    return outputs;
  }

  async #run(
    purpose: Purpose,
    batch: TokenRows,
    stream: readonly Float32Array[] | undefined,
    more: (tokens: number) => Feeds = () => ({}),
  ): Promise<Outputs> {
    const session = await this.#session(purpose);
    const layout = layoutOf(batch, this.#attentionChunks * tokensPerChunkUnit);
    const { feeds, sizes } = tokenFeeds(batch, layout, this.#tables, this.#weights.labelHead?.plan ?? null);
    const all: Record<string, NodeJS.TypedArray> = { ...feeds, ...more(layout.rowCount * layout.rowTokens) };
    if (stream !== undefined) all[streamName] = streamOf(stream, layout, this.#architecture.width);
    for (const { name, data } of this.trainables.inputs) all[name] = data;
    return await session.run(all, { ...sizes, S: all['references']?.length ?? 0 });
  }

  async #session(purpose: Purpose): Promise<Session> {
    const known = this.#sessions.get(purpose);
    if (known !== undefined) return known;
    const { device, threads, spin, rowTokensMax } = this.#options;
    const session = await openSession(this.#program(purpose), {
      device,
      weightsFolder: this.#folder,
      threads,
      packWeights: purpose === 'train',
      arena: rowTokensMax <= keptRowTokens,
      spin,
    });
    this.#sessions.set(purpose, session);
    return session;
  }

  #program(purpose: Purpose): Program {
    const training = purpose === 'train';
    const { device, objective, rowTokensMax, streamFrom } = this.#options;
    const { tokens, rows } = this.#inputs;
    const dropout = training ? this.#dropout : null;
    const hiddenDropout = training ? this.#hiddenDropout : null;
    const recompute = training && this.#options.recompute;
    const choices: Choices = {
      attentionChunks: this.#attentionChunks,
      recompute,
      recomputeAttention: recompute && rowTokensMax > keptRowTokens,
      dropout: dropout === null ? null : (module, columns) => dropout.mask(module, columns),
      hiddenDropout: hiddenDropout === null ? null : (part, columns) => hiddenDropout.mask(part, columns),
    };
    const from =
      streamFrom === null || purpose === 'logits' ? null : { first: streamFrom, stream: this.#inputs.stream };
    const stream = transformer(this.#architecture, this.#weights, this.trainables, tokens, choices, { from });
    const judged = judgedOf(this.#architecture, this.#weights, stream, tokens, rows);
    return judgingProgram(purpose, readByHead(this.#architecture, this.#weights, judged), {
      weights: this.#weights,
      inputs: this.#inputs,
      trained: this.trainables.inputs,
      objective,
      chunks: this.#lossChunks,
      device,
    });
  }
}

/** Each row's part of the stream in its place. */
function streamOf(parts: readonly Float32Array[], { rowCount, rowTokens }: Layout, width: number): Float32Array {
  const stream = new Float32Array(rowCount * rowTokens * width);
  for (const [row, part] of parts.entries()) stream.set(part, row * rowTokens * width);
  return stream;
}

const streamName = 'stream';

/** Lets the two dropouts of a run draw differently. */
const hiddenSalt = 0x5bd1e995;
