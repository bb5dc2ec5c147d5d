import { describe, expect, test } from 'vitest';
import { emit } from '../../../src/engine/graph/emit.ts';
import { gradients } from '../../../src/engine/graph/gradient.ts';
import { add, mul, silu } from '../../../src/engine/graph/ops/elementwise.ts';
import { gemm } from '../../../src/engine/graph/ops/matmul.ts';
import { reduceSum } from '../../../src/engine/graph/ops/reduction.ts';
import { openSession } from '../../../src/engine/graph/session.ts';
import { input, recomputed, type Tensor } from '../../../src/engine/graph/tensor.ts';
import { cases, lossOf, ops, sizes, type Case } from './op-cases.ts';

describe('the gradient of every op agrees with central differences', () => {
  test.each([...ops.filter(([, op]) => op.gradient !== undefined).map(([name]) => name), 'GivenGradient'])(
    '%s',
    async (name) => {
      expect(cases[name], `no case for ${name}`).toBeDefined();
      for (const one of cases[name]!) await check(one);
    },
  );

  test('and the ops without one are those that only make masks, scales and roundings', () => {
    const without = ops.filter(([, op]) => op.gradient === undefined).map(([name]) => name);
    expect(without.sort()).toEqual(
      ['And', 'Equal', 'GatherElements', 'Greater', 'GreaterOrEqual', 'Int8Product', 'Max'].concat([
        'Quantise',
        'QuantiseRows',
        'ReduceMax',
        'ReduceMin',
        'ShiftRight',
        'ToFloat',
        'Where',
      ]),
    );
  });
});

describe('gradients', () => {
  test('add up over all uses of a value, through products that take the sum so far', async () => {
    await check({
      inputs: [
        [3, 3],
        [3, 3],
      ],
      of: (x, w) => {
        const h = silu(x);
        return add(add(gemm(h, w), gemm(h, w, { transposeB: true })), mul(h, gemm(w, h)));
      },
    });
  });

  test('are the same through values that are computed twice', async () => {
    const of = (mark: (x: Tensor) => Tensor) => (x: Tensor | undefined) => {
      const wide = mark(silu(mark(mul(x!, x!))));
      return gemm(wide, wide, { transposeB: true });
    };
    await check({ inputs: [[3, 4]], of: of(recomputed) });
    const x = input('x', [3, 4], 'float32', true);
    const nodes = (mark: (x: Tensor) => Tensor): number => {
      const loss = reduceSum(of(mark)(x), [0, 1]);
      return emit({ loss, dx: gradients(loss, [x])[0]! }).model.length;
    };
    expect(nodes(recomputed)).toBeGreaterThan(nodes((x) => x));
  });

  test('refuse what does not depend on the value asked for', () => {
    const x = input('x', [3], 'float32', true);
    const y = input('y', [3], 'float32', true);
    expect(() => gradients(reduceSum(x, [0]), [y])).toThrow('nothing depends on float32[3]');
    expect(() => gradients(x, [x])).toThrow('float32[3] is not a scalar');
  });
});

/** Compares every partial derivative of a random weighting of the outputs. */
async function check(one: Case): Promise<void> {
  const { outputs, feeds } = lossOf(one);
  await using session = await openSession(emit(outputs), { threads: 1, packWeights: false });
  const analytic = await session.run(feeds, sizes);
  for (const i of one.inputs.keys()) {
    const values = feeds[`x${i}`]!;
    const gradient = analytic[`dx${i}`]!;
    const scale = Math.max(1, ...gradient.map(Math.abs));
    for (const [k, value] of values.entries()) {
      const at = async (by: number): Promise<number> => {
        values[k] = value + by;
        const { loss } = await session.run(feeds, sizes);
        values[k] = value;
        return loss![0]!;
      };
      // Of fourth order, so that a step large against rounding is still exact.
      const h = 0.02;
      const near = (await at(h)) - (await at(-h));
      const far = (await at(2 * h)) - (await at(-2 * h));
      expect((8 * near - far) / (12 * h) / scale, `d/dx${i}[${k}]`).toBeCloseTo(gradient[k]! / scale, 2.7);
    }
  }
}
