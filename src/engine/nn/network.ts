/**
 * What a recipe may ask of a network: a loss with its gradients, or just the loss.
 *
 * A network is a base model with its frozen weights, trainable parameters beside it, and ORT sessions that
 * run them. It has never heard of files, epochs, optimisers or adapters on disk.
 */

import type { MicroBatch } from '../../dataset/batch.ts';

/** One trainable tensor. `data` and `gradient` are the live arrays: the optimiser writes one and reads the other. */
export interface Parameter {
  /** PEFT's name, e.g. `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`. */
  readonly name: string;
  /** PEFT's layout: A is [rank, in], B is [out, rank]. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly gradient: Float32Array;
  /** False for parameters that weight decay must not touch. */
  readonly decay: boolean;
}

export interface Judgement {
  /** Sum over supervised positions of weight x cross entropy; over pairs of weight x what DPO makes of them. */
  loss: number;
  /** How many supervised positions had the right most-likely token. */
  correct: number;
  /** Of pairs of answers: how many the model decides rightly, compared to the reference, and the sum of its margins. */
  preferred: number;
  margin: number;
}

export const noJudgement = (): Judgement => ({ loss: 0, correct: 0, preferred: 0, margin: 0 });

/** Of every judged row of a micro-batch, in its order. */
export interface Measured {
  readonly logProbabilities: Float32Array;
  /** 1 where the target was the most likely token. */
  readonly hits: Float32Array;
}

export interface Network extends AsyncDisposable {
  readonly parameters: readonly Parameter[];
  /**
   * Leaves the micro-batches' summed gradients in `parameter.gradient` and gives their summed judgement. A network may
   * run them side by side, yet the sum never depends on timing. `dropoutSeed` fixes the LoRA dropout masks.
   */
  differentiate(batches: readonly MicroBatch[], dropoutSeed: number): Promise<Judgement>;
  /** The loss without gradients and without dropout. */
  evaluate(batches: readonly MicroBatch[]): Promise<Judgement>;
  /** Each judged row by itself, without dropout; one result per micro-batch. */
  measure(batches: readonly MicroBatch[]): Promise<Measured[]>;
  /** Logits [vocabulary] at the last position of one sequence, for probes and greedy continuation. */
  logits(ids: Int32Array): Promise<Float32Array>;
}
