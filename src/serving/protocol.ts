/**
 * The page between the server and a runtime, the child process that holds one base model.
 *
 * Both sides speak token ids; text, templates and stop strings are the server's. Messages travel over Node's IPC
 * with structured clones. A runtime starts with its settings as JSON in its first argument, says `ready` or
 * `unloadable` once, and then answers as many commands at a time as it is sent.
 *
 *   server   generate (end-choice)* cancel?      runtime   prompt?, tokens* per choice, the last with `end`; or failed
 *            embed cancel?                                 embedding per input; or failed
 *            read cancel?                                  logits; or failed
 *            generate with answers                         logits; or failed
 *
 * Choices of one request come one after another. After `cancel` nothing more is reported about a request. When
 * the channel closes, the server has died, and the runtime ends itself.
 */

export interface RuntimeSettings {
  /** What runs it: llama.cpp (by default) what writes, our own engine what reads. */
  readonly engine?: 'llama.cpp' | 'encoder';
  readonly modelPath: string;
  /** Threads that evaluation may use at most; a `threads` command changes it. */
  readonly threads: number;
  /** Keys and values in f32 and no flash attention: logits equal the trainer's to about 1e-5, at half the speed. */
  readonly exact: boolean;
  /** Bytes for all key/value caches together. */
  readonly cacheBytesMax: number;
}

export interface Sampling {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  /** Of the first choice, 32 bits; choice i draws with seed + i. */
  readonly seed: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  /** Added to the logits of these tokens. */
  readonly logitBias: readonly (readonly [token: number, bias: number])[];
}

/**
 * A grammar, and tokens that it would misread: it knows a control token by its name, and takes bytes for characters
 * that are none.
 */
export interface TokenConstraint {
  /** In llama.cpp's notation (GBNF). */
  readonly grammar: string;
  readonly forbidden: readonly number[];
  readonly forbiddenAfter: readonly TokenPairs[];
}

/** None of `second` may come right after any of `first`. */
export interface TokenPairs {
  readonly first: readonly number[];
  readonly second: readonly number[];
}

export interface GenerateCommand {
  readonly type: 'generate';
  readonly id: number;
  /** Absolute path of a LoRA adapter (GGUF), or null for the base itself. */
  readonly adapter: string | null;
  readonly prompt: Int32Array;
  readonly choices: number;
  /** Generated tokens per choice, the end token not counted; 0 to evaluate the prompt only. */
  readonly tokensMax: number;
  /** Tokens that end an answer; they are not reported. */
  readonly endTokens: readonly number[];
  readonly sampling: Sampling;
  /** What the answer must look like, null for anything. Then the grammar decides where it may end. */
  readonly constraint: TokenConstraint | null;
  /** How many alternatives to report per token; null reports no log-probabilities at all. */
  readonly topLogprobs: number | null;
  /** Tokens that may be held back so as to report several at once: 1 reports each at once. */
  readonly tokensPerReport: number;
  /**
   * Answers, each with its end token, of which the model is to choose one: how likely each is under that rule is
   * reported as `logits`, and nothing is generated.
   */
  readonly answers?: readonly (readonly number[])[];
  /** Whether the prompt's own log-probabilities are wanted; then none of it is taken from the cache. */
  readonly scorePrompt: boolean;
  readonly priority: Priority;
}

/** Background work rests while anybody waits for an answer. */
export type Priority = 'interactive' | 'background';

export interface EmbedCommand {
  readonly type: 'embed';
  readonly id: number;
  readonly adapter: string | null;
  readonly inputs: readonly Int32Array[];
  readonly priority: Priority;
}

/** A text whose labels are wanted, of an encoder. */
export interface ReadCommand {
  readonly type: 'read';
  readonly id: number;
  readonly ids: Int32Array;
  /** Of the words' first tokens; of a text as a whole its first token's. */
  readonly positions: Int32Array;
  readonly priority: Priority;
}

export type RuntimeCommand =
  | GenerateCommand
  | EmbedCommand
  | ReadCommand
  /** A stop string was found: go on with the next choice. */
  | { readonly type: 'end-choice'; readonly id: number; readonly choice: number }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'threads'; readonly threads: number };

/** Natural logarithms of the model's own probabilities, before temperature, penalties and bias. */
export interface TokenLogprobs {
  readonly logprob: number;
  /** Most likely first. */
  readonly top: readonly (readonly [token: number, logprob: number])[];
}

/** The prompt's own log-probabilities, one per token; null for the first, which nothing comes before. */
export interface PromptReport {
  readonly type: 'prompt';
  readonly id: number;
  readonly logprobs: readonly (TokenLogprobs | null)[];
}

export interface TokensReport {
  readonly type: 'tokens';
  readonly id: number;
  readonly choice: number;
  readonly tokens: readonly number[];
  /** One per token, or null when none were asked for. */
  readonly logprobs: readonly TokenLogprobs[] | null;
  /** `stop`: an end token came. `length`: `tokensMax` or the model's context is used up. null: more will come. */
  readonly end: 'stop' | 'length' | null;
  /** Prompt tokens that needed no evaluation, since an earlier prompt began the same way. */
  readonly cachedTokens: number;
}

/** The pooled states of one input, as long as the model's width and of any length as a vector. */
export interface EmbeddingReport {
  readonly type: 'embedding';
  readonly id: number;
  readonly input: number;
  readonly vector: Float64Array;
}

/** What each output of the head is worth, for each position one after the other; or log-probabilities of answers. */
export interface LogitsReport {
  readonly type: 'logits';
  readonly id: number;
  readonly logits: Float32Array;
}

export type RuntimeReport =
  | { readonly type: 'ready' }
  | { readonly type: 'unloadable'; readonly message: string }
  | PromptReport
  | TokensReport
  | EmbeddingReport
  | LogitsReport
  | { readonly type: 'failed'; readonly id: number; readonly message: string };
