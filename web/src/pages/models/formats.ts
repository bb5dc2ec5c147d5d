/** What a model can be exported as, in the words of those who will use it. */

export type Format = 'gguf' | 'safetensors' | 'peft' | 'ollama' | 'folder';
export type Precision = 'f32' | 'f16' | 'q8_0';

export interface FormatWords {
  readonly name: Format;
  readonly words: string;
  readonly about: string;
  /** Whether it is nothing but an adapter. */
  readonly needsAdapter: boolean;
  /** Whether it can be the adapter alone. */
  readonly canBeAdapter: boolean;
  readonly fitsEncoders: boolean;
  /** Those it can be written in; none where there is no choice. */
  readonly precisions: readonly Precision[];
}

export const formats: readonly FormatWords[] = [
  {
    name: 'gguf',
    words: 'llama.cpp and LM Studio',
    about: 'One GGUF file',
    needsAdapter: false,
    canBeAdapter: true,
    fitsEncoders: true,
    precisions: ['f32', 'f16', 'q8_0'],
  },
  {
    name: 'ollama',
    words: 'Ollama',
    about: 'A GGUF file and a Modelfile',
    needsAdapter: false,
    canBeAdapter: true,
    fitsEncoders: false,
    precisions: ['f32', 'f16', 'q8_0'],
  },
  {
    name: 'safetensors',
    words: 'Hugging Face',
    about: 'The whole model for transformers: weights, tokenizer, chat template',
    needsAdapter: false,
    canBeAdapter: false,
    fitsEncoders: true,
    precisions: ['f32', 'f16'],
  },
  {
    name: 'peft',
    words: 'Hugging Face PEFT',
    about: 'The adapter alone, to load on top of the original base',
    needsAdapter: true,
    canBeAdapter: false,
    fitsEncoders: false,
    precisions: [],
  },
  {
    name: 'folder',
    words: 'All of these',
    about: 'One folder with everything, for keeping',
    needsAdapter: false,
    canBeAdapter: false,
    fitsEncoders: true,
    precisions: ['f32', 'f16', 'q8_0'],
  },
];

export const precisions: readonly { readonly value: Precision; readonly label: string; readonly about: string }[] = [
  { value: 'f32', label: 'Full', about: '32 bits a weight: exact, and the largest' },
  { value: 'f16', label: 'Half', about: '16 bits a weight: as good as exact, half the size' },
  { value: 'q8_0', label: '8 bits', about: 'A quarter of the size; answers may differ where the model is undecided' },
];
