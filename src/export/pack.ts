/**
 * Floats in the types that exports have: f32, f16 (to the nearest, ties to even) and q8_0.
 *
 * A q8_0 block is 32 values of a row: d = max|x| / 127 in half precision, then the values over d as whole numbers.
 */

import assert from 'node:assert';
import { invalid } from '../domain/errors.ts';
import { halvesOf } from '../formats/half.ts';

export const exportTypes = ['f32', 'f16', 'q8_0'] as const;
export type ExportType = (typeof exportTypes)[number];

export const bytesOf = (values: Float32Array | Uint16Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Half precision; `name` is the tensor's, for the message about a value that is too large for it. */
export function toHalf(values: Float32Array, name: string): Uint16Array {
  const halves = halvesOf(values);
  const lost = halves.findIndex((half, i) => (half & 0x7c00) === 0x7c00 && Number.isFinite(values[i]));
  if (lost >= 0)
    throw invalid(
      'type',
      `The tensor "${name}" holds ${values[lost]}, more than half precision can; export as f32.`,
      'weight_too_large',
    );
  return halves;
}

/** Rows must be whole blocks of 32. */
export function toQ8(values: Float32Array, name: string): Uint8Array {
  assert(values.length % 32 === 0, `${name}: ${values.length} values are not whole blocks of 32`);
  const blocks = values.length / 32;
  const scales = new Float32Array(blocks);
  for (let block = 0, at = 0; block < blocks; block++) {
    let largest = 0;
    for (const end = at + 32; at < end; at++) largest = Math.max(largest, Math.abs(values[at]!));
    scales[block] = largest / 127;
  }
  const halves = toHalf(scales, name);
  const bytes = new Uint8Array(blocks * 34);
  for (let block = 0, to = 0, at = 0; block < blocks; block++) {
    bytes[to++] = halves[block]! & 255;
    bytes[to++] = halves[block]! >> 8;
    const inverse = scales[block] === 0 ? 0 : Math.fround(1 / scales[block]!);
    for (const end = at + 32; at < end; at++) {
      const scaled = values[at]! * inverse;
      bytes[to++] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
    }
  }
  return bytes;
}
