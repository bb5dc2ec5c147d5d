/**
 * Reverse-mode differentiation: asks each op, last made first, for the gradients of its inputs.
 *
 * Creation order is topological, so when an op's turn comes every use of its outputs has had its say. What is
 * made here comes after everything of the forward pass, in the order in which it should run.
 */

import assert from 'node:assert/strict';
import { add } from './ops/elementwise.ts';
import { addProduct } from './ops/matmul.ts';
import { addScattered } from './ops/movement.ts';
import { apply, applyAll, describe, scalar, type Application, type Op, type Tensor } from './tensor.ts';
import { sameShape, shapeText } from './dims.ts';

/** The gradients of a scalar by each of `by`. */
export function gradients(of: Tensor, by: readonly Tensor[]): Tensor[] {
  assert(of.shape.length === 0, `gradients: ${describe(of)} is not a scalar`);
  const again = new Recomputation();
  const contributions = new Map<number, Tensor[]>([[of.id, [scalar(1)]]]);
  const total = (x: Tensor): Tensor | undefined => {
    const found = contributions.get(x.id);
    if (found === undefined) return undefined;
    const sum = addUp(found);
    contributions.set(x.id, [sum]);
    return sum;
  };
  for (const application of differentiableApplications(of)) {
    const { op, outputs, options } = application;
    const used = outputs.slice(0, op.byproductsFrom);
    const dys = used.map(total);
    if (dys.every((dy) => dy === undefined)) continue;
    assert(!dys.includes(undefined), `gradients: an output of ${op.onnx} is not used`);
    const inputs = application.inputs.map((x) => again.of(x));
    const dxs = op.gradient!(
      dys as Tensor[],
      inputs,
      outputs.map((y) => again.of(y)),
      options,
    );
    for (const [i, x] of application.inputs.entries()) {
      const dx = dxs[i];
      if (!x.differentiable || dx === null || dx === undefined) continue;
      assert(
        sameShape(x.shape, dx.shape),
        `gradient of ${op.onnx}: input ${i} is ${describe(x)}, its gradient [${shapeText(dx.shape)}]`,
      );
      const list = contributions.get(x.id);
      if (list === undefined) contributions.set(x.id, [dx]);
      else list.push(dx);
    }
  }
  return by.map((x) => {
    const gradient = total(x);
    assert(gradient !== undefined, `gradients: nothing depends on ${describe(x)}`);
    return gradient;
  });
}

/**
 * A value whose gradient is given rather than derived: for what is faster by a rule of its own, or flat like
 * rounding. `rule` gets the gradient of the value and `inputs` as the backward pass should see them (see
 * `recomputed`) and returns their gradients; an input that only needs to be seen gets null.
 */
export function withGradient(
  value: Tensor,
  inputs: readonly Tensor[],
  rule: (dy: Tensor, inputs: readonly Tensor[]) => readonly (Tensor | null)[],
): Tensor {
  return apply(GivenGradient, [value, ...inputs], rule);
}

type Rule = Parameters<typeof withGradient>[2];

export const GivenGradient: Op<readonly Tensor[], Rule, readonly [Tensor]> = {
  onnx: null,
  shapes: ([value]) => [value!.shape],
  gradient: ([dy], inputs, _, rule) => [null, ...rule(dy, inputs.slice(1))],
};

/** Every use of an op that a gradient can flow through, last made first. */
function differentiableApplications(of: Tensor): Application[] {
  const found = new Map<number, Application>();
  const open = [of];
  for (let x = open.pop(); x !== undefined; x = open.pop()) {
    if (x.origin.kind !== 'result' || !x.differentiable) continue;
    const { application } = x.origin;
    const id = application.outputs[0]!.id;
    if (found.has(id)) continue;
    found.set(id, application);
    open.push(...application.inputs);
  }
  return [...found].sort(([a], [b]) => b - a).map(([, application]) => application);
}

/**
 * Products come later, each taking the sum so far as its third operand, and rows of tables last, added to the sum itself: so
 * that no table of zeros is made and no sum beside another.
 */
function addUp(contributions: readonly Tensor[]): Tensor {
  const scattered = contributions.filter((x) => addScattered(x, x) !== undefined);
  const products = contributions.filter((x) => addProduct(x, x) !== undefined);
  const others = contributions.filter((x) => !products.includes(x) && !scattered.includes(x));
  return [...others, ...products, ...scattered].reduce(
    (sum, x) => addProduct(sum, x) ?? addScattered(sum, x) ?? add(sum, x),
  );
}

/** Makes tensors that are marked `recomputed` a second time, each at most once. */
class Recomputation {
  readonly #made = new Map<number, Tensor>();

  of(x: Tensor): Tensor {
    if (!x.recomputed || x.origin.kind !== 'result') return x;
    const known = this.#made.get(x.id);
    if (known !== undefined) return known;
    const { application, index } = x.origin;
    const inputs = application.inputs.map((input) => this.of(input));
    const made = applyAll(application.op, inputs, application.options)[index]!;
    this.#made.set(x.id, made);
    return made;
  }
}
