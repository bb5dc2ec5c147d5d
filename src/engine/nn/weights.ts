/**
 * The frozen weights of a model, in the layouts and precision that the graph wants.
 *
 * They are written once to a file that the runtime maps into memory, one tensor at a time: what is in memory at
 * the peak is one matrix and its rounded copies, and sessions share the file's pages.
 */

import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { BasePrecision } from '../../domain/job.ts';
import { outputCount, outputNames } from '../../domain/label.ts';
import { linearSize, type BlockNorm, type LinearModule, type TensorNames } from '../../families/family.ts';
import { separateRows } from '../../families/row-order.ts';
import { outputName, poolerName, readHead } from '../../families/label-head.ts';
import { embeddingName, headName } from '../../families/tensors.ts';
import type { Gguf } from '../../formats/gguf.ts';
import type { ElementType } from '../../formats/onnx.ts';
import type { HeadPlan } from '../protocol.ts';
import { weight, type Tensor } from '../graph/tensor.ts';
import type { Architecture } from './architecture.ts';
import { freshWeights, type Dense, type LabelHead } from './heads/label-head.ts';
import type { Int4Linear } from './int4.ts';
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

/** A model's weights, each as a W: where it lies, or a tensor of a graph. Null is what its family does not have. */
export interface Weights<W> {
  readonly embedding: W;
  /** Vectors of learned positions, [context, width]. */
  readonly positions: W | null;
  readonly tokenTypes: W | null;
  readonly embeddingNorm: Norm<W> | null;
  /** [vocabulary, width]; the embedding itself when the head is tied, or when there is none. */
  readonly head: W;
  readonly finalNorm: Norm<W> | null;
  readonly blocks: readonly Block<W>[];
  /** What tells labels apart, on an encoder. */
  readonly labelHead: LabelHead<W> | null;
}

export interface Block<W> {
  readonly norms: Readonly<Partial<Record<BlockNorm, Norm<W>>>>;
  /** By PEFT's names. */
  readonly linears: Readonly<Record<string, Linear<W>>>;
}

export interface Norm<W> {
  readonly gain: W;
  readonly bias: W | null;
}

export type Linear<W> = { readonly bias: W | null } & (
  /** [out, in], as PyTorch keeps it. */ { readonly kind: 'f32'; readonly weight: W } | Rounded<W>
);

/** In eight bits or fewer. */
export type Rounded<W> = ({ readonly kind: 'int8' } & Int8Linear<W>) | ({ readonly kind: 'int4' } & Int4Linear<W>);

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
  const orNull = (place: WeightPlace | null): Tensor | null => (place === null ? null : tensorAt(place));
  const norm = ({ gain, bias }: Norm<WeightPlace>): Norm<Tensor> => ({ gain: tensorAt(gain), bias: orNull(bias) });
  const normOrNull = (of: Norm<WeightPlace> | null): Norm<Tensor> | null => (of === null ? null : norm(of));
  const dense = ({ weight, bias }: Dense<WeightPlace>): Dense<Tensor> => ({
    weight: tensorAt(weight),
    bias: tensorAt(bias),
  });
  const linear = (of: Linear<WeightPlace>): Linear<Tensor> => {
    const bias = orNull(of.bias);
    if (of.kind === 'f32') return { kind: 'f32', weight: tensorAt(of.weight), bias };
    if (of.kind === 'int8') return { kind: 'int8', forward: matrix(of.forward), backward: matrix(of.backward), bias };
    const eight = of.eight && { turned: tensorAt(of.eight.turned), plain: tensorAt(of.eight.plain) };
    return {
      kind: 'int4',
      packed: tensorAt(of.packed),
      steps: tensorAt(of.steps),
      lows: tensorAt(of.lows),
      eight,
      bias,
    };
  };
  return {
    embedding: tensorAt(layout.embedding),
    positions: orNull(layout.positions),
    tokenTypes: orNull(layout.tokenTypes),
    embeddingNorm: normOrNull(layout.embeddingNorm),
    head: trained.get(headName) ?? tensorAt(layout.head),
    finalNorm: normOrNull(layout.finalNorm),
    blocks: layout.blocks.map(({ norms, linears }) => ({
      norms: mapValues(norms, norm),
      linears: mapValues(linears, linear),
    })),
    labelHead:
      layout.labelHead === null
        ? null
        : {
            plan: layout.labelHead.plan,
            pooler: layout.labelHead.pooler && dense(layout.labelHead.pooler),
            output: dense(layout.labelHead.output),
          },
  };
}

const mapValues = <Key extends string, From, To>(
  record: Readonly<Partial<Record<Key, From>>>,
  map: (value: From) => To,
): Record<Key, To> =>
  Object.fromEntries(
    Object.entries<From>(record as Record<Key, From>).map(([key, value]) => [key, map(value)]),
  ) as Record<Key, To>;

export const weightsFileName = 'weights.bin';

/**
 * Copies a model's weights to `weights.bin` in the folder: linear layers in the base's precision, but exactly from the
 * block `exactFrom` on. A label head begins as the file has it where that tells the same labels apart, else afresh.
 */
