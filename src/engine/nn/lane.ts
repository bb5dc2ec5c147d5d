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
import { named, product } from '../graph/dims.ts';
import { emit, type Program } from '../graph/emit.ts';
import { gradients } from '../graph/gradient.ts';
import { gemm } from '../graph/ops/matmul.ts';
import { gather } from '../graph/ops/movement.ts';
import { openSession, type Feeds, type Session } from '../graph/session.ts';
import { input, type Tensor } from '../graph/tensor.ts';
import { addTo } from '../vectors.ts';
import type { Architecture } from './architecture.ts';
import { Dropout } from './dropout.ts';
import { crossEntropy, judge, preference, smoothed, type PairInputs } from './losses.ts';
import { noJudgement, type Judgement, type Measured } from './network.ts';
import { RotaryTables } from './rotary.ts';
import { judgeAny, judgeOne, judgesRows, labelLogits } from './heads/label-head.ts';
import { transformer, type TokenInputs } from './transformer.ts';
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
}

export interface IndexedBatch {
  readonly index: number;
  readonly batch: MicroBatch;
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
  readonly #inputs: BatchInputs;
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
    const { labelHead } = this.#weights;
    const labels = labelHead?.plan.task === 'multi_label' ? Number(labelHead.output.bias.shape[0]) : null;
    this.#inputs = batchInputs(this.#tables, labels);
    const rate = train.mode === 'lora' ? train.dropout : 0;
    this.#dropout = rate > 0 ? new Dropout('dropout', rate, this.trainables.moduleCount, tokenCount) : null;
    const { hiddenDropout } = options;
    const parts = 2 * architecture.layers;
    this.#hiddenDropout = hiddenDropout > 0 ? new Dropout('hidden dropout', hiddenDropout, parts, tokenCount) : null;
    const whole = !architecture.family.design.causal || options.rowTokensMax <= keptRowTokens;
    this.#attentionChunks = whole ? 1 : tokensPerRun > 1024 ? 8 : 4;
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
    for (const { index, batch } of batches) {
      const masks = (tokens: number): Feeds => ({
        ...this.#dropout?.feeds(dropoutSeed, index, tokens),
        ...this.#hiddenDropout?.feeds(dropoutSeed ^ hiddenSalt, index, tokens),
      });
      const outputs = await this.#judge('train', batch, total, masks);
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
    for (const { batch } of batches) await this.#judge('evaluate', batch, total);
    return total;
  }

