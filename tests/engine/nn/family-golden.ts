/**
 * A tiny checkpoint of a family, imported, with the numbers that PyTorch computed for it (tests/goldens/make_families.py).
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openNetwork, type NetworkOptions } from '../../../src/engine/nn/load.ts';
import type { Network } from '../../../src/engine/nn/network.ts';
import type { TrainPlan } from '../../../src/engine/protocol.ts';
import { toHuggingFace } from '../../../src/families/row-order.ts';
import { readSizes } from '../../../src/families/sizes.ts';
import { familyOf } from '../../../src/families/table.ts';
import { tensorsOf, type ModelTensor } from '../../../src/families/tensors.ts';
import { blockOf, roundToFourBits, type FourBits } from '../../../src/engine/nn/four-bits.ts';
import { openGguf, writeGguf, type GgufTensorSource } from '../../../src/formats/gguf.ts';
import { halfToFloat } from '../../../src/formats/quant.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { convertCheckpoint } from '../../../src/models/import/convert.ts';
import type { Sequence } from './llama-golden.ts';

export const familyNames = ['llama-3', 'llama-2', 'qwen2', 'qwen3', 'gemma3', 'gpt2'] as const;
export type FamilyName = (typeof familyNames)[number];
export type Method = 'lora' | 'full' | 'last_layers' | 'head';

export const checkpointOf = (name: FamilyName): string =>
  fileURLToPath(new URL(`../../goldens/families/${name}`, import.meta.url));

export class FamilyGolden implements AsyncDisposable {
  /** The imported checkpoint. */
  readonly path: string;
  readonly sequences: readonly Omit<Sequence, 'logits'>[];
  /** The model's tensors, by the names of the GGUF. */
  readonly tensors: ReadonlyMap<string, ModelTensor>;
  readonly #content: Awaited<ReturnType<typeof readSafetensors>>;
  readonly #folder: string;

  private constructor(
    folder: string,
    content: Awaited<ReturnType<typeof readSafetensors>>,
    tensors: readonly ModelTensor[],
  ) {
    this.#folder = folder;
    this.#content = content;
    this.path = join(folder, 'model.gguf');
    this.tensors = new Map(tensors.map((tensor) => [tensor.gguf, tensor]));
    const integers = (name: string): Int32Array => content.tensors.get(name)!.data as Int32Array;
    this.sequences = [0, 1, 2, 3].map((i) => ({ ids: integers(`sequences.${i}`), mask: integers(`mask.${i}`) }));
  }

  static async import(name: FamilyName): Promise<FamilyGolden> {
    const folder = await mkdtemp(join(tmpdir(), 'family-'));
    await convertCheckpoint(checkpointOf(name), join(folder, 'model.gguf'), () => undefined);
    await using gguf = await openGguf(join(folder, 'model.gguf'));
    const family = familyOf(gguf.metadata.string('general.architecture'))!;
    const tensors = tensorsOf(
      family,
      readSizes(gguf, (what) => new Error(what)),
    );
    return new FamilyGolden(folder, await readSafetensors(join(checkpointOf(name), 'goldens.safetensors')), tensors);
  }

  floats(tensor: string): Float32Array {
    const found = this.#content.tensors.get(tensor);
    if (found === undefined) throw new Error(`There is no golden ${tensor}.`);
    return found.data as Float32Array;
  }

  /** Texts and their ids as Hugging Face's tokenizers makes them. */
  get tokenIds(): readonly (readonly [text: string, ids: readonly number[]])[] {
    return JSON.parse(this.#content.metadata['token_ids']!) as [string, number[]][];
  }

  learningRate(method: Method): number {
    return (JSON.parse(this.#content.metadata['learning_rates']!) as Record<Method, number>)[method];
  }

  plan(method: Method): TrainPlan {
    const { rank, alpha, targets } = this.#content.metadata;
    if (method === 'lora') {
      const shape = { rank: Number(rank), alpha: Number(alpha), rslora: false, dropout: 0 };
      return { mode: 'lora', ...shape, targets: targets!.split(',') };
    }
    return method === 'last_layers' ? { mode: 'last_layers', layers: 1 } : { mode: method };
  }

  /** LoRA begins with the weights that PyTorch began with. */
  async open(method: Method, options: Partial<NetworkOptions> = {}): Promise<Network> {
    const train = this.plan(method);
    const base = { modelPath: this.path, train, basePrecision: 'f32', threads: 1, seed: 1 } as const;
    const network = await openNetwork({ ...base, ...options });
    if (method === 'lora')
      for (const { name, data } of network.parameters) data.set(this.floats(`lora.parameter.${name}`));
    return network;
  }

  /** The same model with every matrix of its blocks rounded to four bits and opened again: a file of exact numbers. */
  async onGrids(): Promise<string> {
    await using gguf = await openGguf(this.path);
    const tensors: GgufTensorSource[] = [];
    for (const [name, { shape }] of gguf.tensors) {
      const values = await gguf.read(name);
      const inBlock = name.startsWith('blk.') && shape.length === 2;
      const data = inBlock ? openedAgain(roundToFourBits(values, shape[1]!), shape[1]!) : values;
      tensors.push({ name, shape, type: 'F32', data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    }
    const path = join(this.#folder, 'on-grids.gguf');
    await writeGguf(path, { metadata: gguf.metadata, tensors });
    return path;
  }

  /** The LoRA of the golden, in PEFT's names. */
  get adapter(): ReadonlyMap<
    string,
    { readonly dtype: 'F32'; readonly shape: readonly number[]; readonly data: Float32Array }
  > {
    const prefix = 'lora.parameter.';
    return new Map(
      [...this.#content.tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, { shape }]) => [name.slice(prefix.length), { dtype: 'F32', shape, data: this.floats(name) }]),
    );
  }

  /** A trained weight's gradient the way round that the checkpoint has the weight. */
  inCheckpointOrder(name: string, gradient: Float32Array): { readonly name: string; readonly gradient: Float32Array } {
    const { huggingFace, shape, change } = this.tensors.get(name)!;
    // The engine keeps rows in PyTorch's order, and gains begin at the same zero for a slope.
    const ordered = change.kind === 'transpose' ? toHuggingFace(gradient, shape, change) : gradient;
    return { name: huggingFace!, gradient: ordered };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** What a matrix of so many columns in four bits stands for, row after row. */
export function openedAgain({ packed, steps, lows, largest }: FourBits, columns: number): Float32Array {
  const rows = largest.plain.length;
  return Float32Array.from({ length: rows * columns }, (_, k) => {
    const [row, column] = [Math.floor(k / columns), k % columns];
    const byte = packed[column * (rows / 2) + (row % (rows / 2))]!;
    const digit = row < rows / 2 ? byte & 15 : byte >> 4;
    const grid = Math.floor(column / blockOf(columns)) * rows + row;
    return halfToFloat[lows[grid]!]! + halfToFloat[steps[grid]!]! * digit;
  });
}
