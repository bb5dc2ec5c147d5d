import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { dequantise, halfToFloat, tensorTypes, type TensorType } from '../../src/formats/quant.ts';

/** Made by goldens/make_quant.py with the gguf package. */
const goldens = JSON.parse(readFileSync(new URL('../goldens/quant.json', import.meta.url), 'utf8')) as Record<
  TensorType,
  { bytes: string; values: string }
>;

test.each(Object.entries(goldens))('%s blocks have the values that ggml gives them, bit for bit', (name, golden) => {
  const type = name as TensorType;
  const bytes = new Uint8Array(Buffer.from(golden.bytes, 'base64'));
  const expected = new Float32Array(Uint8Array.from(Buffer.from(golden.values, 'base64')).buffer);
  expect(expected.length).toBe((bytes.length / tensorTypes[type].bytes) * tensorTypes[type].values);
  expect(dequantise(type, bytes, expected.length)).toEqual(expected);
});

test('every type that the engine promises has a golden', () => {
  expect(Object.keys(goldens).sort()).toEqual(
    ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K'].sort(),
  );
});

test('a type without reader is refused by name, with the types that could be read', () => {
  expect(() => dequantise('Q2_K', new Uint8Array(84), 256)).toThrow(/Q2_K.*expected one of.*Q4_K/);
});

test('a count that is not whole blocks, or too few bytes, is our own mistake', () => {
  expect(() => dequantise('Q8_0', new Uint8Array(34), 31)).toThrow(/whole blocks of 32/);
  expect(() => dequantise('Q8_0', new Uint8Array(33), 32)).toThrow(/more than 33 bytes/);
});

test('half precision knows its special values', () => {
  expect(halfToFloat[0x7c00]).toBe(Infinity);
  expect(halfToFloat[0xfc00]).toBe(-Infinity);
  expect(halfToFloat[0x7e00]).toBeNaN();
  expect(halfToFloat[0x8000]).toBe(-0);
  expect(halfToFloat[0x0001]).toBe(2 ** -24);
  expect(halfToFloat[0x7bff]).toBe(65_504);
});
