/**
 * What a family of models is made of: which parts a block has and in what order they compute, and what every tensor
 * is called by Hugging Face and in a GGUF.
 *
 * A family is one row (`llama.ts`, `gpt2.ts`, ...) that the engine builds its graph from, the checker holds files
 * against, and imports, exports and adapters take names from. Rows are plain data: they travel to other threads.
 * How to add one: docs/adding-a-family.md.
 */

export interface Family {
  /** `general.architecture` of its GGUFs. */
  readonly architecture: string;
  /** What people call it. */
  readonly title: string;
  readonly design: Design;
  readonly huggingFace: HuggingFaceNames;
  /** The norms of a block, by what they do in it. */
  readonly norms: Readonly<Partial<Record<BlockNorm, TensorNames>>>;
  /** The linear layers of a block: those that read the same input next to each other, queries before keys before values. */
  readonly linears: readonly LinearModule[];
  readonly finalNorm: TensorNames | null;
  /** The norm of what the embeddings add up to, where there is one. */
  readonly embeddingNorm: TensorNames | null;
  /** Vectors of learned positions and of token types (first and second text), where there are such. */
  readonly positions: TensorNames | null;
  readonly tokenTypes: TensorNames | null;
}

/** How a block computes. */
export interface Design {
  /** Tokens see only what is before them, and the model writes on; otherwise it reads whole texts. */
  readonly causal: boolean;
  readonly norm: 'rms' | 'layer';
  /**
   * Where norms stand around attention (and around the feed-forward alike):
   *
   *   before   x + attention(norm(x))
   *   around   x + norm(attention(norm(x)))
   *   after    norm(x + attention(x))
   */
  readonly placement: 'before' | 'around' | 'after';
  readonly activation: 'silu' | 'gelu' | 'gelu-tanh';
  /** Whether the feed-forward multiplies what it activates with a second product. */
  readonly gated: boolean;
  readonly positions: 'rotary' | 'learned';
  /** Whether embeddings are multiplied by the square root of the width. */
  readonly scaledEmbedding: boolean;
  /**
   * Every so-manieth layer sees everything, the others only a window and with a rotary base of their own. Null where
   * all layers are alike.
   */
  readonly globalEvery: number | null;
}

export type BlockNorm = 'attention' | 'afterAttention' | 'feedForward' | 'afterFeedForward' | 'query' | 'key';

export interface TensorNames {
  /** In a checkpoint: below its layer for a part of a block, else the whole path. Without `.weight`. */
  readonly path: string;
  /** In a GGUF: below `blk.<n>.` for a part of a block. Without `.weight`. */
  readonly gguf: string;
}

export interface LinearModule extends TensorNames {
  /** PEFT's name for it, by which requests choose what is trained. */
  readonly target: string;
  readonly role: LinearRole;
  readonly bias: boolean;
  /**
   * Whose heads the rows are interleaved in on the way into a GGUF: Hugging Face turns the pairs (i, i + D/2) of a
   * head, llama.cpp's `llama` architecture turns (2i, 2i + 1).
   */
  readonly interleaved: 'heads' | 'keyHeads' | null;
}

/** One that adds a bias, with its rows alike in both files. */
export const biasedLinear = (target: string, path: string, gguf: string, role: LinearRole): LinearModule => ({
  target,
  path,
  gguf,
  role,
  bias: true,
  interleaved: null,
});

export type LinearRole = 'query' | 'key' | 'value' | 'queryKeyValue' | 'output' | 'gate' | 'up' | 'down';

export interface HuggingFaceNames {
  /** `model_type` of a config.json; the first is what we write. */
  readonly modelTypes: readonly [string, ...string[]];
  /** The class that a config.json names. */
  readonly className: string;
  readonly embedding: string;
  readonly head: string;
  /** What stands before a layer's number. */
  readonly layers: string;
  /** Linear weights lie as [in, out]. */
  readonly transposed: boolean;
  /** Gains of norms are kept as what they have more than 1. */
  readonly gainsFromOne: boolean;
  /** What a config.json calls the sizes. */
  readonly config: ConfigNames;
}

export interface ConfigNames {
  readonly width: string;
  readonly layers: string;
  readonly heads: string;
  readonly keyHeads: string | null;
  readonly headSize: string | null;
  readonly hidden: string;
  readonly contextTokens: string;
  readonly epsilon: string;
  readonly activation: string;
}

/** The numbers that a family's shapes follow from. */
export interface ModelSizes {
  readonly layers: number;
  /** C, the width of the residual stream. */
  readonly width: number;
  readonly heads: number;
  /** Heads of keys and values; each serves heads / keyHeads query heads. */
  readonly keyHeads: number;
  readonly headSize: number;
  /** Width in the middle of the feed-forward. */
  readonly hidden: number;
  readonly vocabulary: number;
  readonly contextTokens: number;
  /** Of an encoder's head, where it has one. */
  readonly outputs?: number;
}

/** What linear layers read: those that read the same share one matrix product. */
export type LinearInput = 'attention' | 'mixed' | 'feedForward' | 'hidden';

/** Targets by what they read. */
export type LinearGroups = Readonly<Record<LinearInput, readonly string[]>>;

const readers: Readonly<Record<LinearRole, LinearInput>> = {
  query: 'attention',
  key: 'attention',
  value: 'attention',
  queryKeyValue: 'attention',
  output: 'mixed',
  gate: 'feedForward',
  up: 'feedForward',
  down: 'hidden',
};

export function groupsOf(family: Family): LinearGroups {
  const reading = (input: LinearInput): string[] =>
    family.linears.filter(({ role }) => readers[role] === input).map(({ target }) => target);
  return {
    attention: reading('attention'),
    mixed: reading('mixed'),
    feedForward: reading('feedForward'),
    hidden: reading('hidden'),
  };
}

export const targetsOf = (family: Family): string[] => family.linears.map(({ target }) => target);

/** The linear layer of that name; throws a plain error where there is none. */
export function linearOf(family: Family, target: string): LinearModule {
  const found = family.linears.find((linear) => linear.target === target);
  if (found === undefined) throw new Error(`A ${family.title} has no linear layer "${target}".`);
  return found;
}

/** Columns and rows of a linear layer's weight [out, in]. */
export function linearSize(role: LinearRole, sizes: ModelSizes): { readonly in: number; readonly out: number } {
  const { width, heads, keyHeads, headSize, hidden } = sizes;
  const [queries, keys] = [heads * headSize, keyHeads * headSize];
  const all: Readonly<Record<LinearRole, readonly [number, number]>> = {
    query: [width, queries],
    key: [width, keys],
    value: [width, keys],
    queryKeyValue: [width, queries + 2 * keys],
    output: [queries, width],
    gate: [width, hidden],
    up: [width, hidden],
    down: [hidden, width],
  };
  const [columns, rows] = all[role];
  return { in: columns, out: rows };
}
