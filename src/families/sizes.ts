/** A model's numbers, as the metadata of its GGUF has them, within bounds that llama.cpp survives. */

import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import type { ModelSizes } from './family.ts';
import { outputName } from './label-head.ts';
import { embeddingName } from './tensors.ts';

/** A GGUF, or what one would be. */
export interface ModelFile {
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
}

/** `refuse` makes the error for a number that cannot be. */
export function readSizes({ metadata, tensors }: ModelFile, refuse: (what: string) => Error): ModelSizes {
  const architecture = metadata.string('general.architecture');
  const count = (key: string, max: number, absent?: number): number => {
    const full = `${architecture}.${key}`;
    const value = absent === undefined ? metadata.number(full) : metadata.number(full, absent);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw refuse(`"${full}" is ${value}; expected a whole number from 1 to ${max}`);
  };
  const width = count('embedding_length', 65_536);
  const heads = count('attention.head_count', 1024);
  const keyHeads = count('attention.head_count_kv', 1024, heads);
  if (heads % keyHeads !== 0) throw refuse(`its ${heads} heads cannot share ${keyHeads} key and value heads`);
  const headSize = count('attention.key_length', 65_536, width / heads);
  if (headSize % 2 !== 0) throw refuse(`its heads are ${headSize} wide; expected an even number`);
  return {
    layers: count('block_count', 512),
    width,
    heads,
    keyHeads,
    headSize,
    hidden: count('feed_forward_length', 1 << 20),
    vocabulary: tensors.get(embeddingName)?.shape[0] ?? 0,
    contextTokens: count('context_length', 1 << 24),
    outputs: tensors.get(`${outputName}.weight`)?.shape[0] ?? 0,
  };
}

/** What keeps norms from dividing by zero. */
export function readEpsilon({ metadata }: ModelFile, refuse: (what: string) => Error): number {
  const architecture = metadata.string('general.architecture');
  const [rms, layer] = [
    `${architecture}.attention.layer_norm_rms_epsilon`,
    `${architecture}.attention.layer_norm_epsilon`,
  ];
  const value = metadata.has(rms) || !metadata.has(layer) ? metadata.number(rms) : metadata.number(layer);
  if (Number.isFinite(value) && value > 0) return value;
  throw refuse(`"${metadata.has(rms) ? rms : layer}" is ${value}; expected a number above 0`);
}
