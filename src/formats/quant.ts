/**
 * How numbers are stored inside a model file, and how they become floats again.
 *
 * ggml keeps weights in blocks: a few half-precision scales, then small integers. Within a block, `d` is the
 * scale, `m` a minimum, and a byte of `qs` holds two 4-bit values: the low nibble belongs to the first half of
 * the block, the high nibble to the second. All products below are exact in f32 (at most 24 significant bits)
 * and every value is rounded once, so the results equal ggml's bit for bit.
 *
 *   Q8_0   d qs[32]                 d·q                    32 values in 34 bytes
 *   Q4_0   d qs[16]                 d·(q - 8)              32 in 18
 *   Q4_1   d m qs[16]               d·q + m                32 in 20
 *   Q5_0   d qh[4] qs[16]           d·(q5 - 16)            32 in 22, qh holds the fifth bits
 *   Q5_1   d m qh[4] qs[16]         d·q5 + m               32 in 24
 *   Q4_K   d dmin sc[12] qs[128]    d·S·q - dmin·M        256 in 144, eight groups of 32 with 6-bit S and M
 *   Q5_K   d dmin sc[12] qh[32] qs[128]                   256 in 176
 *   Q6_K   ql[128] qh[64] sc[16] d  d·S·(q6 - 32)         256 in 210, sixteen groups of 16 with 8-bit S
 */

import assert from 'node:assert';
import { TunesmithError } from '../domain/errors.ts';

/** ggml's number for a type, the values in one of its blocks, and the block's bytes. */
interface BlockLayout {
  readonly id: number;
  readonly values: number;
  readonly bytes: number;
}

export const tensorTypes = {
  F32: { id: 0, values: 1, bytes: 4 },
  F16: { id: 1, values: 1, bytes: 2 },
  Q4_0: { id: 2, values: 32, bytes: 18 },
  Q4_1: { id: 3, values: 32, bytes: 20 },
  Q5_0: { id: 6, values: 32, bytes: 22 },
  Q5_1: { id: 7, values: 32, bytes: 24 },
  Q8_0: { id: 8, values: 32, bytes: 34 },
  Q2_K: { id: 10, values: 256, bytes: 84 },
  Q3_K: { id: 11, values: 256, bytes: 110 },
  Q4_K: { id: 12, values: 256, bytes: 144 },
  Q5_K: { id: 13, values: 256, bytes: 176 },
  Q6_K: { id: 14, values: 256, bytes: 210 },
  I32: { id: 26, values: 1, bytes: 4 },
  BF16: { id: 30, values: 1, bytes: 2 },
} as const satisfies Record<string, BlockLayout>;

export type TensorType = keyof typeof tensorTypes;

/** Turns the first `count` values of `bytes` into floats. `count` is a whole number of blocks. */
export function dequantise(
  type: TensorType,
  bytes: Uint8Array,
  count: number,
  into: Float32Array = new Float32Array(count),
): Float32Array {
  const read = readers[type];
  if (read === undefined) {
    const readable = Object.keys(readers).join(', ');
    throw new TunesmithError('invalid', `Weights of type ${type} cannot be read; expected one of ${readable}.`, {
      code: 'model_unreadable',
    });
  }
  const layout = tensorTypes[type];
  const blocks = count / layout.values;
  assert(Number.isInteger(blocks), `${type}: ${count} values are not whole blocks of ${layout.values}`);
  assert(bytes.length >= blocks * layout.bytes, `${type}: ${count} values need more than ${bytes.length} bytes`);
  assert(into.length >= count, `${type}: ${count} values do not fit into ${into.length}`);
  read(bytes, into, blocks);
  return into;
}

/** Half precision has only 65 536 values, so a table is the fastest way to read them. */
export const halfToFloat: Float32Array = Float32Array.from({ length: 65_536 }, (_, half) => {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
});

type BlockReader = (bytes: Uint8Array, into: Float32Array, blocks: number) => void;

