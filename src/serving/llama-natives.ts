/** What of node-llama-cpp's insides is used, and by that what the self-test of `llama.ts` has to prove. */

export interface NativeAdapter {
  dispose(): Promise<void>;
}

export interface NativeSampler {
  applyConfig(config: Record<string, unknown>): void;
  dispose(): void;
}

export type Probabilities = [token: number, probabilities: number[] | undefined, confidence: number | undefined];

export interface NativeContext {
  setThreads(threads: number): void;
  setLoras(adapters: NativeAdapter[], scales: number[]): void;
  initBatch(tokens: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, outputs: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(output: number, sampler: NativeSampler): Promise<number>;
  sampleToken(
    output: number,
    sampler: NativeSampler,
    probabilities: boolean,
    confidence: boolean,
  ): Promise<Probabilities>;
  disposeSequence(sequence: number): void;
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  getSequenceKvCacheMinPosition(sequence: number): number;
  /** The pooled states of what was evaluated last, of sequence 0. */
  getEmbedding(tokens: number): Float64Array;
}

export interface Internals {
  readonly _llama: {
    readonly _bindings: {
      readonly AddonSampler: new (model: object) => NativeSampler;
      readonly AddonModelLora: new (model: object, path: string) => NativeAdapter;
      readonly AddonGrammar: new (text: string, options: { addonExports: object; rootRuleName: string }) => object;
      readonly AddonGrammarEvaluationState: new (model: object, grammar: object) => object;
    };
  };
  readonly _model: { loadLora(adapter: NativeAdapter): Promise<void> };
}
