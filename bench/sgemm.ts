/** The machine's own f32 matrix product, as ONNX Runtime runs it. */

import { emit } from '../src/engine/graph/emit.ts';
import { gemm } from '../src/engine/graph/ops/matmul.ts';
import { openSession } from '../src/engine/graph/session.ts';
import { constant, input } from '../src/engine/graph/tensor.ts';

const size = 1024;
const repeats = 30;

/** GFLOP/s of 1024 x 1024 products on so many threads, the best of five measurements. */
export async function sgemmGflops(threads: number): Promise<number> {
  const matrix = new Float32Array(size * size).map((_, i) => Math.sin(i));
  const b = constant(matrix, [size, size], 'float32');
  const program = emit({ y: gemm(input('x', [size, size]), b) });
  await using session = await openSession(program, { threads, packWeights: true, spin: true });
  let best = 0;
  for (let round = 0; round < 5; round++) {
    const startMs = performance.now();
    for (let i = 0; i < repeats; i++) await session.run({ x: matrix });
    best = Math.max(best, (2 * size ** 3 * repeats) / ((performance.now() - startMs) / 1000) / 1e9);
  }
  return best;
}
