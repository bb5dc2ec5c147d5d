/**
 * Writes protobuf messages, field by field.
 *
 * Everything goes into one growing array; a message inside another leaves room for its length and fills it in when
 * it ends. There is no reader: what we write, others read.
 */

/** A length that is filled in later takes five bytes: room for 35 bits, seven in each. */
const lengthBytes = 5;

export class ProtobufMessage {
  #bytes: Uint8Array;
  #sizeBytes = 0;

  /** `sizeBytes` is a guess: it grows. */
  constructor(sizeBytes = 256) {
    this.#bytes = new Uint8Array(sizeBytes);
  }

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

  double(field: number, value: number): void {
    this.#varint(field * 8 + 1);
    this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#sizeBytes, value, true);
    this.#sizeBytes += 8;
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

  message(field: number, write: (message: ProtobufMessage) => void): void {
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
