/**
 * Examples of one optimiser step, laid out as the rows that a network computes.
 *
 * Work per token grows with the length of its row, and padding is work for nothing, so each step tries a few
 * layouts and keeps the cheapest. Nothing here is random: the same examples give the same rows.
 */

import type { EncodedExample } from '../domain/example.ts';

/**
 * Examples in B rows of T = `rowTokens` tokens each, flattened to B*T. Positions restart at every
 * example and segments keep neighbours apart (0 is padding). One row:
 *
 *   ids        a a a b b .      positions  0 1 2 0 1 0      segments  1 1 1 2 2 0
 *
 * Attention costs T per token, so short examples go into many short rows, not into one long one.
 *
 * `rows[i]` is a position in 0..B*T-1 whose next token `targets[i]` is judged with weight `weights[i]`; for encoders
 * `targets` are labels of that position, or zeros and ones for several labels each. The weights of all
 * rows of one optimiser step sum to 1, so losses and gradients of its micro-batches simply add up.
 */
export interface MicroBatch {
  readonly rowTokens: number;
  readonly ids: Int32Array;
  readonly positions: Int32Array;
  readonly segments: Int32Array;
  readonly rows: Int32Array;
  readonly targets: Int32Array;
  readonly weights: Float32Array;
  /** Which of the sequences that were packed a judged row belongs to. */
  readonly owners?: Int32Array;
  /** Set where answers are compared. */
  readonly pairs?: Pairs;
}

/** Two answers each, of which the first is better; S of them in a micro-batch. */
export interface Pairs {
  /** Which pair a judged row belongs to. */
  readonly of: Int32Array;
  /** 1 in the better answer, -1 in the worse. */
  readonly signs: Float32Array;
  /** By how much the reference model finds the better answer likelier, in logarithms, [S]. */
  readonly references: Float32Array;
  /** [S]; those of one optimiser step sum to 1. */
  readonly weights: Float32Array;
}

/** What the machine can take: `tokensPerRun` in one micro-batch, and `lanes` micro-batches side by side. */
export interface RunLimits {
  readonly tokensPerRun: number;
  readonly lanes: number;
  /** What one more micro-batch costs beside its tokens, in tokens. */
  readonly runTokens?: number;
}

/** What decides about lanes; without `train`, adapters are trained. */
interface RunSetting {
  readonly threads: number;
  readonly batchSize: number;
  readonly train?: { readonly mode: string; readonly layers?: number };
  readonly device?: string;
  /** Set for encoders, which are small. */
  readonly head?: object | null;
}

/**
 * As many lanes as there are threads and examples in a step; each keeps weights of its own, so that four are enough.
 * What a lane trains it has a copy of: where that is everything, a decoder's head, or many layers, one lane has all the
 * threads. So it is where something other than the processor computes, which holds one copy of the weights.
 */
export function runLimitsOf({ threads, batchSize, train, device = 'cpu', head }: RunSetting): RunLimits {
  const mode = train?.mode ?? 'lora';
  // Gradients as large as the model come out of every micro-batch: 4 ns a weight, where a token takes 30.
  const large = mode === 'full' || (mode === 'head' && !head);
  const alone = device !== 'cpu' || large || (train?.layers ?? 0) > layersInLanes;
  const lanes = alone ? 1 : Math.max(1, Math.min(threads, batchSize, 4));
  return { tokensPerRun: large ? 1024 : 512, lanes, runTokens: large ? 120 : adapterRunTokens };
}

/** Of trained blocks; each lane more has copies of their weights and of their gradients. */
const layersInLanes = 6;

/** Row lengths are multiples of this, so that a network sees few shapes. */
const rowGrain = 8;
/** A row of T tokens costs T x (1 + T / attentionTokens); measured on the 135M reference model. */
const attentionTokens = 2600;
/** What one more micro-batch costs beside its tokens where adapters are trained, in tokens. */
const adapterRunTokens = 16;
/** How many more micro-batches than needed are tried, in rounds of all lanes. */
const roundsTried = 4;

