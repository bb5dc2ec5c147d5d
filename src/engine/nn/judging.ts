/**
 * From the stream to what a run is for: logits, or what the targets are worth, or a loss and the gradients of all that
 * is trained.
 *
 *   stream [N, C]  -- judgedOf -->  [M, C]  -- readByHead -->  [M, C]  -- judgingProgram -->  outputs
 */

import type { Device } from '../../domain/device.ts';
import type { MicroBatch } from '../../dataset/batch.ts';
import type { Objective } from '../protocol.ts';
import { named } from '../graph/dims.ts';
import { emit, type Program } from '../graph/emit.ts';
import { gradients } from '../graph/gradient.ts';
import { gemm } from '../graph/ops/matmul.ts';
import { gather } from '../graph/ops/movement.ts';
import type { Feeds } from '../graph/session.ts';
import { input, type Tensor } from '../graph/tensor.ts';
import type { Architecture } from './architecture.ts';
import { judgeAny, judgeOne, labelLogits, readByLabels } from './heads/label-head.ts';
import { crossEntropy, judge, preference, smoothed, type PairInputs } from './losses.ts';
import type { Judgement } from './network.ts';
import type { TrainableInput } from './parameters.ts';
import { int64 } from './token-inputs.ts';
import { lastNorm, type TokenInputs } from './transformer.ts';
import type { FrozenWeights } from './weights.ts';

export type Purpose = 'train' | 'evaluate' | 'measure' | 'logits';
export type Outputs = Readonly<Record<string, Float32Array>>;

export const gradientName = (name: string): string => `gradient of ${name}`;

export interface JudgingInputs {
  readonly targets: Tensor;
  readonly weights: Tensor;
  readonly pairs: PairInputs;
}

/** Several labels of one text or word are zeros and ones, all else is a number of what is right. */
export function judgingInputs({ labelHead }: FrozenWeights): JudgingInputs {
  const judged = named('M');
  const several = labelHead?.plan.task === 'multi_label' ? Number(labelHead.output.bias.shape[0]) : null;
  return {
    targets: several === null ? input('targets', [judged, 1], 'int64') : input('targets', [judged, several]),
    weights: input('weights', [judged, 1]),
    pairs: {
      of: input('pairs', [judged, 1], 'int64'),
      signs: input('signs', [judged, 1]),
      references: input('references', [named('S'), 1]),
      weights: input('pairWeights', [named('S'), 1]),
    },
  };
}

/** The judged positions of the stream, or the texts that they are of. */
export function judgedOf(
  architecture: Architecture,
  weights: FrozenWeights,
  stream: Tensor,
  { segments }: TokenInputs,
  rows: Tensor,
): Tensor {
  const { labelHead } = weights;
  if (labelHead === null) return gather(stream, rows);
  return readByLabels(labelHead.plan, lastNorm(architecture, weights, stream), segments, rows);
}

/** What a head reads of them: the last norm of a model that writes is trained with its head, so it belongs to it. */
export const readByHead = (architecture: Architecture, weights: FrozenWeights, judged: Tensor): Tensor =>
  weights.labelHead === null ? lastNorm(architecture, weights, judged) : judged;

interface JudgingSetting {
  readonly weights: FrozenWeights;
  readonly inputs: JudgingInputs;
  readonly trained: readonly TrainableInput[];
  readonly objective: Objective;
  /** Into how many chunks judged rows are cut. */
  readonly chunks: number;
  readonly device: Device;
}

export function judgingProgram(purpose: Purpose, read: Tensor, setting: JudgingSetting): Program {
  const { weights, inputs, objective, chunks, device } = setting;
  const { head, labelHead } = weights;
  const { targets } = inputs;
  const smoothing = purpose === 'train' && objective.kind === 'likelihood' ? objective.labelSmoothing : 0;
  if (labelHead !== null) {
    const logits = labelLogits(labelHead, read);
    if (purpose === 'logits') return emit({ logits }, device);
    const judges = labelHead.plan.task === 'multi_label' ? judgeAny : judgeOne;
    const { hits, logProbabilities } = judges(logits, targets, smoothing);
    if (purpose === 'measure') return emit({ hits, logProbabilities }, device);
    return withGradients(purpose, { hits, loss: crossEntropy(logProbabilities, inputs.weights) }, setting);
  }
  if (purpose === 'logits') return emit({ logits: gemm(read, head, { transposeB: true }) }, device);
  const judgement = judge(read, head, targets, chunks);
  const { hits, logProbabilities } = judgement;
  if (purpose === 'measure') return emit({ hits, logProbabilities }, device);
  if (objective.kind === 'preference')
    return withGradients(purpose, { hits, ...preference(logProbabilities, inputs.pairs, objective.beta) }, setting);
  const logs = smoothing > 0 ? smoothed(judgement, smoothing, read, head, targets) : logProbabilities;
  return withGradients(purpose, { hits, loss: crossEntropy(logs, inputs.weights) }, setting);
}

function withGradients(
  purpose: Purpose,
  outputs: Readonly<Record<string, Tensor>> & { readonly loss: Tensor },
  { trained, device }: JudgingSetting,
): Program {
  if (purpose !== 'train') return emit(outputs, device);
  const found = gradients(
    outputs.loss,
    trained.map((x) => x.tensor),
  );
  const named = trained.map((x, i) => [gradientName(x.name), found[i]!] as const);
  return emit({ ...outputs, ...Object.fromEntries(named) }, device);
}

/** What is judged of a batch. */
export type JudgedRows = Pick<MicroBatch, 'rows' | 'targets' | 'weights' | 'pairs'>;

/** A multiple of `chunks` rows; those that fill up count for nothing and are the first of all tokens. */
export function filledUp(batch: JudgedRows, chunks: number): JudgedRows {
  const judged = Math.ceil(batch.rows.length / chunks) * chunks;
  const rows = new Int32Array(judged);
  const targets = new Int32Array(judged * (batch.targets.length / batch.rows.length));
  const weights = new Float32Array(judged);
  rows.set(batch.rows);
  targets.set(batch.targets);
  weights.set(batch.weights);
  const { pairs } = batch;
  if (pairs === undefined) return { rows, targets, weights };
  const of = new Int32Array(judged);
  const signs = new Float32Array(judged);
  of.set(pairs.of);
  signs.set(pairs.signs);
  return { rows, targets, weights, pairs: { ...pairs, of, signs } };
}

export function judgingFeeds({ targets, weights, pairs }: JudgedRows, inputs: JudgingInputs): Feeds {
  return {
    targets: inputs.targets.element === 'float32' ? Float32Array.from(targets) : int64(targets),
    weights,
    ...(pairs && {
      pairs: int64(pairs.of),
      signs: pairs.signs,
      references: pairs.references,
      pairWeights: pairs.weights,
    }),
  };
}

/** Adds what a run with a loss found to `total`. */
export function addJudgement(total: Judgement, outputs: Outputs, weights: Float32Array): void {
  total.loss += outputs['loss']?.[0] ?? 0;
  const hits = outputs['hits']!;
  for (const [i, weight] of weights.entries()) if (weight > 0) total.correct += hits[i]!;
  for (const margin of outputs['margins'] ?? []) {
    total.preferred += margin > 0 ? 1 : 0;
    total.margin += margin;
  }
}
