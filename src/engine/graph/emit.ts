/**
 * From tensors to an ONNX model: whatever the outputs depend on, in order of creation.
 *
 * The nodes are written backwards. The runtime walks depth-first from the last node that nobody uses, so in the
 * natural order every weight gradient would run at the very end and keep its inputs alive until then; reversed,
 * it runs in our order, gradients as early as they can and recomputed values just in time.
 *
 * Every value is declared with its shape. The runtime reuses a dead value's memory for one whose size has the same
 * name; what it cannot match it keeps on a list that it searches for every node, and a large graph takes minutes.
 *
 * For another device than the processor, ops whose kernel there is missing or wrong are written as plainer ones.
 */

import assert from 'node:assert/strict';
import type { Device } from '../../domain/device.ts';
import {
  writeOnnx,
  type ElementType,
  type OnnxInitializer,
  type OnnxNode,
  type OnnxValue,
} from '../../formats/onnx.ts';
import { dimText, shapeText, type Shape } from './dims.ts';
import type { Application, Tensor } from './tensor.ts';

/** A model with everything its user must know to feed it. */
export interface Program {
  readonly model: Uint8Array;
  readonly inputs: readonly ProgramInput[];
  /** By the name that was asked for, the name in the model: two outputs can be the same tensor. */
  readonly outputs: Readonly<Record<string, string>>;
}

export interface ProgramInput {
  readonly name: string;
  readonly element: ElementType;
  readonly shape: Shape;
  /** Dims that are this input's content, computed from the run's sizes; null for one that the caller feeds. */
  readonly sizes: Shape | null;
}

export function emit(outputs: Readonly<Record<string, Tensor>>, device: Device = 'cpu'): Program {
  const asMade = reachable(Object.values(outputs));
  const { tensors, instead } = device === 'cpu' ? { tensors: asMade, instead: nothing } : inPlainerOps(asMade);
  const written = (x: Tensor): Tensor => {
    const made = standsFor(x);
    return instead.get(made.id) ?? made;
  };
  const names = new Map<number, string>();
  const outputNames: Record<string, string> = {};
  const outputValues: OnnxValue[] = [];
  for (const [name, x] of Object.entries(outputs)) {
    const { id } = written(x);
    if (!names.has(id)) {
      names.set(id, name);
      outputValues.push(value(name, x.element, x.shape));
    }
    outputNames[name] = names.get(id)!;
  }
  const isOutput = new Set(names.keys());
  const nodes: OnnxNode[] = [];
  const values: OnnxValue[] = [];
  const inputs: ProgramInput[] = [];
  const initializers: OnnxInitializer[] = [];
  const shared = new Map<string, string>();
  const nameOf = (x: Tensor): string => {
    const made = written(x);
    return names.get(made.id) ?? name(made, `t${names.size}`);
  };
  const name = (x: Tensor, given: string): string => {
    names.set(x.id, given);
    return given;
  };
  /** The same numbers are written or fed once. */
  const once = (x: Tensor, key: string, declare: (name: string) => void): string => {
    const known = shared.get(key);
    if (known !== undefined) return name(x, known);
    const given = nameOf(x);
    shared.set(key, given);
    declare(given);
    return given;
  };
  for (const x of tensors) {
    const { origin, element, shape } = x;
    if (origin.kind === 'result') {
      const { application } = origin;
      nodes.push(node(application, nameOf));
      for (const y of application.outputs) {
        if (!isOutput.has(y.id)) values.push(value(nameOf(y), y.element, y.shape));
      }
    } else if (origin.kind === 'input') {
      inputs.push({ name: name(x, origin.name), element, shape, sizes: null });
    } else if (origin.kind === 'sizes') {
      const key = `sizes ${shapeText(origin.dims)}`;
      once(x, key, (given) => inputs.push({ name: given, element, shape, sizes: origin.dims }));
    } else if (origin.kind === 'weight') {
      initializers.push({ name: name(x, origin.name), element, shape: known(shape), data: origin.file });
    } else {
      const { data } = origin;
      const declare = (given: string): void => {
        initializers.push({ name: given, element, shape: known(shape), data });
      };
      if (data.length > 64) declare(nameOf(x));
      else once(x, `${element} ${shapeText(shape)} ${Buffer.from(data).toString('hex')}`, declare);
    }
  }
  const model = writeOnnx({
    nodes: nodes.reverse(),
    initializers,
    inputs: inputs.map((x) => value(x.name, x.element, x.shape)),
    outputs: outputValues,
    values,
  });
  return { model, inputs, outputs: outputNames };
}

/** The tensor whose numbers these are: ops without a name in ONNX only stand for their first input. */
function standsFor(x: Tensor): Tensor {
  let made = x;
  while (made.origin.kind === 'result' && made.origin.application.op.onnx === null) {
    made = made.origin.application.inputs[0]!;
  }
  return made;
}

const nothing: ReadonlyMap<number, Tensor> = new Map();

/** The same tensors with what `elsewhere` makes of some; by the id of a tensor that was replaced, its replacement. */
function inPlainerOps(asMade: readonly Tensor[]): {
  readonly tensors: readonly Tensor[];
  readonly instead: ReadonlyMap<number, Tensor>;
} {
  const instead = new Map<number, Tensor>();
  const newest = asMade.at(-1)?.id;
  const tensors = asMade.flatMap((x) => {
    if (x.origin.kind !== 'result') return [x];
    const { op, inputs, options, outputs } = x.origin.application;
    if (op.elsewhere === undefined) return [x];
    const plainer = op.elsewhere(inputs, options);
    for (const [i, y] of outputs.entries()) instead.set(y.id, standsFor(plainer[i]!));
    return reachable(plainer, newest);
  });
  return { tensors, instead };
}

/**
 * Everything the outputs need, in order of creation; of an op with several outputs, the first stands for all. What
 * was there before the tensor `after` is left out.
 */
function reachable(outputs: readonly Tensor[], after = -1): Tensor[] {
  const found = new Map<number, Tensor>();
  const open = outputs.map(standsFor);
  for (let x = open.pop(); x !== undefined; x = open.pop()) {
    const main = x.origin.kind === 'result' ? x.origin.application.outputs[0]! : x;
    if (found.has(main.id) || main.id <= after) continue;
    found.set(main.id, main);
    if (main.origin.kind === 'result') open.push(...main.origin.application.inputs.map(standsFor));
  }
  return [...found.values()].sort((a, b) => a.id - b.id);
}

function node({ op, inputs, options, outputs }: Application, nameOf: (x: Tensor) => string): OnnxNode {
  return {
    operator: op.onnx!,
    domain: op.domain ?? '',
    inputs: inputs.map(nameOf),
    outputs: outputs.map(nameOf),
    attributes: op.attributes?.(options, inputs) ?? {},
  };
}

const value = (name: string, element: ElementType, shape: Shape): OnnxValue => ({
  name,
  element,
  shape: shape.map((dim) => (typeof dim === 'number' ? dim : dimText(dim))),
});

function known(shape: Shape): number[] {
  return shape.map((dim) => {
    assert(typeof dim === 'number', `a constant's shape [${shapeText(shape)}] must be known`);
    return dim;
  });
}
