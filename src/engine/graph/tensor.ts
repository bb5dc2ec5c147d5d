/**
 * Symbolic tensors, and the operations that make them.
 *
 * A tensor knows its shape, its element type and where it comes from; it holds no numbers. It can only be made
 * from tensors that exist, so `id` order is already a topological order and nothing here needs a graph object:
 * a graph is whatever can be reached from the tensors one asks for (emit.ts).
 *
 * An op is one row: shape, gradient and ONNX name side by side (ops/*.ts).
 */

import assert from 'node:assert/strict';
import type { ElementType, ExternalData, OnnxAttribute } from '../../formats/onnx.ts';
import { shapeText, type Shape } from './dims.ts';

export interface Tensor {
  readonly id: number;
  readonly shape: Shape;
  readonly element: ElementType;
  readonly origin: Origin;
  /** True if it depends on something trainable, so that a gradient can flow through it. */
  readonly differentiable: boolean;
  /** True if the backward pass should compute it again rather than keep it (see `recomputed`). */
  recomputed: boolean;
}

export type Origin =
  /** Fed at every run. */
  | { readonly kind: 'input'; readonly name: string }
  /** A few numbers written into the graph. */
  | { readonly kind: 'constant'; readonly data: Uint8Array }
  /** Frozen numbers in a file beside the graph. */
  | { readonly kind: 'weight'; readonly name: string; readonly file: ExternalData }
  /** An int64 vector of dims, known when the run's sizes are. */
  | { readonly kind: 'sizes'; readonly dims: Shape }
  | { readonly kind: 'result'; readonly application: Application; readonly index: number };

/** One use of an op. */
export interface Application {
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly options: unknown;
  readonly outputs: readonly Tensor[];
}

type Tensors = readonly Tensor[];

/** I inputs, O options, Y outputs. */
export interface Op<I extends Tensors = Tensors, O = unknown, Y extends Tensors = Tensors> {
  /** The ONNX operator, or null for one that only stands for its first input (gradient.ts). */
  readonly onnx: string | null;
  readonly domain?: 'com.microsoft';
  /** Element type of the outputs where it is not that of the first input. */
  element?(inputs: I): ElementType;
  /** Outputs from this index on are by-products, such as a norm's 1/rms, that nobody differentiates. */
  readonly byproductsFrom?: number;
  shapes(inputs: I, options: O): readonly Shape[];
  attributes?(options: O, inputs: I): Record<string, OnnxAttribute>;
  /**
   * The same outputs from plainer ops, for devices other than the processor whose kernel is missing or wrong: emit.ts
   * writes these in the op's stead there. Gradients are those of the op itself.
   */
  elsewhere?(inputs: I, options: O): Y;
  /**
   * From the outputs' gradients to the inputs' (null, or missing at the end, where there is none). Rules may
   * compute more than anyone needs: what no output depends on is never emitted.
   */
  gradient?(dy: Y, inputs: I, outputs: Y, options: O): readonly (Tensor | null)[];
}

let created = 0;

function tensor(origin: Origin, shape: Shape, element: ElementType, differentiable: boolean): Tensor {
  return { id: created++, shape, element, origin, differentiable, recomputed: false };
}

/** Fed at every run; a trainable one gets a gradient. */
export function input(name: string, shape: Shape, element: ElementType = 'float32', trainable = false): Tensor {
  return tensor({ kind: 'input', name }, shape, element, trainable);
}

export function weight(
  name: string,
  shape: readonly number[],
  file: ExternalData,
  element: ElementType = 'float32',
): Tensor {
  return tensor({ kind: 'weight', name, file }, shape, element, false);
}

export function floats(values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return constant(Float32Array.from(values), shape, 'float32');
}

export function integers(values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return constant(BigInt64Array.from(values, BigInt), shape, 'int64');
}

export const scalar = (value: number): Tensor => floats([value], []);

export function constant(data: NodeJS.TypedArray, shape: readonly number[], element: ElementType): Tensor {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return tensor({ kind: 'constant', data: bytes }, shape, element, false);
}

export function sizes(dims: Shape): Tensor {
  return tensor({ kind: 'sizes', dims }, [dims.length], 'int64', false);
}

/** The only output of an op. */
export function apply<I extends Tensors, O, Y extends Tensors>(op: Op<I, O, Y>, inputs: I, options: O): Tensor {
  const [output] = applyAll(op, inputs, options);
  assert(output !== undefined);
  return output;
}

/** All outputs of an op. */
export function applyAll<I extends Tensors, O, Y extends Tensors>(op: Op<I, O, Y>, inputs: I, options: O): Y {
  const element = op.element?.(inputs) ?? inputs[0]?.element ?? 'float32';
  const differentiable = op.gradient !== undefined && inputs.some((x) => x.differentiable);
  const outputs: Tensor[] = [];
  const application: Application = { op, inputs, options, outputs };
  for (const [index, shape] of op.shapes(inputs, options).entries()) {
    outputs.push(tensor({ kind: 'result', application, index }, shape, element, differentiable));
  }
  return outputs as unknown as Y;
}

/**
 * Marks a tensor as cheaper to compute twice than to keep: the backward pass applies its op again to what is left
 * of its inputs. Worth it for wide results of cheap ops; needs a runtime that does not merge equal nodes.
 */
export function recomputed(x: Tensor): Tensor {
  x.recomputed = true;
  return x;
}

export const describe = (x: Tensor): string => `${x.element}[${shapeText(x.shape)}]`;
