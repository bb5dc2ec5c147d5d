/** One or more uses of every op, and a loss made of each: a random weighting of its outputs. */

import { named, part, product, type Shape } from '../../../src/engine/graph/dims.ts';
import { gradients, withGradient } from '../../../src/engine/graph/gradient.ts';
import * as elementwise from '../../../src/engine/graph/ops/elementwise.ts';
import * as matmuls from '../../../src/engine/graph/ops/matmul.ts';
import * as movement from '../../../src/engine/graph/ops/movement.ts';
import * as quantised from '../../../src/engine/graph/ops/quantised.ts';
import * as reduction from '../../../src/engine/graph/ops/reduction.ts';
import * as transformer from '../../../src/engine/graph/ops/transformer.ts';
import { floats, input, integers, scalar, type Op, type Tensor } from '../../../src/engine/graph/tensor.ts';
import { Random } from '../../../src/engine/random.ts';

const { add, mul, silu, sub } = elementwise;
const { gemm, matmul } = matmuls;
const { gather, reshape, transpose } = movement;
const { reduceSum, softmax } = reduction;

/** A function of trainable inputs of these shapes. T is 6. */
export interface Case {
  readonly inputs: readonly Shape[];
  readonly of: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  /** Moves inputs (normally distributed) to where the function is smooth. */
  readonly from?: (x: number) => number;
}

const T = named('T');
export const sizes = { T: 6 };
const square: Shape[] = [
  [3, 4],
  [3, 4],
];

/** One or more uses of every op that has a gradient, by the name of its row. */
export const cases: Record<string, Case[]> = {
  Add: [
    { inputs: square, of: add },
    {
      inputs: [
        [3, 1, 4],
        [5, 1],
      ],
      of: add,
    },
    { inputs: [[], [T, 4]], of: add },
  ],
  Sub: [
    { inputs: square, of: sub },
    { inputs: [[4], [3, 1]], of: sub },
  ],
  Mul: [
    { inputs: square, of: mul },
    {
      inputs: [
        [T, 4],
        [T, 1],
      ],
      of: mul,
    },
    { inputs: [[3, 4]], of: (x) => mul(x, x) },
  ],
  Neg: [{ inputs: [[3, 4]], of: elementwise.neg }],
  Log: [{ inputs: [[3, 4]], of: elementwise.log, from: (x) => 1 + Math.abs(x) }],
  Reciprocal: [{ inputs: [[3, 4]], of: elementwise.reciprocal, from: (x) => 1 + Math.abs(x) }],
  Sqrt: [{ inputs: [[3, 4]], of: elementwise.sqrt, from: (x) => 1 + Math.abs(x) }],
  Sigmoid: [{ inputs: [[3, 4]], of: elementwise.sigmoid }],
  Tanh: [{ inputs: [[3, 4]], of: elementwise.tanh }],
  Silu: [{ inputs: [[3, 4]], of: silu }],
  Exp: [{ inputs: [[3, 4]], of: elementwise.exp }],
  Erf: [{ inputs: [[3, 4]], of: elementwise.erf }],
  Gelu: [{ inputs: [[3, 4]], of: elementwise.gelu }],
  GeluTanh: [{ inputs: [[3, 4]], of: elementwise.geluTanh }],
  ReduceSum: [
    { inputs: [[3, 4]], of: (x) => reduceSum(x, [0]) },
    { inputs: [[T, 4, 2]], of: (x) => reduceSum(x, [0, 2], true) },
  ],
  ReduceMean: [
    { inputs: [[T, 4]], of: (x) => reduction.reduceMean(x, [1], true) },
    { inputs: [[3, 4]], of: (x) => reduction.reduceMean(x, [0]) },
  ],
  Softmax: [{ inputs: [[2, T, 4]], of: softmax }],
  Reshape: [
    { inputs: [[T, 4]], of: (x) => reshape(x, [part(T, 2), 8]) },
    { inputs: [[product(T, T), 4]], of: (x) => reshape(x, [T, 2, 2, T]) },
  ],
  Transpose: [{ inputs: [[2, T, 4]], of: (x) => transpose(x, [2, 0, 1]) }],
  Expand: [{ inputs: [[3, 1]], of: (x) => movement.expand(x, [T, 3, 4]) }],
  Split: [
    { inputs: [[3, 6]], of: (x) => movement.split(x, 1, [1, 3, 2]) },
    { inputs: [[T, 4]], of: (x) => movement.splitEvenly(x, 0, 3) },
  ],
  Concat: [
    {
      inputs: [
        [3, 4],
        [3, 1],
      ],
      of: (a, b) => movement.concat([a, b], 1),
    },
    {
      inputs: [
        [T, 4],
        [product(T, 2), 4],
      ],
      of: (a, b) => movement.concat([a, b, a], 0),
    },
  ],
  Gather: [
    { inputs: [[5, 2]], of: (x) => gather(x, integers([4, 0, 4])) },
    { inputs: [[T, 3]], of: (x) => gather(x, integers([1, 2, 1, 5], [2, 2])) },
  ],
  ScatterRows: [
    {
      inputs: [
        [5, 2],
        [3, 2],
      ],
      of: (table, rows) => movement.scatterRows(table, integers([1, 4, 1], [3, 1]), rows),
    },
  ],
  Gemm: [false, true].flatMap((transposeA) =>
    [false, true].flatMap((transposeB): Case[] => {
      const a: Shape = transposeA ? [4, T] : [T, 4];
      const b: Shape = transposeB ? [3, 4] : [4, 3];
      return [
        { inputs: [a, b], of: (a, b) => gemm(a, b, { transposeA, transposeB, alpha: 0.5 }) },
        { inputs: [a, b, [3]], of: (a, b, plus) => gemm(a, b, { transposeA, transposeB, plus }) },
      ];
    }),
  ),
  MatMul: [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB): Case => {
      const shapes: Shape[] = [transposeA ? [2, 4, T] : [2, T, 4], transposeB ? [2, 3, 4] : [2, 4, 3]];
      return { inputs: shapes, of: (a, b) => matmul(a, b, { transposeA, transposeB, alpha: 0.5 }) };
    }),
  ),
  RmsNorm: [{ inputs: [[T, 4], [4]], of: (x, gain) => transformer.rmsNorm(x, gain, 1e-5) }],
  LayerNorm: [{ inputs: [[T, 4], [4], [4]], of: (x, gain, bias) => transformer.layerNorm(x, gain, bias, 1e-5) }],
  Rotary: [
    {
      inputs: [[2, 3, 8]],
      of: (x) => {
        const positions = integers([0, 1, 2, 3, 0, 1], [2, 3]);
        const table = (f: (angle: number) => number): Tensor =>
          floats(
            Array.from({ length: 8 }, (_, i) => f(Math.floor(i / 2) / (1 + (i % 2)))),
            [4, 2],
          );
        const sinNegated = table((angle) => -Math.sin(angle));
        return transformer.rotary([x, positions, table(Math.cos), table(Math.sin), sinNegated], 2);
      },
    },
  ],
  GivenGradient: [
    {
      inputs: square,
      of: (a, b) => withGradient(mul(a, silu(b)), [a, b], (dy, seen) => gradientsOfProduct(dy, seen[0]!, seen[1]!)),
    },
  ],
};

