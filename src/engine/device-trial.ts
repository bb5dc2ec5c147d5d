/**
 * Whether a device computes gradients as the processor does, and how much faster.
 *
 * A driver can be missing, broken in some op without a word, or a program that plays graphics card on the processor,
 * slower than the processor itself. Names tell none of this, so a small graph is differentiated on both and compared,
 * and large products are timed on both.
 */

import type { Device, DeviceVerdict } from '../domain/device.ts';
import { emit } from './graph/emit.ts';
import { gradients } from './graph/gradient.ts';
import { add, mul, silu } from './graph/ops/elementwise.ts';
import { gemm, matmul } from './graph/ops/matmul.ts';
import { gather, reshape } from './graph/ops/movement.ts';
import { reduceSum, softmax } from './graph/ops/reduction.ts';
import { layerNorm, rmsNorm } from './graph/ops/transformer.ts';
import { openSession, type Feeds } from './graph/session.ts';
import { constant, floats, input, integers, type Tensor } from './graph/tensor.ts';

type Outputs = Readonly<Record<string, Tensor>>;

export async function tryDevice(device: Device, threads: number): Promise<DeviceVerdict> {
  try {
    const { outputs, feeds } = smallTraining();
    const [expected, found] = [await compute(outputs, feeds, 'cpu'), await compute(outputs, feeds, device)];
    for (const [name, values] of Object.entries(expected)) {
      const distance = relativeDistance(found[name]!, values);
      if (!(distance < distanceMax)) return { works: false, reason: `it computes ${name} wrongly` };
    }
    return { works: true, speedup: Number((await speedupOf(device, threads)).toPrecision(2)) };
  } catch (error) {
    return { works: false, reason: reasonOf(error as Error) };
  }
}

const distanceMax = 1e-3;

/** A loss with its gradients through every sort of op that a model trains with. */
function smallTraining(): { readonly outputs: Outputs; readonly feeds: Feeds } {
  const [tokens, width] = [16, 32];
  const names = ['table', 'gain', 'w', 'gain2', 'bias', 'v'] as const;
  const shapes = [[20, width], [width], [width, width], [width], [width], [width, width]];
  const trained = names.map((name, i) => input(name, shapes[i]!, 'float32', true));
  const [table, gain, w, gain2, bias, v] = trained as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const x = gather(table, integers(Array.from({ length: tokens }, (_, i) => (i * 7) % 20)));
  const first = add(x, silu(gemm(rmsNorm(x, gain, 1e-5), w, { transposeB: true })));
  const heads = reshape(layerNorm(first, gain2, bias, 1e-5), [2, tokens / 2, width]);
  const seen = matmul(softmax(matmul(heads, heads, { transposeB: true, alpha: 0.2 })), heads);
  const y = gemm(reshape(seen, [tokens, width]), v);
  const loss = reduceSum(mul(y, floats(wave(tokens * width), [tokens, width])), [0, 1]);
  const found = gradients(loss, trained);
  const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  return {
    outputs: { 'a sum': loss, ...Object.fromEntries(names.map((name, i) => [`the gradient of ${name}`, found[i]!])) },
    feeds: Object.fromEntries(names.map((name, i) => [name, Float32Array.from(wave(sizeOf(shapes[i]!), i + 1))])),
  };
}

/** Numbers between -1 and 1 that look like nothing in particular. */
const wave = (count: number, start = 0): number[] => Array.from({ length: count }, (_, i) => Math.sin(start + i * i));

async function compute(
  outputs: Outputs,
  feeds: Feeds,
  device: Device,
): Promise<Readonly<Record<string, Float32Array>>> {
  await using session = await openSession(emit(outputs, device), { device, threads: 1, packWeights: false });
  return await session.run(feeds);
}

function relativeDistance(a: Float32Array, b: Float32Array): number {
  const norm = (of: (i: number) => number): number => Math.sqrt(b.reduce((sum, _, i) => sum + of(i) ** 2, 0));
  return norm((i) => a[i]! - b[i]!) / norm((i) => b[i]!);
}

/** Small products for a look, which a hopeless device takes long enough for, and such as models have. */
const looks = [
  { rows: 64, width: 256, count: 4 },
  { rows: 512, width: 1024, count: 4 },
] as const;
/** Graphics cards are slow to start on small products, but not by this much. */
const hopeless = 1 / 30;

type Products = (typeof looks)[number];

async function speedupOf(device: Device, threads: number): Promise<number> {
  let speedup = 0;
  for (const products of looks) {
    const onProcessor = await timeProducts(products, 'cpu', threads);
    speedup = onProcessor / (await timeProducts(products, device, threads));
    if (speedup < hopeless) return speedup;
  }
  return speedup;
}

/** Milliseconds for products one after the other, the best of three. */
async function timeProducts({ rows, width, count }: Products, device: Device, threads: number): Promise<number> {
  const matrix = constant(
    Float32Array.from(wave(width * width), (x) => x / 32),
    [width, width],
    'float32',
  );
  let y = input('x', [rows, width]);
  for (let i = 0; i < count; i++) y = gemm(y, matrix);
  const program = emit({ y: reduceSum(y, [0, 1]) }, device);
  await using session = await openSession(program, { device, threads, packWeights: true });
  const feeds = { x: new Float32Array(rows * width).fill(1) };
  await session.run(feeds);
  let bestMs = Infinity;
  for (let round = 0; round < 3; round++) {
    const startMs = performance.now();
    await session.run(feeds);
    bestMs = Math.min(bestMs, performance.now() - startMs);
  }
  return bestMs;
}

/** The runtime's words without where they stand in its sources. */
function reasonOf({ message }: Error): string {
  const text = message.split('\n')[0]!.trim();
  return /(?:was false\.|FAIL : |ERROR : )\s*(.+)$/.exec(text)?.[1] ?? text;
}
