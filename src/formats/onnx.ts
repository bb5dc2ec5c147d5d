/**
 * Writes ONNX models: just enough protobuf for a graph whose big weights lie in a file beside it.
 *
 * Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, TensorProto, ...). Everything goes
 * into one growing array; a message leaves room for its length and fills it in when it ends.
 * There is no reader: we only run graphs that we built ourselves.
 */

export type ElementType = 'float32' | 'uint8' | 'int8' | 'int32' | 'int64' | 'bool';

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

const elementCodes: Record<ElementType, number> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 };
const irVersion = 9;
const opsets: readonly (readonly [domain: string, version: number])[] = [
  ['', 18],
  ['com.microsoft', 1],
];

export function writeOnnx(model: OnnxModel): Uint8Array {
  const out = new Message();
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

function writeNode(out: Message, node: OnnxNode): void {
  for (const name of node.inputs) out.text(1, name);
  for (const name of node.outputs) out.text(2, name);
  out.text(4, node.operator);
  for (const [name, value] of Object.entries(node.attributes)) {
    out.message(5, (attribute) => writeAttribute(attribute, name, value));
  }
  out.text(7, node.domain);
}

function writeAttribute(out: Message, name: string, value: OnnxAttribute): void {
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

function writeInitializer(out: Message, { name, element, shape, data }: OnnxInitializer): void {
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

function writeValue(out: Message, value: OnnxValue): void {
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

/** A length that is filled in later takes five bytes: room for 35 bits, seven in each. */
const lengthBytes = 5;

class Message {
  #bytes: Uint8Array = new Uint8Array(2 ** 20);
  #sizeBytes = 0;

  integer(field: number, value: number): void {
    this.#varint(field * 8);
    this.#varint(value);
  }

  float(field: number, value: number): void {
    this.#varint(field * 8 + 5);
    this.#reserve(4);
    new DataView(this.#bytes.buffer).setFloat32(this.#sizeBytes, value, true);
    this.#sizeBytes += 4;
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#sizeBytes);
    this.#sizeBytes += bytes.length;
  }

  text(field: number, text: string): void {
    this.bytes(field, Buffer.from(text, 'utf8'));
  }

  message(field: number, write: (message: Message) => void): void {
    this.#varint(field * 8 + 2);
    this.#reserve(lengthBytes);
    this.#sizeBytes += lengthBytes;
    const start = this.#sizeBytes;
    write(this);
    let length = this.#sizeBytes - start;
    for (let i = lengthBytes; i > 0; i--) {
      this.#bytes[start - i] = (length % 128) | (i > 1 ? 128 : 0);
      length = Math.floor(length / 128);
    }
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#sizeBytes);
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#sizeBytes + sizeBytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  /** Seven bits a byte, lowest first. Negative numbers are written as their 64-bit two's complement. */
  #varint(value: number): void {
    this.#reserve(10);
    if (value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) this.#bytes[this.#sizeBytes++] = Number(rest & 127n) | 128;
      this.#bytes[this.#sizeBytes++] = Number(rest);
    } else {
      let rest = value;
      for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#sizeBytes++] = (rest % 128) | 128;
      this.#bytes[this.#sizeBytes++] = rest;
    }
  }
}