const readers: Partial<Record<TensorType, BlockReader>> = {
  F32(bytes, into, count) {
    new Uint8Array(into.buffer, into.byteOffset, 4 * count).set(bytes.subarray(0, 4 * count));
  },

  F16(bytes, into, count) {
    for (let i = 0; i < count; i++) into[i] = half(bytes, 2 * i);
  },

  BF16(bytes, into, count) {
    const bits = new Uint32Array(into.buffer, into.byteOffset, count);
    for (let i = 0; i < count; i++) bits[i] = (bytes[2 * i]! << 16) | (bytes[2 * i + 1]! << 24);
  },

  Q8_0(bytes, into, blocks) {
    for (let block = 0, at = 0, y = 0; block < blocks; block++, at += 34, y += 32) {
      const d = half(bytes, at);
      for (let i = 0; i < 32; i++) into[y + i] = d * signed(bytes[at + 2 + i]!);
    }
  },

  Q4_0(bytes, into, blocks) {
    for (let block = 0, at = 0, y = 0; block < blocks; block++, at += 18, y += 32) {
      const d = half(bytes, at);
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 2 + i]!;
        into[y + i] = d * ((q & 15) - 8);
        into[y + i + 16] = d * ((q >> 4) - 8);
      }
    }
  },

  Q4_1(bytes, into, blocks) {
    for (let block = 0, at = 0, y = 0; block < blocks; block++, at += 20, y += 32) {
      const d = half(bytes, at);
      const m = half(bytes, at + 2);
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 4 + i]!;
        into[y + i] = d * (q & 15) + m;
        into[y + i + 16] = d * (q >> 4) + m;
      }
    }
  },

  Q5_0(bytes, into, blocks) {
    for (let block = 0, at = 0, y = 0; block < blocks; block++, at += 22, y += 32) {
      const d = half(bytes, at);
      const fifth = word(bytes, at + 2);
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 6 + i]!;
        into[y + i] = d * (((q & 15) | (((fifth >>> i) & 1) << 4)) - 16);
        into[y + i + 16] = d * (((q >> 4) | (((fifth >>> (i + 16)) & 1) << 4)) - 16);
      }
    }
  },

  Q5_1(bytes, into, blocks) {
    for (let block = 0, at = 0, y = 0; block < blocks; block++, at += 24, y += 32) {
      const d = half(bytes, at);
      const m = half(bytes, at + 2);
      const fifth = word(bytes, at + 4);
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 8 + i]!;
        into[y + i] = d * ((q & 15) | (((fifth >>> i) & 1) << 4)) + m;
        into[y + i + 16] = d * ((q >> 4) | (((fifth >>> (i + 16)) & 1) << 4)) + m;
      }
    }
  },

  Q4_K(bytes, into, blocks) {
    for (let block = 0, at = 0, y = 0; block < blocks; block++, at += 144, y += 256) {
      const d = half(bytes, at);
      const dmin = half(bytes, at + 2);
      for (let group = 0; group < 8; group++) {
        const scale = d * groupScale(bytes, at + 4, group);
        const minimum = dmin * groupMinimum(bytes, at + 4, group);
        const qs = at + 16 + 32 * (group >> 1);
        const shift = 4 * (group & 1);
        for (let i = 0; i < 32; i++) into[y + 32 * group + i] = scale * ((bytes[qs + i]! >> shift) & 15) - minimum;
      }
    }
  },

  Q5_K(bytes, into, blocks) {
    for (let block = 0, at = 0, y = 0; block < blocks; block++, at += 176, y += 256) {
      const d = half(bytes, at);
      const dmin = half(bytes, at + 2);
      for (let group = 0; group < 8; group++) {
        const scale = d * groupScale(bytes, at + 4, group);
        const minimum = dmin * groupMinimum(bytes, at + 4, group);
        const qs = at + 48 + 32 * (group >> 1);
        const shift = 4 * (group & 1);
        for (let i = 0; i < 32; i++) {
          const q = ((bytes[qs + i]! >> shift) & 15) | (((bytes[at + 16 + i]! >> group) & 1) << 4);
          into[y + 32 * group + i] = scale * q - minimum;
        }
      }
    }
  },

  Q6_K(bytes, into, blocks) {
    for (let block = 0, at = 0, y = 0; block < blocks; block++, at += 210, y += 256) {
      const d = half(bytes, at + 208);
      for (let side = 0; side < 2; side++) {
        const ql = at + 64 * side;
        const qh = at + 128 + 32 * side;
        for (let i = 0; i < 32; i++) {
          const sc = at + 192 + 8 * side + (i >> 4);
          const a = bytes[ql + i]!;
          const b = bytes[ql + 32 + i]!;
          const high = bytes[qh + i]!;
          const to = y + 128 * side + i;
          into[to] = d * signed(bytes[sc]!) * (((a & 15) | ((high & 3) << 4)) - 32);
          into[to + 32] = d * signed(bytes[sc + 2]!) * (((b & 15) | (((high >> 2) & 3) << 4)) - 32);
          into[to + 64] = d * signed(bytes[sc + 4]!) * (((a >> 4) | (((high >> 4) & 3) << 4)) - 32);
          into[to + 96] = d * signed(bytes[sc + 6]!) * (((b >> 4) | ((high >> 6) << 4)) - 32);
        }
      }
    }
  },
};

const half = (bytes: Uint8Array, at: number): number => halfToFloat[bytes[at]! | (bytes[at + 1]! << 8)]!;
const signed = (byte: number): number => (byte << 24) >> 24;
const word = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

/** The 12 bytes `sc` of a K block pack eight 6-bit scales and eight 6-bit minima; groups 4 to 7 lend their top bits from the first eight bytes. */
function groupScale(bytes: Uint8Array, sc: number, group: number): number {
  if (group < 4) return bytes[sc + group]! & 63;
  return (bytes[sc + group + 4]! & 15) | ((bytes[sc + group - 4]! >> 6) << 4);
}

function groupMinimum(bytes: Uint8Array, sc: number, group: number): number {
  if (group < 4) return bytes[sc + group + 4]! & 63;
  return (bytes[sc + group + 4]! >> 4) | ((bytes[sc + group]! >> 6) << 4);
}