function gradientsOfProduct(dy: Tensor, a: Tensor, b: Tensor): Tensor[] {
  const s = elementwise.sigmoid(b);
  const slope = mul(s, add(scalar(1), mul(b, sub(scalar(1), s))));
  return [mul(dy, mul(b, s)), mul(mul(dy, a), slope)];
}

const rows = { ...elementwise, ...matmuls, ...movement, ...quantised, ...reduction, ...transformer };
/** Every op by the name of its row. */
export const ops = Object.entries(rows).filter((entry): entry is [string, never] => typeof entry[1] === 'object') as [
  string,
  Op,
][];

/** A random weighting of the outputs as a graph with its gradients `dx0`, `dx1`, ..., and what to feed it. */
export function lossOf({ inputs, of, from = (x) => x }: Case): {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly feeds: Record<string, Float32Array>;
} {
  const random = Random.fromSeed(5);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const uniform = (): number => random.uint32() / 2 ** 32;
  const tensors = inputs.map((shape, i) => input(`x${i}`, shape, 'float32', true));
  const result = of(...tensors);
  const results: readonly Tensor[] = Array.isArray(result) ? result : [result as Tensor];
  const weights = results.map((y, i) => input(`w${i}`, y.shape));
  const loss = results
    .map((y, i) => reduceSum(mul(y, weights[i]!), Array.from(y.shape.keys())))
    .reduce((a, b) => add(a, b));
  const found = gradients(loss, tensors);
  const count = ({ shape }: Tensor): number =>
    shape.reduce((total: number, dim) => total * (typeof dim === 'number' ? dim : dim.times * 6 ** dim.of.length), 1);
  const feeds: Record<string, Float32Array> = {};
  tensors.forEach((x, i) => (feeds[`x${i}`] = Float32Array.from({ length: count(x) }, () => from(normal()))));
  weights.forEach((x, i) => (feeds[`w${i}`] = Float32Array.from({ length: count(x) }, normal)));
  return { outputs: { loss, ...Object.fromEntries(found.map((x, i) => [`dx${i}`, x])) }, feeds };
}
