/**
 * What we know about a base model on this machine: `models/base/<id>/manifest.json` beside `model.gguf`.
 *
 * The manifest is written once, when the file was checked, and pins it by SHA-256. Times are unix seconds.
 */

import { z } from 'zod';
import type { ModelSizes } from '../families/family.ts';

/** Facts read from the file itself by the checker. */
const architectureSchema = z.object({
  /** `general.architecture` of the file: `llama`, `qwen2`, … */
  architecture: z.string(),
  layers: z.number().int(),
  /** C, the width of the residual stream. */
  width: z.number().int(),
  heads: z.number().int(),
  kvHeads: z.number().int(),
  headWidth: z.number().int(),
  feedForward: z.number().int(),
  vocabulary: z.number().int(),
  contextTokens: z.number().int(),
  ropeBase: z.number(),
  normEpsilon: z.number(),
  tiedEmbeddings: z.boolean(),
  parameters: z.number().int(),
  /** How many tensors of each type, e.g. `{ "F32": 61, "Q4_1": 211 }`. */
  tensorTypes: z.record(z.string(), z.number().int()),
  /** Null when our engine can train it, otherwise why not. */
  servingOnly: z.string().nullable(),
});

export const manifestSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  name: z.string(),
  family: z.string(),
  licence: z.string(),
  /** Where the bytes came from, for people: `hub:owner/name/file`, `wheel:requirement`, `file:path`. */
  source: z.string(),
  /** Commit on the hub, or null. */
  revision: z.string().nullable(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: z.number().int(),
  contextTokens: z.number().int(),
  parameters: z.number().int(),
  createdAt: z.number().int(),
  /** The unquantised original on the hub, or null when nobody told us. */
  original: z.string().nullable(),
  architecture: architectureSchema,
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Architecture = z.infer<typeof architectureSchema>;

/** A base model on this machine: its manifest and the absolute path of its GGUF. */
export type BaseModel = Readonly<Omit<Manifest, 'version'>> & { readonly path: string };

/** The numbers that a model's shapes follow from, in the words of its family. */
export function sizesOf(architecture: Architecture): ModelSizes {
  const { layers, width, heads, vocabulary, contextTokens, kvHeads, headWidth, feedForward } = architecture;
  const renamed = { keyHeads: kvHeads, headSize: headWidth, hidden: feedForward };
  return { layers, width, heads, vocabulary, contextTokens, ...renamed, ...noHead };
}

/** The head of an encoder is no part of a base model. */
const noHead = { outputs: 0 };