  async measure(batches: readonly IndexedBatch[]): Promise<Measured[]> {
    const measured: Measured[] = [];
    for (const { batch } of batches) {
      const outputs = await this.#judge('measure', batch, noJudgement());
      const count = batch.rows.length;
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
    const outputs = await this.#run('logits', {
      rowTokens: ids.length,
      ids,
      positions: Int32Array.from(ids.keys()),
      segments: new Int32Array(ids.length).fill(1),
      rows: Int32Array.of(ids.length - 1),
    });
    return outputs['logits']!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) await session[Symbol.asyncDispose]();
    this.#sessions.clear();
  }

  /** Runs a graph with a loss and adds to `total`; null when the batch has nothing to judge. */
  async #judge(
    purpose: Purpose,
    batch: MicroBatch,
    total: Judgement,
    more: (tokens: number) => Feeds = () => ({}),
  ): Promise<Outputs | null> {
    if (batch.rows.length === 0) return null;
    // Chunks of rows are equally long: rows without weight fill the last one.
    const judged = roundUp(batch.rows.length, this.#lossChunks);
    const rows = new Int32Array(judged);
    const targets = new Int32Array(judged * (batch.targets.length / batch.rows.length));
    const weights = new Float32Array(judged);
    rows.set(batch.rows);
    targets.set(batch.targets);
    weights.set(batch.weights);
    const outputs = await this.#run(purpose, { ...batch, rows }, (tokens) => ({
      targets: this.#inputs.targets.element === 'float32' ? Float32Array.from(targets) : int64(targets),
      weights,
      ...pairFeeds(batch, judged),
      ...more(tokens),
    }));
    total.loss += outputs['loss']?.[0] ?? 0;
    const hits = outputs['hits']!;
    for (const [i, weight] of batch.weights.entries()) if (weight > 0) total.correct += hits[i]!;
    for (const margin of outputs['margins'] ?? []) {
      total.preferred += margin > 0 ? 1 : 0;
      total.margin += margin;
    }
    return outputs;
  }

  async #run(
    purpose: Purpose,
    batch: Pick<MicroBatch, 'rowTokens' | 'ids' | 'positions' | 'segments' | 'rows'>,
    more: (tokens: number) => Feeds = () => ({}),
  ): Promise<Outputs> {
    const session = await this.#session(purpose);
    const from = batch.rowTokens;
    const rowCount = batch.ids.length / from;
    assert(Number.isInteger(rowCount), `run: ${batch.ids.length} tokens are not whole rows of ${from}`);
    const rowTokens = roundUp(from, this.#attentionChunks * tokensPerChunkUnit);
    const tokens = rowCount * rowTokens;
    const widened = (values: Int32Array): BigInt64Array => {
      const wide = new BigInt64Array(tokens);
      for (const [i, value] of values.entries()) wide[Math.floor(i / from) * rowTokens + (i % from)] = BigInt(value);
      return wide;
    };
    const plan = this.#weights.labelHead?.plan;
    const rows = batch.rows.map((row) =>
      plan !== undefined && judgesRows(plan)
        ? Math.floor(row / from)
        : Math.floor(row / from) * rowTokens + (row % from),
    );
    const positions = this.#tables.upTo(batch.positions.reduce((a, b) => Math.max(a, b), 0) + 1);
    const feeds: Record<string, NodeJS.TypedArray> = {
      ids: widened(batch.ids),
      positions: widened(batch.positions),
      segments: widened(batch.segments),
      order: BigInt64Array.from({ length: rowTokens }, (_, i) => BigInt(i)),
      rows: int64(rows),
      ...positions.feeds,
      ...more(tokens),
    };
    for (const { name, data } of this.trainables.inputs) feeds[name] = data;
    const pairs = feeds['references']?.length ?? 0;
    return await session.run(feeds, { B: rowCount, T: rowTokens, M: rows.length, P: positions.count, S: pairs });
  }

  async #session(purpose: Purpose): Promise<Session> {
    const known = this.#sessions.get(purpose);
    if (known !== undefined) return known;
    const { device, threads, spin } = this.#options;
    const packWeights = purpose === 'train';
    const session = await openSession(this.#program(purpose), {
      device,
      weightsFolder: this.#folder,
      threads,
      packWeights,
      spin,
    });
    this.#sessions.set(purpose, session);
    return session;
  }

  #program(purpose: Purpose): Program {
    const training = purpose === 'train';
    const { device } = this.#options;
    const { tokens, rows, targets, weights } = this.#inputs;
    const dropout = training ? this.#dropout : null;
    const hiddenDropout = training ? this.#hiddenDropout : null;
    const hidden = transformer(this.#architecture, this.#weights, this.trainables, tokens, {
      attentionChunks: this.#attentionChunks,
      recompute: training && this.#options.recompute,
      recomputeAttention: training && this.#options.recompute && this.#options.rowTokensMax > keptRowTokens,
      dropout: dropout === null ? null : (module, columns) => dropout.mask(module, columns),
      hiddenDropout: hiddenDropout === null ? null : (part, columns) => hiddenDropout.mask(part, columns),
    });
    const { head, labelHead } = this.#weights;
    if (labelHead !== null) {
      const logits = labelLogits(labelHead, hidden, tokens.segments, rows);
      if (purpose === 'logits') return emit({ logits }, device);
      const judges = labelHead.plan.task === 'multi_label' ? judgeAny : judgeOne;
      const { hits, logProbabilities } = judges(logits, targets, training ? labelSmoothingOf(this.#options) : 0);
      if (purpose === 'measure') return emit({ hits, logProbabilities }, device);
      return this.#withGradients({ hits, loss: crossEntropy(logProbabilities, weights) }, training);
    }
    const judged = gather(hidden, rows);
    if (purpose === 'logits') return emit({ logits: gemm(judged, head, { transposeB: true }) }, device);
    const judgement = judge(judged, head, targets, this.#lossChunks);
    const { hits, logProbabilities } = judgement;
    if (purpose === 'measure') return emit({ hits, logProbabilities }, device);
    const { objective } = this.#options;
    const outputs: Record<string, Tensor> = { hits };
    if (objective.kind === 'preference') {
      const { loss, margins } = preference(logProbabilities, this.#inputs.pairs, objective.beta);
      Object.assign(outputs, { loss, margins });
    } else {
      const share = training ? objective.labelSmoothing : 0;
      const logs = share > 0 ? smoothed(judgement, share, judged, head, targets) : logProbabilities;
      outputs['loss'] = crossEntropy(logs, weights);
    }
    return this.#withGradients(outputs, training);
  }

  #withGradients(outputs: Readonly<Record<string, Tensor>>, training: boolean): Program {
    const { device } = this.#options;
    if (!training) return emit(outputs, device);
    const { inputs } = this.trainables;
    const found = gradients(
      outputs['loss']!,
      inputs.map((x) => x.tensor),
    );
    const named = inputs.map((x, i) => [gradientName(x.name), found[i]!] as const);
    return emit({ ...outputs, ...Object.fromEntries(named) }, device);
  }
}

const labelSmoothingOf = ({ objective }: LaneOptions): number =>
  objective.kind === 'likelihood' ? objective.labelSmoothing : 0;

type Purpose = 'train' | 'evaluate' | 'measure' | 'logits';
type Outputs = Readonly<Record<string, Float32Array>>;

const gradientName = (name: string): string => `gradient of ${name}`;

/** Lets the two dropouts of a run draw differently. */
const hiddenSalt = 0x5bd1e995;
/** Chunks of attention are multiples of so many tokens. */
const tokensPerChunkUnit = 8;
/** Attention probabilities of rows up to here are kept for the backward pass: 5 KB per token and layer of a 135M model. */
const keptRowTokens = 256;
/**
 * The head computes at most so many judged positions at once, logits and probabilities: 200 MB at 49,152 words, and no
 * more than 512 MB for the largest vocabularies. Finer cuts would read the head's matrix more often.
 */
const judgedPerChunk = ({ vocabulary }: Architecture): number =>
  Math.min(512, Math.max(1, Math.floor(2 ** 26 / vocabulary)));
const tokenCount = product(named('B'), named('T'));

interface BatchInputs {
  readonly tokens: TokenInputs;
  readonly rows: Tensor;
  readonly targets: Tensor;
  readonly weights: Tensor;
  readonly pairs: PairInputs;
}

/** What a batch of pairs is fed; rows that fill the last chunk count for nothing. */
function pairFeeds({ pairs }: MicroBatch, judged: number): Feeds {
  if (pairs === undefined) return {};
  const of = new Int32Array(judged);
  const signs = new Float32Array(judged);
  of.set(pairs.of);
  signs.set(pairs.signs);
  return { pairs: int64(of), signs, references: pairs.references, pairWeights: pairs.weights };
}

/** `labels` says how many of them each judged row may have; null for one. */
function batchInputs(tables: RotaryTables, labels: number | null): BatchInputs {
  const [rows, tokens, judged] = [named('B'), named('T'), named('M')];
  return {
    tokens: {
      ids: input('ids', [tokenCount], 'int64'),
      positions: input('positions', [rows, tokens], 'int64'),
      segments: input('segments', [rows, tokens], 'int64'),
      order: input('order', [tokens], 'int64'),
      rotations: tables.inputs(named('P')),
    },
    rows: input('rows', [judged], 'int64'),
    targets: labels === null ? input('targets', [judged, 1], 'int64') : input('targets', [judged, labels]),
    weights: input('weights', [judged, 1]),
    pairs: {
      of: input('pairs', [judged, 1], 'int64'),
      signs: input('signs', [judged, 1]),
      references: input('references', [named('S'), 1]),
      weights: input('pairWeights', [named('S'), 1]),
    },
  };
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

const int64 = (values: Int32Array): BigInt64Array => BigInt64Array.from(values, BigInt);
