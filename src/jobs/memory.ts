/**
 * How much memory a trainer will need at most, before it starts: a formula whose parts are known from the model and
 * the plan. In bytes, with P parameters in linear layers, V x C in the embedding, L layers of width C:
 *
 *   process       the trainer itself: runtime, libraries, tokenizer
 *   weights       of each lane: 8 a frozen f32 parameter (packed for both directions), 2 an int8 one, and 8 V C for the head;
 *                 for all lanes together 5/8 an int4 one, though the feed-forward's last matrix may stay in int8
 *   trained       4 each for value and gradient, 8 for AdamW's two moments, 4 for the runtime's own copy of the gradient;
 *                 of each lane more than one 8 more; where the embedding learns, three more copies of its gradient
 *   activations   of each lane: tokens of a micro-batch x L x 4 (4 C + 2 K + (2 or 3) F + 7 r + H T), K = keys' columns, F the
 *                 feed-forward's, H T attention's probabilities of rows that are short enough to be kept
 *                 and of longer rows 3.5 squares H T^2 of one layer
 *   head          of each lane: 2 copies of judged positions x V
 *   looking       of each lane that validates, and of one that asks for the reference of pairs: 4 a frozen f32 parameter, 1 an
 *                 int8 one, 5/8 an int4 one, 4 V C for a frozen head, and what its own head takes
 *
 * plus a share for what the runtime's allocator cannot fill. Where lower layers are frozen they read every example once, with
 * 4, 1 or 5/8 a parameter, and are gone before the first step: the larger of the two counts. A head alone takes two more copies
 * of its gradient.
 * docs/decisions/0009-memory-of-training.md has the measurements.
 */

import { totalmem } from 'node:os';
import { runLimitsOf } from '../dataset/batch.ts';
import type { TrainingPlan, TrainPlan } from '../engine/protocol.ts';
import type { Architecture } from '../models/manifest.ts';

type Parts = Readonly<Record<'process' | 'weights' | 'trained' | 'activations' | 'head' | 'looking', number>>;

export interface MemoryNeed {
  readonly bytes: number;
  readonly parts: Parts;
}

export type MemoryPlan = Pick<
  TrainingPlan,
  'train' | 'basePrecision' | 'batchSize' | 'threads' | 'tokensMax' | 'head'
> &
  Partial<Pick<TrainingPlan, 'validationFile' | 'validationSplit' | 'data' | 'objective' | 'hiddenDropout'>>;

const processBytes = 220e6;
const slack = 1.05;
const bytesPerFloat = 4;
/** Attention's probabilities of rows up to here are kept. */
const keptRowTokens = 256;
/** Scores, probabilities, a gradient, and what is not filled. */
const transientSquares = 3.5;
/** By frozen layers. */
const tokensReadTogether = 1024;
/** Fewer of large vocabularies. */
const judgedPerChunk = (vocabulary: number): number => Math.min(512, Math.max(1, Math.floor(2 ** 26 / vocabulary)));

export function memoryOf(architecture: Architecture, plan: MemoryPlan): MemoryNeed {
  const { layers, width, heads, kvHeads, headWidth, feedForward, vocabulary } = architecture;
  const { train, basePrecision, tokensMax } = plan;
  const { lanes, tokensPerRun } = runLimitsOf(plan);
  const perBlock = blockParameters(architecture);
  const trained = trainedParameters(architecture, train);
  const trainedBlocks = trainedBlocksOf(layers, train);
  const embedding = vocabulary * width;
  const rank = train.mode === 'lora' ? train.rank : 0;

  const frozenLayers = layers - trainedBlocks;
  const readsOnce = hasFrozenLayers(train) && isReadOnce(plan) && frozenLayers > 0;
  // In four bits the matrix that reads the middle of the feed-forward may have to stay in eight.
  const inEight = basePrecision === 'int4' ? width * feedForward : perBlock;
  const perLane = readsOnce ? 0 : frozenLayers * inEight * (basePrecision === 'f32' ? 8 : 2);
  // Not all that reading took is given back.
  const shared = readsOnce ? (frozenLayers * perBlock) / 2 : frozenLayers * (perBlock - inEight) * (5 / 8);
  const onlyHead = train.mode === 'head';
  // The embedding is read in its place; a frozen head is packed for both directions.
  const headBytes = train.mode === 'full' || onlyHead ? 0 : 8 * embedding;
  const rows = Math.max(1, Math.min(Math.floor(tokensPerRun / tokensMax), Math.ceil(plan.batchSize / lanes)));
  const tokens = rows * tokensMax;
  const kept = tokensMax <= keptRowTokens ? heads * tokensMax : 0;
  // Where attention is computed again, so many squares of one layer live at once.
  const squares = tokensMax <= keptRowTokens ? 0 : transientSquares * rows * heads * tokensMax ** 2;
  const headRows = 2 * bytesPerFloat * Math.min(tokens, judgedPerChunk(vocabulary)) * vocabulary;
  const validates = (plan.validationFile ?? null) !== null || (plan.validationSplit ?? 0) > 0;
  const lookers = (validates ? lanes : 0) + (plan.data === 'preference' ? 1 : 0);
  const perFrozen = { f32: bytesPerFloat, int8: 1, int4: 5 / 8 }[basePrecision];
  const perToken = 4 * width + 2 * kvHeads * headWidth + 2 * feedForward + 7 * rank + kept;
  // Below the lowest trained block nothing is kept.
  const keptLayers = train.mode === 'lora' || train.mode === 'full' ? layers : trainedBlocks;
  const copies = train.mode === 'full' ? 3 * embedding : onlyHead && readsOnce ? 2 * trained : 0;
  const judges = plan.head ? 0 : headRows;
  const looked = readsOnce ? 0 : frozenLayers * perBlock * perFrozen;
  const training: Parts = {
    process: processBytes,
    weights: shared + lanes * (perLane + headBytes) + (onlyHead && readsOnce ? 0 : bytesPerFloat * embedding),
    trained: trained * (20 + 8 * (onlyHead ? 0 : lanes - 1)) + bytesPerFloat * copies,
    activations:
      onlyHead && readsOnce ? 0 : lanes * bytesPerFloat * (tokens * perToken * Math.max(1, keptLayers) + squares),
    head: onlyHead && readsOnce ? judges : lanes * judges,
    looking: onlyHead && readsOnce ? 0 : lookers * (looked + headBytes / 2 + judges),
  };
  const tokensRead = Math.max(tokensReadTogether, tokensMax);
  const reading: Parts = {
    process: processBytes,
    weights: frozenLayers * perBlock * perFrozen + bytesPerFloat * embedding,
    trained: bytesPerFloat * trained,
    activations: bytesPerFloat * (tokensRead * perToken + (squares / rows) * (tokensRead / tokensMax)),
    head: 0,
    looking: 0,
  };
  const parts = readsOnce && sum(reading) > sum(training) ? reading : training;
  return { bytes: Math.round(sum(parts) * slack), parts };
}