/**
 * Lays the sequences of one step out as micro-batches of at most `tokensPerRun` tokens (a longer sequence gets one of
 * its own). Neighbours in length go together, each in a row of its own as long as the longest of its micro-batch, so
 * that little is padding; micro-batches are cut to be about equally much work, a multiple of `lanes` of them. Lengths
 * 5 4 3 2 2 2 with 12 tokens a run and two lanes:
 *
 *   lane 0   a a a a a      lane 1   c c c
 *            b b b b .               d d .
 *                                    e e .
 *                                    f f .
 *
 * Every target weighs 1 / (targets of the whole step).
 */
export function packStep(sequences: readonly EncodedExample[], limits: RunLimits): MicroBatch[] {
  const placed = sequences.map((sequence, owner): Placed => ({ ...sequence, owner }));
  const longestFirst = placed.sort((a, b) => b.ids.length - a.ids.length).map((sequence) => [sequence]);
  const weight = 1 / countTargets(sequences);
  return cheapestRuns(longestFirst, limits).map((run) => fillMicroBatch(run.flat(), weight));
}

/** Two answers to one question, the better first. */
export interface AnswerPair {
  readonly better: readonly EncodedExample[];
  readonly worse: readonly EncodedExample[];
  /** By how much the reference model finds the better answer likelier. */
  readonly reference: number;
}

/** The same for pairs of answers, each of them whole in one micro-batch. A pair weighs 1 / (pairs of the whole step). */
export function packPairs(pairs: readonly AnswerPair[], limits: RunLimits): MicroBatch[] {
  const units = pairs.map(({ better, worse }, pair): Unit => {
    const placed = [...better, ...worse].map((sequence, i): Placed => ({
      ...sequence,
      owner: pair,
      worse: i >= better.length,
    }));
    return placed.sort((a, b) => b.ids.length - a.ids.length);
  });
  const longestFirst = units.sort((a, b) => b[0]!.ids.length - a[0]!.ids.length);
  return cheapestRuns(longestFirst, limits).map((run) => {
    const batch = fillMicroBatch(run.flat(), 1);
    const here = run.map(([first]) => first!.owner);
    const signs = run
      .flat()
      .flatMap((sequence) => repeated(sequence.worse === true ? -1 : 1, countTargets([sequence])));
    return {
      ...batch,
      pairs: {
        of: batch.owners.map((pair) => here.indexOf(pair)),
        signs: Float32Array.from(signs),
        references: Float32Array.from(here, (pair) => pairs[pair]!.reference),
        weights: new Float32Array(here.length).fill(1 / pairs.length),
      },
    };
  });
}

const repeated = (value: number, times: number): number[] => Array.from({ length: times }, () => value);

/** How many tokens of these sequences are judged; a first token follows nothing, so nothing can be judged there. */
export function countTargets(sequences: readonly EncodedExample[]): number {
  let targets = 0;
  for (const { mask, judged } of sequences) {
    if (judged !== undefined) targets += judged.positions.length;
    else for (let i = 1; i < mask.length; i++) targets += mask[i]!;
  }
  return targets;
}

/** A sequence, and where in the step it came. */
interface Placed extends EncodedExample {
  readonly owner: number;
  readonly worse?: boolean;
}

/** What stays together, the longest first. */
type Unit = readonly Placed[];

/** The units of one micro-batch, that with the longest sequence first. */
type Run = readonly Unit[];

/** Tries a few counts of micro-batches; more of them pad less, fewer cost less beside their tokens. */
function cheapestRuns(longestFirst: Run, limits: RunLimits): readonly Run[] {
  const { tokensPerRun, lanes } = limits;
  const least = Math.ceil(cutWhereFull(longestFirst, tokensPerRun, Infinity).length / lanes);
  const candidates = Array.from({ length: roundsTried }, (_, i) =>
    cutEvenly(longestFirst, tokensPerRun, (least + i) * lanes),
  );
  return candidates.reduce((best, runs) => (busiestLane(runs, limits) < busiestLane(best, limits) ? runs : best));
}

