/**
 * Writes ONNX models: just enough protobuf for a graph whose big weights lie in a file beside it.
 *
 * Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, TensorProto, ...). There
 * is no reader: we only run graphs that we built ourselves.
 */

import { ProtobufMessage } from './protobuf.ts';

export type ElementType = 'float32' | 'uint8' | 'int8' | 'int32' | 'int64' | 'bool' | 'float16';

/** A dimension with a name is only known when the graph runs. */
export type OnnxDim = number | string;

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] };

export interface OnnxNode {
  readonly operator: string;
  /** '' is ONNX's own set of operators. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** Where a weight's bytes lie: `location` is a file name relative to the folder that the runtime is told. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface OnnxInitializer {
  readonly name: string;
  readonly element: ElementType;
  readonly shape: readonly number[];
  readonly data: Uint8Array | ExternalData;
}

export interface OnnxValue {
  readonly name: string;
  readonly element: ElementType;
  readonly shape: readonly OnnxDim[];
}

export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** What is known of the values in between. */
  readonly values: readonly OnnxValue[];
}

export const elementCodes: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};
const irVersion = 9;
const opsets: readonly (readonly [domain: string, version: number])[] = [
  ['', 18],
  ['com.microsoft', 1],
];

export function writeOnnx(model: OnnxModel): Uint8Array {
  const out = new ProtobufMessage(2 ** 20);
  out.integer(1, irVersion);
  out.text(2, 'tunesmith');
  out.message(7, (graph) => {
    for (const node of model.nodes) graph.message(1, (message) => writeNode(message, node));
    graph.text(2, 'graph');
    for (const initializer of model.initializers) graph.message(5, (message) => writeInitializer(message, initializer));
    for (const value of model.inputs) graph.message(11, (message) => writeValue(message, value));
    for (const value of model.outputs) graph.message(12, (message) => writeValue(message, value));
    for (const value of model.values) graph.message(13, (message) => writeValue(message, value));
  });
  for (const [domain, version] of opsets) {
    out.message(8, (opset) => {
      opset.text(1, domain);
      opset.integer(2, version);
    });
  }
  return out.finish();
}

function writeNode(out: ProtobufMessage, node: OnnxNode): void {
  for (const name of node.inputs) out.text(1, name);
  for (const name of node.outputs) out.text(2, name);
  out.text(4, node.operator);
  for (const [name, value] of Object.entries(node.attributes)) {
    out.message(5, (attribute) => writeAttribute(attribute, name, value));
  }
  out.text(7, node.domain);
}

function writeAttribute(out: ProtobufMessage, name: string, value: OnnxAttribute): void {
  out.text(1, name);
  if ('float' in value) {
    out.float(2, value.float);
    out.integer(20, 1);
  } else if ('int' in value) {
    out.integer(3, value.int);
    out.integer(20, 2);
  } else if ('text' in value) {
    out.text(4, value.text);
    out.integer(20, 3);
  } else {
    for (const number of value.ints) out.integer(8, number);
    out.integer(20, 7);
  }
}

function writeInitializer(out: ProtobufMessage, { name, element, shape, data }: OnnxInitializer): void {
  for (const size of shape) out.integer(1, size);
  out.integer(2, elementCodes[element]);
  out.text(8, name);
  if (data instanceof Uint8Array) {
    out.bytes(9, data);
    return;
  }
  const entries = { location: data.location, offset: String(data.offset), length: String(data.sizeBytes) };
  for (const [key, value] of Object.entries(entries)) {
    out.message(13, (entry) => {
      entry.text(1, key);
      entry.text(2, value);
    });
  }
  out.integer(14, 1); // data_location: EXTERNAL
}

function writeValue(out: ProtobufMessage, value: OnnxValue): void {
  out.text(1, value.name);
  out.message(2, (type) => {
    type.message(1, (tensor) => {
      tensor.integer(1, elementCodes[value.element]);
      tensor.message(2, (shape) => {
        for (const dim of value.shape) {
          shape.message(1, (dimension) => {
            if (typeof dim === 'string') dimension.text(2, dim);
            else dimension.integer(1, dim);
          });
        }
      });
    });
  });
}