const sum = (parts: Parts): number => Object.values(parts).reduce((a, b) => a + b, 0);

export const hasFrozenLayers = ({ mode }: TrainPlan): boolean => mode === 'head' || mode === 'last_layers';

/** What frozen layers make of a text is the same in every step, unless some of it is dropped; pairs are not read once. */
export const isReadOnce = ({ objective, hiddenDropout = 0 }: MemoryPlan): boolean =>
  objective?.kind !== 'preference' && hiddenDropout === 0;

function blockParameters({ width, heads, kvHeads, headWidth, feedForward, architecture }: Architecture): number {
  const attention = 2 * width * heads * headWidth + 2 * width * kvHeads * headWidth;
  const gated = architecture !== 'gpt2' && architecture !== 'bert';
  return attention + (gated ? 3 : 2) * width * feedForward;
}

function trainedBlocksOf(layers: number, train: TrainPlan): number {
  if (train.mode === 'full') return layers;
  return train.mode === 'last_layers' ? Math.min(layers, train.layers) : 0;
}

export function trainedParameters(architecture: Architecture, train: TrainPlan): number {
  const { layers, width, heads, kvHeads, headWidth, feedForward, vocabulary, tiedEmbeddings } = architecture;
  const embedding = vocabulary * width;
  if (train.mode === 'lora') {
    const sizes: Readonly<Record<string, number>> = {
      q_proj: width + heads * headWidth,
      k_proj: width + kvHeads * headWidth,
      v_proj: width + kvHeads * headWidth,
      o_proj: width + heads * headWidth,
    };
    const perBlock = train.targets.reduce((sum, target) => sum + (sizes[target] ?? width + feedForward), 0);
    return layers * perBlock * train.rank;
  }
  const blocks = trainedBlocksOf(layers, train) * blockParameters(architecture);
  if (train.mode === 'full') return blocks + embedding * (tiedEmbeddings ? 1 : 2);
  // An encoder's labels are few: at most its pooler.
  if (train.mode === 'head') return architecture.architecture === 'bert' ? width * width : embedding;
  return blocks + (tiedEmbeddings ? 0 : embedding);
}

/** What a trainer may take of this machine. */
export function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  const whole = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return 0.9 * whole;
}

interface Remedy {
  readonly words: string;
  readonly apply: (plan: MemoryPlan) => MemoryPlan | null;
}

const remedies: readonly Remedy[] = [
  {
    words: '"base_precision": "int8"',
    apply: (plan) =>
      plan.train.mode === 'full' || plan.basePrecision !== 'f32' ? null : { ...plan, basePrecision: 'int8' },
  },
  {
    words: '"base_precision": "int4"',
    apply: (plan) =>
      plan.train.mode === 'full' || plan.basePrecision === 'int4' ? null : { ...plan, basePrecision: 'int4' },
  },
  { words: '"batch_size": 1', apply: (plan) => (plan.batchSize === 1 ? null : { ...plan, batchSize: 1 }) },
  ...[2048, 1024, 512, 256].map((tokensMax): Remedy => ({
    words: `"max_length": ${tokensMax}`,
    apply: (plan) => (plan.tokensMax <= tokensMax ? null : { ...plan, tokensMax }),
  })),
  {
    words: '"train": "last_layers(2)"',
    apply: (plan) => (plan.train.mode === 'full' ? { ...plan, train: { mode: 'last_layers', layers: 2 } } : null),
  },
  {
    words: '"train": "lora"',
    apply: (plan) =>
      plan.train.mode === 'full' || plan.train.mode === 'last_layers'
        ? {
            ...plan,
            basePrecision: 'int8',
            train: { mode: 'lora', rank: 8, alpha: 16, rslora: false, dropout: 0, targets: [] },
          }
        : null,
  },
];

/** The first setting that would make it fit, alone or after those before it; null when nothing does. */
export function remedyFor(architecture: Architecture, plan: MemoryPlan, limit: number): string | null {
  const fits = (tried: MemoryPlan): boolean => memoryOf(architecture, tried).bytes <= limit;
  for (const { words, apply } of remedies) {
    const tried = apply(plan);
    if (tried !== null && fits(tried)) return words;
  }
  let all = plan;
  const used: string[] = [];
  for (const { words, apply } of remedies) {
    const tried = apply(all);
    if (tried === null) continue;
    all = tried;
    used.push(words);
    if (fits(all)) return used.join(', ');
  }
  return null;
}
