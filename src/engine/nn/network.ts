/**
 * What a recipe may ask of a network: a loss with its gradients, or just the loss.
 *
 * A network is a base model with its frozen weights, trainable parameters beside it, and ORT sessions that
 * run them. It has never heard of files, epochs, optimisers or adapters on disk.
 */

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

export interface Judgement {
  /** Sum over supervised positions of weight x cross entropy. */
  readonly loss: number;
  /** How many supervised positions had the right most-likely token. */
  readonly correct: number;
}

export interface Network extends AsyncDisposable {
  readonly parameters: readonly Parameter[];
  /**
   * Adds the micro-batches' gradients to `parameter.gradient` and gives their summed judgement. A network may
   * run them side by side, yet the sum never depends on timing. `dropoutSeed` fixes the LoRA dropout masks.
   */
  accumulate(batches: readonly MicroBatch[], dropoutSeed: number): Promise<Judgement>;
  /** The loss without gradients and without dropout. */
  evaluate(batches: readonly MicroBatch[]): Promise<Judgement>;
  /** Logits [vocabulary] at the last position of one sequence, for probes and greedy continuation. */
  logits(ids: Int32Array): Promise<Float32Array>;
}