/** At most `count` runs whose dearest is as cheap as can be: the smallest bound on a run's cost that suffices. */
function cutEvenly(longestFirst: Run, tokensPerRun: number, count: number): readonly Run[] {
  let [low, high] = [0, costOf(longestFirst)];
  while (high - low > 1) {
    const bound = (low + high) / 2;
    if (cutWhereFull(longestFirst, tokensPerRun, bound).length <= count) high = bound;
    else low = bound;
  }
  return cutWhereFull(longestFirst, tokensPerRun, high);
}

/** Fills run after run until one more row would be too many tokens or cost too much. */
function cutWhereFull(longestFirst: Run, tokensPerRun: number, costMax: number): Run[] {
  const runs: Unit[][] = [];
  for (const unit of longestFirst) {
    const run = runs.at(-1);
    const wider = [...(run ?? []), unit];
    const fits = rowsOf(wider) * rowTokensOf(wider) <= tokensPerRun && costOf(wider) <= costMax;
    if (run !== undefined && fits) run.push(unit);
    else runs.push([unit]);
  }
  return runs;
}

const rowTokensOf = (run: Run): number => roundUp(run[0]?.[0]?.ids.length ?? 0);

const rowsOf = (run: Run): number => run.reduce((sum, unit) => sum + unit.length, 0);

const roundUp = (tokens: number): number => Math.ceil(tokens / rowGrain) * rowGrain;

const costOf = (run: Run): number => rowsOf(run) * rowCost(rowTokensOf(run));

const rowCost = (rowTokens: number): number => rowTokens * (1 + rowTokens / attentionTokens);

/**
 * About what one epoch costs, in the same measure: each length with how often it occurs, and what a step's
 * micro-batches cost beside their tokens. Lanes that go idle because a step has too few examples for all count as work.
 */
export function epochCost(
  lengths: readonly (readonly [tokens: number, count: number])[],
  {
    batchSize,
    lanes,
    runTokens = adapterRunTokens,
  }: Pick<RunLimits, 'lanes' | 'runTokens'> & { readonly batchSize: number },
): number {
  const examples = lengths.reduce((sum, [, count]) => sum + count, 0);
  const rows = lengths.reduce((sum, [tokens, count]) => sum + count * rowCost(roundUp(tokens)), 0);
  const idle = (Math.ceil(batchSize / lanes) * lanes) / batchSize;
  return rows * idle + Math.ceil(examples / batchSize) * lanes * runTokens;
}

/** Runs are dealt to the lanes one after the other. */
function busiestLane(runs: readonly Run[], { lanes, runTokens = adapterRunTokens }: RunLimits): number {
  const costs = Array.from({ length: lanes }, () => 0);
  for (const [i, run] of runs.entries()) costs[i % lanes]! += costOf(run) + runTokens;
  return Math.max(...costs);
}

function fillMicroBatch(run: readonly Placed[], weight: number): MicroBatch & { readonly owners: Int32Array } {
  const rowTokens = roundUp(run.reduce((longest, { ids }) => Math.max(longest, ids.length), 0));
  const size = run.length * rowTokens;
  const ids = new Int32Array(size);
  const positions = new Int32Array(size);
  const segments = new Int32Array(size);
  const judged: number[] = [];
  const targets: number[] = [];
  const owners: number[] = [];
  for (const [r, sequence] of run.entries()) {
    const start = r * rowTokens;
    const { length } = sequence.ids;
    ids.set(sequence.ids, start);
    segments.fill(1, start, start + length);
    for (let i = 0; i < length; i++) positions[start + i] = i;
    if (sequence.judged !== undefined) {
      for (const position of sequence.judged.positions) {
        judged.push(start + position);
        owners.push(sequence.owner);
      }
      for (const target of sequence.judged.targets) targets.push(target);
      continue;
    }
    for (let i = 1; i < length; i++) {
      if (sequence.mask[i] !== 1) continue;
      judged.push(start + i - 1);
      targets.push(sequence.ids[i]!);
      owners.push(sequence.owner);
    }
  }
  return {
    rowTokens,
    ids,
    positions,
    segments,
    rows: Int32Array.from(judged),
    targets: Int32Array.from(targets),
    weights: new Float32Array(judged.length).fill(weight),
    owners: Int32Array.from(owners),
  };
}