export async function freezeWeights(
  gguf: Gguf,
  architecture: Architecture,
  precision: { readonly base: BasePrecision; readonly exactFrom: number },
  folder: string,
  threads: number,
  labels: { readonly plan: HeadPlan; readonly seed: number } | null = null,
): Promise<WeightsLayout> {
  const { base } = precision;
  await using rounding = base !== 'f32' && precision.exactFrom > 0 ? await Rounding.open(base, threads) : null;
  await using file = await WeightsFile.create(folder);
  const { family } = architecture;
  const copy = async (name: string): Promise<WeightPlace> => {
    const { shape } = gguf.tensors.get(name)!;
    return await file.add(name, await gguf.read(name), shape);
  };
  const table = async (names: TensorNames | null): Promise<WeightPlace | null> =>
    names === null ? null : await copy(`${names.gguf}.weight`);
  const norm = async (name: string): Promise<Norm<WeightPlace>> => ({
    gain: await copy(`${name}.weight`),
    bias: family.design.norm === 'layer' ? await copy(`${name}.bias`) : null,
  });
  const normOrNull = async (names: TensorNames | null): Promise<Norm<WeightPlace> | null> =>
    names === null ? null : await norm(names.gguf);
  const linear = async (layer: number, module: LinearModule): Promise<Linear<WeightPlace>> => {
    const size = linearSize(module.role, architecture);
    const name = `blk.${layer}.${module.gguf}.weight`;
    const matrix = await readRows(gguf, name, architecture, module);
    const biasName = `blk.${layer}.${module.gguf}.bias`;
    const bias = module.bias
      ? await file.add(biasName, await readRows(gguf, biasName, architecture, module), [size.out])
      : null;
    return rounding === null || layer >= precision.exactFrom
      ? { kind: 'f32', weight: await file.add(name, matrix, [size.out, size.in]), bias }
      : { ...(await addRounded(file, name, await rounding.round(matrix, size.in, module.role), size)), bias };
  };
  const embedding = await copy(embeddingName);
  const whole = {
    embedding,
    positions: await table(family.positions),
    tokenTypes: await table(family.tokenTypes),
    embeddingNorm: await normOrNull(family.embeddingNorm),
    head: architecture.tiedHead ? embedding : await copy(headName),
    finalNorm: await normOrNull(family.finalNorm),
  };
  const blocks: Block<WeightPlace>[] = [];
  for (let layer = 0; layer < architecture.layers; layer++) {
    const linears: Record<string, Linear<WeightPlace>> = {};
    for (const module of family.linears) linears[module.target] = await linear(layer, module);
    const norms: Partial<Record<BlockNorm, Norm<WeightPlace>>> = {};
    for (const [which, { gguf: name }] of Object.entries(family.norms)) {
      norms[which as BlockNorm] = await norm(`blk.${layer}.${name}`);
    }
    blocks.push({ norms, linears });
  }
  const labelHead = labels === null ? null : await addLabelHead(gguf, file, architecture.width, labels);
  return { ...whole, blocks, labelHead };
}

async function addLabelHead(
  gguf: Gguf,
  file: WeightsFile,
  width: number,
  { plan, seed }: { readonly plan: HeadPlan; readonly seed: number },
): Promise<LabelHead<WeightPlace>> {
  const known = readHead(gguf.metadata);
  const continues = known !== null && outputNames(known).join('\n') === outputNames(plan).join('\n');
  const dense = async (name: string, rows: number, taken: boolean): Promise<Dense<WeightPlace>> => {
    const [weight, bias] = [`${name}.weight`, `${name}.bias`];
    const fresh = !taken || !gguf.tensors.has(weight);
    const count = rows * width;
    return {
      weight: await file.add(weight, fresh ? freshWeights(name, count, seed) : await gguf.read(weight), [rows, width]),
      bias: await file.add(bias, fresh ? new Float32Array(rows) : await gguf.read(bias), [rows]),
    };
  };
  return {
    plan,
    pooler: plan.pooling === 'first' ? await dense(poolerName, width, true) : null,
    output: await dense(outputName, outputCount(plan), continues),
  };
}

/** Of a linear layer, the rows in PyTorch's order: the graph turns row i of a head with row i + D/2. */
async function readRows(
  gguf: Gguf,
  name: string,
  architecture: Architecture,
  { interleaved }: LinearModule,
): Promise<Float32Array> {
  const rows = await gguf.read(name);
  if (interleaved === null) return rows;
  const heads = architecture[interleaved];
  return separateRows(rows, rows.length / (heads * architecture.headSize), heads);
}

async function addRounded(
  file: WeightsFile,
  name: string,
  rounded: Rounded<NodeJS.TypedArray>,
  size: { readonly in: number; readonly out: number },
): Promise<Rounded<WeightPlace>> {
  if (rounded.kind === 'int4') {
    const { packed, steps, lows, eight } = rounded;
    const grid = [steps.length / size.out, 1, size.out];
    return {
      kind: 'int4',
      packed: await file.add(`${name}.packed`, packed, [size.in, size.out / 2], 'uint8'),
      steps: await file.add(`${name}.steps`, steps, grid, 'float16'),
      lows: await file.add(`${name}.lows`, lows, grid, 'float16'),
      eight: eight && {
        turned: await file.add(`${name}.turned.scales`, eight.turned, [size.out]),
        plain: await file.add(`${name}.plain.scales`, eight.plain, [size.out]),
      },
    };
  }
  const add = async (suffix: string, matrix: Int8Matrix<NodeJS.TypedArray>, rows: number, columns: number) => ({
    columns: await file.add(`${name}.${suffix}`, matrix.columns, [rows, columns], 'int8'),
    scales: await file.add(`${name}.${suffix}.scales`, matrix.scales, [columns]),
  });
  return {
    kind: 'int8',
    forward: await add('forward', rounded.forward, size.in, size.out),
    backward: await add('backward', rounded.backward, size.out, size.in),
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
