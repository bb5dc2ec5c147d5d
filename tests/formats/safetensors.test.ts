import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TunesmithError } from '../../src/domain/errors.ts';
import { floats, readSafetensors, writeSafetensors, type SafeTensor } from '../../src/formats/safetensors.ts';
import { temporaryFolder } from './folder.ts';

/** Made by goldens/make_quant.py with the safetensors package. */
const golden = fileURLToPath(new URL('../goldens/small.safetensors', import.meta.url));
const goldenBytes = readFileSync(golden);

test("the reference writer's file reads back", async () => {
  const { tensors, metadata } = await readSafetensors(golden);
  expect(metadata).toEqual({ format: 'pt' });
  expect(tensors.get('a.weight')).toEqual({ dtype: 'F32', shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
  expect(tensors.get('step')).toEqual({ dtype: 'I64', shape: [], data: BigInt64Array.of(41n) });
  expect(tensors.get('empty')).toEqual({ dtype: 'F32', shape: [0, 4], data: new Float32Array() });
  expect(floats(tensors.get('b')!)).toEqual(Float32Array.of(1, -2, 0.25));
  expect(() => floats(tensors.get('step')!)).toThrow('Expected a tensor of floats, found one of I64.');
});

test('our file is, byte for byte, what the reference writer makes of the same tensors', async () => {
  await using folder = await temporaryFolder();
  const { tensors, metadata } = await readSafetensors(golden);
  await writeSafetensors(folder.file('copy.safetensors'), tensors, metadata);
  expect(await readFile(folder.file('copy.safetensors'))).toEqual(goldenBytes);
});

const shape = fc.array(fc.nat(4), { maxLength: 3 });
const tensor: fc.Arbitrary<SafeTensor> = fc
  .tuple(shape, fc.constantFrom('F32', 'BF16', 'F16', 'I64', 'I32', 'U8', 'BOOL', 'F64'), fc.nat(100))
  .map(([shape, dtype, seed]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const numbers = Array.from({ length: count }, (_, i) => (seed + i) % 128);
    if (dtype === 'F32') return { dtype, shape, data: Float32Array.from(numbers, (x) => x / 3) };
    if (dtype === 'F64') return { dtype, shape, data: Float64Array.from(numbers, (x) => x / 3) };
    if (dtype === 'I64') return { dtype, shape, data: BigInt64Array.from(numbers, (x) => BigInt(-x)) };
    if (dtype === 'I32') return { dtype, shape, data: Int32Array.from(numbers, (x) => -x) };
    if (dtype === 'U8' || dtype === 'BOOL') return { dtype, shape, data: Uint8Array.from(numbers) };
    return { dtype, shape, data: Uint16Array.from(numbers) };
  });

test('what was written reads back the same, whatever it is', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('any.safetensors');
  const name = fc.string().filter((name) => name !== '__metadata__');
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(name, tensor),
      fc.dictionary(fc.string(), fc.string()),
      async (tensors, metadata) => {
        await writeSafetensors(path, new Map(Object.entries(tensors)), metadata);
        const read = await readSafetensors(path);
        expect(Object.fromEntries(read.tensors)).toEqual(Object.fromEntries(Object.entries(tensors)));
        expect(Object.entries(read.metadata)).toEqual(expect.arrayContaining(Object.entries(metadata)));
      },
    ),
    { numRuns: 150 },
  );
  expect(await readdir(folder.path)).toEqual(['any.safetensors']);
});

test('bfloat16 values are the upper halves of floats', () => {
  const tensor: SafeTensor = { dtype: 'BF16', shape: [3], data: Uint16Array.of(0x3f80, 0xc000, 0x7f80) };
  expect(floats(tensor)).toEqual(Float32Array.of(1, -2, Infinity));
});

async function refusal(bytes: Uint8Array): Promise<string> {
  await using folder = await temporaryFolder();
  const path = folder.file('hostile.safetensors');
  await writeFile(path, bytes);
  const error = await readSafetensors(path).then(
    () => null,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(TunesmithError);
  expect(error).toMatchObject({ kind: 'invalid', code: 'model_unreadable' });
  return (error as Error).message.replace(path, 'FILE');
}

function file(header: unknown, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

test('a torn file names what is missing', async () => {
  expect(await refusal(Buffer.alloc(3))).toMatch(/truncated: it has 3 bytes/);
  expect(await refusal(goldenBytes.subarray(0, 100))).toMatch(
    /truncated: the header needs \d+ bytes, the file has 100/,
  );
  expect(await refusal(goldenBytes.subarray(0, -1))).toMatch(/truncated: the tensors need 38 bytes, it has 37/);
});

test.each<[string, Buffer, RegExp]>([
  ['a header length beyond reason', Buffer.alloc(64, 255), /its header would have/],
  ['a header that is not JSON', file('{"a": ', 0), /header is not JSON/],
  ['a header that is a list', file([], 0), /header is not a JSON object/],
  ['metadata that is not text', file({ __metadata__: { a: 1 } }, 0), /__metadata__ is not an object of texts/],
  ['a tensor that is no object', file({ a: 5 }, 0), /"a" is not described by an object/],
  ['an unknown dtype', file({ a: { dtype: 'F8', shape: [], data_offsets: [0, 1] } }, 1), /dtype "F8"; expected one of/],
  ['a dtype from the prototype', file({ a: { dtype: 'toString', shape: [] } }, 0), /dtype "toString"/],
  ['a negative size', file({ a: { dtype: 'U8', shape: [-1], data_offsets: [0, 1] } }, 1), /shape \[-1\]/],
  ['offsets in reverse', file({ a: { dtype: 'U8', shape: [1], data_offsets: [1, 0] } }, 1), /data_offsets \[1,0\]/],
  [
    'a size that does not match its shape',
    file({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, 4),
    /"a" has 4 bytes; \[2\] of F32 needs 8/,
  ],
  [
    'a shape whose product overflows',
    file({ a: { dtype: 'U8', shape: [2 ** 52, 2 ** 52], data_offsets: [0, 4] } }, 4),
    /needs 2.028/,
  ],
  ['a gap', file({ a: { dtype: 'U8', shape: [1], data_offsets: [1, 2] } }, 2), /"a" starts at 1; expected 0/],
  [
    'an overlap',
    file(
      {
        a: { dtype: 'U8', shape: [2], data_offsets: [0, 2] },
        b: { dtype: 'U8', shape: [2], data_offsets: [1, 3] },
      },
      3,
    ),
    /"b" starts at 1; expected 2/,
  ],
  ['bytes that belong to nobody', file({}, 5), /5 bytes at its end belong to no tensor/],
])('%s is refused', async (_, bytes, message) => {
  expect(await refusal(bytes)).toMatch(message);
});

test('random damage is refused or read, never worse', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('damaged.safetensors');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(goldenBytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(goldenBytes.length),
      async (flips, length) => {
        const bytes = Buffer.from(goldenBytes);
        for (const [at, byte] of flips) bytes[at] = byte;
        await writeFile(path, length % 2 === 0 ? bytes : bytes.subarray(0, length));
        await readSafetensors(path).catch((error: unknown) => {
          expect(error).toBeInstanceOf(TunesmithError);
        });
      },
    ),
    { numRuns: 400 },
  );
});
