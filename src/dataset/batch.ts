/**
 * Examples of one optimiser step, laid out as the rows that a network computes.
 *
 * Work per token grows with the length of its row, and padding is work for nothing, so each step tries a few
 * row lengths and keeps the cheapest layout. Nothing here is random: the same examples give the same rows.
 */

import type { EncodedExample } from '../domain/example.ts';

/**
 * Examples packed into B rows of T = `rowTokens` tokens each, flattened to B*T. Positions restart at every
 * example and segments keep neighbours apart (0 is padding). One row:
 *
 *   ids        a a a b b .      positions  0 1 2 0 1 0      segments  1 1 1 2 2 0
 *
 * Attention costs T per token, so short examples go into many short rows, not into one long one.
 *
 * `rows[i]` is a position in 0..B*T-1 whose next token `targets[i]` is judged with weight `weights[i]`. The weights of all
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
}

/** What the machine can take: `tokensPerRun` in one micro-batch, and `lanes` micro-batches side by side. */
export interface RunLimits {
  readonly tokensPerRun: number;
  readonly lanes: number;
}

/** Row lengths are multiples of this, so that a network sees few shapes. */
const rowGrain = 32;
/** A row of T tokens costs T x (1 + T / attentionTokens); measured on the 135M reference model. */
const attentionTokens = 2600;
/** What one more micro-batch costs beside its tokens, in tokens. */
const runTokens = 16;

/**
 * Packs the sequences of one step into micro-batches of at most `tokensPerRun` tokens (a longer sequence gets a
 * row and a micro-batch of its own). Sequences go longest first into the first row with room; the rows are then
 * dealt evenly over micro-batches, a multiple of `lanes` if there are enough rows. Lengths 5 4 3 2 2 in rows of
 * 6 with 12 tokens a run:
 *
 *   run 1   a a a a a .      run 2   c c c d d .
 *           b b b b e e
 *
 * Every target weighs 1 / (targets of the whole step).
 */
export function packStep(sequences: readonly EncodedExample[], limits: RunLimits): MicroBatch[] {
  const longestFirst = [...sequences].sort((a, b) => b.ids.length - a.ids.length);
  const rowTokensMin = Math.ceil((longestFirst[0]?.ids.length ?? 0) / rowGrain) * rowGrain;
  let best: Layout | null = null;
  for (let rowTokens = rowTokensMin; rowTokens <= Math.max(rowTokensMin, limits.tokensPerRun); rowTokens += rowGrain) {
    const layout = layOut(longestFirst, rowTokens, limits);
    if (best === null || layout.cost < best.cost) best = layout;
  }
  if (best === null) return [];
  const targets = countTargets(sequences);
  return best.runs.map((rows) => fillMicroBatch(rows, best.rowTokens, 1 / targets));
}

/** How many tokens of these sequences are judged; a first token follows nothing, so nothing can be judged there. */
export function countTargets(sequences: readonly EncodedExample[]): number {
  let targets = 0;
  for (const { mask } of sequences) {
    for (let i = 1; i < mask.length; i++) targets += mask[i]!;
  }
  return targets;
}

/** Sequences that share a row, in order. */
type Row = readonly EncodedExample[];

interface Layout {
  readonly rowTokens: number;
  readonly runs: readonly (readonly Row[])[];
  /** Work of the busiest lane, in tokens. */
  readonly cost: number;
}

function layOut(longestFirst: readonly EncodedExample[], rowTokens: number, limits: RunLimits): Layout {
  const rows = fillRows(longestFirst, rowTokens);
  const rowsPerRun = Math.max(1, Math.floor(limits.tokensPerRun / rowTokens));
  const rounds = Math.ceil(rows.length / rowsPerRun / limits.lanes);
  const runCount = Math.min(rows.length, rounds * limits.lanes);
  const runs = Array.from({ length: runCount }, (_, i) =>
    rows.slice(Math.floor((i * rows.length) / runCount), Math.floor(((i + 1) * rows.length) / runCount)),
  );
  const tokens = Math.ceil(rows.length / runCount) * rowTokens;
  return { rowTokens, runs, cost: rounds * (tokens * (1 + rowTokens / attentionTokens) + runTokens) };
}

function fillRows(longestFirst: readonly EncodedExample[], rowTokens: number): EncodedExample[][] {
  const rows: { room: number; sequences: EncodedExample[] }[] = [];
  for (const sequence of longestFirst) {
    let row = rows.find(({ room }) => room >= sequence.ids.length);
    if (row === undefined) rows.push((row = { room: rowTokens, sequences: [] }));
    row.sequences.push(sequence);
    row.room -= sequence.ids.length;
  }
  return rows.map((row) => row.sequences);
}

function fillMicroBatch(rows: readonly Row[], rowTokens: number, weight: number): MicroBatch {
  const size = rows.length * rowTokens;
  const ids = new Int32Array(size);
  const positions = new Int32Array(size);
  const segments = new Int32Array(size);
  const judged: number[] = [];
  const targets: number[] = [];
  rows.forEach((row, r) => {
    let start = r * rowTokens;
    row.forEach((sequence, s) => {
      const { length } = sequence.ids;
      ids.set(sequence.ids, start);
      segments.fill(s + 1, start, start + length);
      for (let i = 0; i < length; i++) {
        positions[start + i] = i;
        if (i === 0 || sequence.mask[i] !== 1) continue;
        judged.push(start + i - 1);
        targets.push(sequence.ids[i]!);
      }
      start += length;
    });
  });
  return {
    rowTokens,
    ids,
    positions,
    segments,
    rows: Int32Array.from(judged),
    targets: Int32Array.from(targets),
    weights: new Float32Array(judged.length).fill(weight),
  };
}
