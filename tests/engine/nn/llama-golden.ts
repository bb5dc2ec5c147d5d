/**
 * A tiny Llama with the numbers that PyTorch computed for it (tests/goldens/make_llama.py).
 */

import { fileURLToPath } from 'node:url';
import type { MicroBatch } from '../../../src/dataset/batch.ts';
import { openNetwork, type NetworkOptions } from '../../../src/engine/nn/load.ts';
import type { Network } from '../../../src/engine/nn/network.ts';
import type { LoraPlan } from '../../../src/engine/protocol.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';

export type GoldenName = 'llama-tied' | 'llama-untied';
export const goldenNames: readonly GoldenName[] = ['llama-tied', 'llama-untied'];

export interface Sequence {
  readonly ids: Int32Array;
  /** 1 where a token is judged. */
  readonly mask: Int32Array;
  readonly logits: Float32Array;
}

export class Golden {
  readonly name: GoldenName;
  readonly sequences: readonly Sequence[];
  readonly #content: Awaited<ReturnType<typeof readSafetensors>>;

  private constructor(name: GoldenName, content: Awaited<ReturnType<typeof readSafetensors>>) {
    this.name = name;
    this.#content = content;
    this.sequences = [0, 1, 2, 3].map((i) => ({
      ids: content.tensors.get(`sequences.${i}`)!.data as Int32Array,
      mask: content.tensors.get(`mask.${i}`)!.data as Int32Array,
      logits: this.floats(`logits.${i}`),
    }));
  }

  static async read(name: GoldenName): Promise<Golden> {
    return new Golden(name, await readSafetensors(golden(`${name}.safetensors`)));
  }

  floats(tensor: string): Float32Array {
    return this.#content.tensors.get(tensor)!.data as Float32Array;
  }

  get learningRate(): number {
    return Number(this.#content.metadata['learning_rate']);
  }

  /** The network with the adapter that PyTorch had before its first step. */
  async open(options: Partial<NetworkOptions> = {}): Promise<Network> {
    const network = await this.openFresh(options);
    for (const { name, data } of network.parameters) data.set(this.floats(`parameter.${name}`));
    return network;
  }

  /** The network with an adapter of its own making. */
  async openFresh(options: Partial<NetworkOptions> = {}): Promise<Network> {
    return await openNetwork({
      modelPath: golden(`${this.name}.gguf`),
      train: this.lora,
      basePrecision: 'f32',
      threads: 1,
      seed: 1,
      ...options,
    });
  }

  get lora(): LoraPlan & { readonly mode: 'lora' } {
    const { rank, alpha, targets } = this.#content.metadata;
    const shape = { rank: Number(rank), alpha: Number(alpha), rslora: false, dropout: 0 };
    return { mode: 'lora', ...shape, targets: targets!.split(',') };
  }
}

const golden = (file: string): string => fileURLToPath(new URL(`../../goldens/${file}`, import.meta.url));

/** Lays out sequences as the rows of one micro-batch; every judged token weighs 1 / `judged` (default: all here). */
export function layOut(rows: readonly (readonly Sequence[])[], rowTokens: number, judged?: number): MicroBatch {
  const ids = new Int32Array(rows.length * rowTokens);
  const positions = new Int32Array(ids.length);
  const segments = new Int32Array(ids.length);
  const judgedRows: number[] = [];
  const targets: number[] = [];
  for (const [row, sequences] of rows.entries()) {
    let at = row * rowTokens;
    for (const [i, sequence] of sequences.entries()) {
      for (const [t, id] of sequence.ids.entries()) {
        ids[at + t] = id;
        positions[at + t] = t;
        segments[at + t] = i + 1;
        if (t > 0 && sequence.mask[t] === 1) {
          judgedRows.push(at + t - 1);
          targets.push(id);
        }
      }
      at += sequence.ids.length;
    }
  }
  const weight = 1 / (judged ?? targets.length);
  return {
    rowTokens,
    ids,
    positions,
    segments,
    rows: Int32Array.from(judgedRows),
    targets: Int32Array.from(targets),
    weights: new Float32Array(targets.length).fill(weight),
  };
}

/** |a - b| / |b| */
export function relativeDistance(a: Float32Array, b: Float32Array): number {
  const norm = (of: (i: number) => number): number => Math.sqrt(b.reduce((sum, _, i) => sum + of(i) ** 2, 0));
  return norm((i) => a[i]! - b[i]!) / norm((i) => b[i]!);
}
