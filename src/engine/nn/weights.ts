/**
 * The frozen weights of a model, in the layouts and precision that the graph wants.
 *
 * They are written once to a file that the runtime maps into memory, one tensor at a time: what is in memory at
 * the peak is one matrix and its rounded copies, and sessions share the file's pages.
 */

import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Gguf } from '../../formats/gguf.ts';
import type { ElementType } from '../../formats/onnx.ts';
import { weight, type Tensor } from '../graph/tensor.ts';
import { modules, moduleNames, moduleSize, type Architecture, type ModuleName } from './architecture.ts';
import type { Int8Linear, Int8Matrix } from './int8.ts';
import { Rounding } from './rounding.ts';

/** Where a tensor lies in `weights.bin`. Plain data: another thread can open the same file by it. */
export interface WeightPlace {
  readonly name: string;
  readonly shape: readonly number[];
  readonly element: ElementType;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A model's weights, each as a W: where it lies, or a tensor of a graph. */
export interface Weights<W> {
  readonly embedding: W;
  /** [vocabulary, width]; the embedding itself when the head is tied. */
  readonly head: W;
  readonly finalGain: W;
  readonly blocks: readonly Block<W>[];
}

export interface Block<W> {
  readonly attentionGain: W;
  readonly feedForwardGain: W;
  readonly linears: Readonly<Record<ModuleName, Linear<W>>>;
}

export type Linear<W> =
  /** [out, in], as PyTorch keeps it. */
  { readonly kind: 'f32'; readonly weight: W } | ({ readonly kind: 'int8' } & Int8Linear<W>);

export type WeightsLayout = Weights<WeightPlace>;
export type FrozenWeights = Weights<Tensor>;

/** A model that was made ready in a folder. Plain data: it goes to other threads. */
export interface FrozenModel {
  readonly architecture: Architecture;
  readonly layout: WeightsLayout;
  /** Where `weights.bin` lies. */
  readonly folder: string;
}

/** Every place below a part of a layout, each once. */
export function placesIn(part: unknown): WeightPlace[] {
  if (typeof part !== 'object' || part === null) return [];
  if ('offset' in part) return [part as WeightPlace];
  return [...new Set(Object.values(part).flatMap(placesIn))];
}

/**
 * The tensors of a layout: of those that are trained the ones given, by name, and frozen ones of the rest. A place that
 * serves twice, like a tied head, stays one tensor unless the head is trained alone.
 */
export function weightTensors(layout: WeightsLayout, trained: ReadonlyMap<string, Tensor>): FrozenWeights {
  const made = new Map<WeightPlace, Tensor>();
  const tensorAt = (place: WeightPlace): Tensor => {
    const { name, shape, element, offset, sizeBytes } = place;
    const tensor =
      made.get(place) ??
      trained.get(name) ??
      weight(name, shape, { location: weightsFileName, offset, sizeBytes }, element);
    made.set(place, tensor);
    return tensor;
  };
  const matrix = ({ columns, scales }: Int8Matrix<WeightPlace>) => ({
    columns: tensorAt(columns),
    scales: tensorAt(scales),
  });
  const linear = (of: Linear<WeightPlace>): Linear<Tensor> =>
    of.kind === 'f32'
      ? { kind: 'f32', weight: tensorAt(of.weight) }
      : { kind: 'int8', forward: matrix(of.forward), backward: matrix(of.backward) };
  return {
    embedding: tensorAt(layout.embedding),
    head: trained.get('output.weight') ?? tensorAt(layout.head),
    finalGain: tensorAt(layout.finalGain),
    blocks: layout.blocks.map(({ attentionGain, feedForwardGain, linears }) => ({
      attentionGain: tensorAt(attentionGain),
      feedForwardGain: tensorAt(feedForwardGain),
      linears: Object.fromEntries(moduleNames.map((name) => [name, linear(linears[name])])) as Record<
        ModuleName,
        Linear<Tensor>
      >,
    })),
  };
}

export const weightsFileName = 'weights.bin';

/**
 * Copies a model's weights to `weights.bin` in the folder: linear layers in the base's precision, but exactly from the
 * block `exactFrom` on.
 */
export async function freezeWeights(
  gguf: Gguf,
  architecture: Architecture,
  precision: { readonly base: 'f32' | 'int8'; readonly exactFrom: number },
  folder: string,
  threads: number,
): Promise<WeightsLayout> {
  await using rounding = precision.base === 'int8' && precision.exactFrom > 0 ? await Rounding.open(threads) : null;
  await using file = await WeightsFile.create(folder);
  const copy = async (name: string): Promise<WeightPlace> => {
    const { shape } = gguf.tensors.get(name)!;
    return await file.add(name, await gguf.read(name), shape);
  };
  const embedding = await copy('token_embd.weight');
  const head = architecture.tiedHead ? embedding : await copy('output.weight');
  const finalGain = await copy('output_norm.weight');
  const blocks: Block<WeightPlace>[] = [];
  for (let layer = 0; layer < architecture.layers; layer++) {
    const linears = {} as Record<ModuleName, Linear<WeightPlace>>;
    for (const module of moduleNames) {
      const size = moduleSize(architecture, module);
      const name = `blk.${layer}.${modules[module].gguf}.weight`;
      const matrix = await readLinear(gguf, name, architecture, module);
      linears[module] =
        rounding === null || layer >= precision.exactFrom
          ? { kind: 'f32', weight: await file.add(name, matrix, [size.out, size.in]) }
          : { kind: 'int8', ...(await addRounded(file, name, await rounding.round(matrix, size.in), size)) };
    }
    blocks.push({
      attentionGain: await copy(`blk.${layer}.attn_norm.weight`),
      feedForwardGain: await copy(`blk.${layer}.ffn_norm.weight`),
      linears,
    });
  }
  return { embedding, head, finalGain, blocks };
}

/** A module's weight with its rows in PyTorch's order. */
async function readLinear(
  gguf: Gguf,
  name: string,
  architecture: Architecture,
  module: ModuleName,
): Promise<Float32Array> {
  const matrix = await gguf.read(name);
  if (module === 'q_proj') return halvesFromPairs(matrix, architecture.heads, architecture.headSize);
  if (module === 'k_proj') return halvesFromPairs(matrix, architecture.keyHeads, architecture.headSize);
  return matrix;
}

/**
 * GGUF keeps the rows of q and k so that neighbours rotate together; we, like PyTorch, rotate row i of a head
 * with row i + D/2:   0 1 2 3 4 5  ->  0 2 4 1 3 5
 */
function halvesFromPairs(matrix: Float32Array, heads: number, headSize: number): Float32Array {
  const columns = matrix.length / (heads * headSize);
  const ordered = new Float32Array(matrix.length);
  for (let row = 0; row < heads * headSize; row++) {
    const inHead = row % headSize;
    const to = row - inHead + (inHead % 2) * (headSize / 2) + (inHead >> 1);
    ordered.set(matrix.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return ordered;
}

async function addRounded(
  file: WeightsFile,
  name: string,
  { forward, backward }: Int8Linear<NodeJS.TypedArray>,
  size: { readonly in: number; readonly out: number },
): Promise<Int8Linear<WeightPlace>> {
  const add = async (suffix: string, matrix: Int8Matrix<NodeJS.TypedArray>, rows: number, columns: number) => ({
    columns: await file.add(`${name}.${suffix}`, matrix.columns, [rows, columns], 'int8'),
    scales: await file.add(`${name}.${suffix}.scales`, matrix.scales, [columns]),
  });
  return {
    forward: await add('forward', forward, size.in, size.out),
    backward: await add('backward', backward, size.out, size.in),
  };
}

class WeightsFile implements AsyncDisposable {
  readonly #file: FileHandle;
  #sizeBytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(folder: string): Promise<WeightsFile> {
    const path = join(folder, weightsFileName);
    // A file of that name may still be mapped by a session of an earlier network: leave its bytes to it.
    await rm(path, { force: true });
    return new WeightsFile(await open(path, 'wx'));
  }

  async add(
    name: string,
    values: NodeJS.TypedArray,
    shape: readonly number[],
    element: ElementType = 'float32',
  ): Promise<WeightPlace> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const offset = this.#sizeBytes;
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, offset + at);
      at += bytesWritten;
    }
    this.#sizeBytes = Math.ceil((offset + bytes.length) / 64) * 64;
    return { name, shape, element, offset, sizeBytes: bytes.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
