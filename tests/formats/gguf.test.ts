import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TunesmithError } from '../../src/domain/errors.ts';
import { openGguf, writeGguf, type GgufTensorSource } from '../../src/formats/gguf.ts';
import { parseHeader } from '../../src/formats/gguf-header.ts';
import { GgufMetadata, ggufValue, type GgufValue } from '../../src/formats/gguf-metadata.ts';
import { tensorTypes, type TensorType } from '../../src/formats/quant.ts';
import { temporaryFolder } from './folder.ts';

/** Made by goldens/make_quant.py with the gguf package. */
const golden = fileURLToPath(new URL('../goldens/small.gguf', import.meta.url));
const goldenBytes = readFileSync(golden);

test("the reference writer's file reads back, shapes row-major", async () => {
  await using file = await openGguf(golden);
  expect(file.metadata.number('small.u32')).toBe(7);
  expect(file.metadata.number('small.i64')).toBe(-(2 ** 40));
  expect(file.metadata.number('small.f32')).toBe(0.5);
  expect(file.metadata.boolean('small.bool')).toBe(true);
  expect(file.metadata.string('small.string')).toBe('grüße 🌲');
  expect(file.metadata.strings('small.strings')).toEqual(['a', '', 'ç']);
  expect(file.metadata.numbers('small.numbers')).toEqual([1, -2, 3]);
  expect(file.tensors.get('matrix')).toMatchObject({ shape: [2, 3], type: 'F32', sizeBytes: 24 });
  expect(await file.read('matrix')).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
  expect(await file.read('half')).toEqual(Float32Array.of(1, -2, 0.25));
  expect((await file.readBytes('half')).length).toBe(6);
});

test('metadata is asked for by type: absent and mistaken values say so', () => {
  const metadata = new GgufMetadata(Object.entries({ size: ggufValue.u32(3), name: ggufValue.string('x') }));
  expect(metadata.number('absent', null)).toBeNull();
  expect(() => metadata.number('absent')).toThrow(/lacks the metadata key "absent"; expected a number/);
  expect(() => metadata.string('size')).toThrow(/"size" is u32; expected a text/);
  expect(() => metadata.strings('name')).toThrow(/"name" is string; expected a list of texts/);
});

const u32 = fc.nat(2 ** 32 - 1);
const float = fc.float({ noNaN: true });
const scalarArbitraries: Record<Exclude<GgufValue['type'], 'array'>, fc.Arbitrary<unknown>> = {
  u8: fc.nat(255),
  i8: fc.integer({ min: -128, max: 127 }),
  u16: fc.nat(65_535),
  i16: fc.integer({ min: -32_768, max: 32_767 }),
  u32,
  i32: fc.integer(),
  f32: float,
  bool: fc.boolean(),
  string: fc.string({ unit: 'binary' }),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  f64: fc.double(),
};
const value = fc.oneof(
  ...Object.entries(scalarArbitraries).flatMap(([type, each]) => [
    each.map((value) => ({ type, value }) as GgufValue),
    fc.array(each).map((value) => ({ type: 'array', of: type, value }) as GgufValue),
  ]),
);
const key = fc.string().filter((key) => key !== 'general.alignment' && key !== 'split.count');
const tensor = fc
  .record({
    name: fc.string({ maxLength: 15, unit: 'binary' }),
    type: fc.constantFrom(...(Object.keys(tensorTypes) as TensorType[])),
    shape: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    seed: fc.nat(255),
  })
  .map(({ name, type, shape, seed }): GgufTensorSource & { data: Uint8Array } => {
    const blocks = shape.reduce((a, b) => a * b, 1);
    const whole = [...shape.slice(0, -1), shape.at(-1)! * tensorTypes[type].values];
    return { name, type, shape: whole, data: new Uint8Array(blocks * tensorTypes[type].bytes).fill(seed) };
  });
const content = fc.record({
  metadata: fc.dictionary(key, value),
  tensors: fc.uniqueArray(tensor, { selector: (tensor) => tensor.name, maxLength: 5 }),
  alignment: fc.constantFrom(null, 1, 8, 64),
});

test('what was written reads back the same, whatever it is', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('any.gguf');
  await fc.assert(
    fc.asyncProperty(content, async ({ metadata, tensors, alignment }) => {
      const entries = Object.entries(metadata);
      if (alignment !== null) entries.push(['general.alignment', ggufValue.u32(alignment)]);
      await writeGguf(path, { metadata: new GgufMetadata(entries), tensors });
      await using file = await openGguf(path);
      expect([...file.metadata.entries()]).toEqual(entries);
      expect([...file.tensors.keys()]).toEqual(tensors.map((tensor) => tensor.name));
      for (const { name, type, shape, data } of tensors) {
        const found = file.tensors.get(name)!;
        expect({ ...found, offset: found.offset % (alignment ?? 32) }).toEqual({
          name,
          type,
          shape,
          offset: 0,
          sizeBytes: data.length,
        });
        expect(Buffer.compare(await file.readBytes(name), data)).toBe(0);
      }
    }),
    { numRuns: 150 },
  );
});

test('tensors may be written in pieces as they are made', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('pieces.gguf');
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 4; i++) yield new Uint8Array(Float32Array.of(i).buffer);
  }
  const metadata = new GgufMetadata([]);
  await writeGguf(path, { metadata, tensors: [{ name: 'x', shape: [4], type: 'F32', data: pieces }] });
  await using file = await openGguf(path);
  expect(await file.read('x')).toEqual(Float32Array.of(0, 1, 2, 3));
});

test('a large quantised tensor reads the same in pieces', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('large.gguf');
  const blocks = 2 ** 18; // 9 MB of Q8_0, more than two pieces
  const data = new Uint8Array(blocks * 34);
  for (let block = 0; block < blocks; block++) {
    data[34 * block + 1] = 0x3c; // the scale is 1
    data[34 * block + 2] = block % 128;
  }
  await writeGguf(path, {
    metadata: new GgufMetadata([]),
    tensors: [{ name: 'x', shape: [blocks, 32], type: 'Q8_0', data }],
  });
  await using file = await openGguf(path);
  const values = await file.read('x');
  expect(values.length).toBe(32 * blocks);
  expect(values.every((value, i) => value === (i % 32 === 0 ? (i / 32) % 128 : 0))).toBe(true);
});

test('a failed write leaves the old file and nothing else', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('model.gguf');
  await writeFile(path, 'old');
  const short: GgufTensorSource = { name: 'x', shape: [4], type: 'F32', data: new Uint8Array(15) };
  await expect(writeGguf(path, { metadata: new GgufMetadata([]), tensors: [short] })).rejects.toThrow(
    'x: got 15 bytes; [4] of F32 is 16.',
  );
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder.path)).toEqual(['model.gguf']);
});

describe('files from strangers', () => {
  const sizeless = { metadata: new GgufMetadata([]), tensors: [] as GgufTensorSource[] };

  async function refusal(bytes: Uint8Array): Promise<string> {
    await using folder = await temporaryFolder();
    const path = folder.file('hostile.gguf');
    await writeFile(path, bytes);
    const error = await openGguf(path).then(
      () => null,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(TunesmithError);
    expect(error).toMatchObject({ kind: 'invalid', code: 'model_unreadable' });
    return (error as Error).message.replace(path, 'FILE');
  }

  async function written(content: Parameters<typeof writeGguf>[1]): Promise<Buffer> {
    await using folder = await temporaryFolder();
    await writeGguf(folder.file('x.gguf'), content);
    return await readFile(folder.file('x.gguf'));
  }

  test('an empty file, another format and an old version are named', async () => {
    expect(await refusal(new Uint8Array())).toBe('FILE: truncated: the magic needs 4 bytes at 0, the file ends at 0.');
    expect(await refusal(Buffer.from('PK\u0003\u0004 is a zip file'))).toMatch('not a GGUF file: it starts with "PK');
    const old = Buffer.from(goldenBytes);
    old.writeUInt32LE(1, 4);
    expect(await refusal(old)).toBe('FILE: GGUF version 1; expected 2 or 3.');
  });

  test('a file cut anywhere says that it is truncated and what is missing', async () => {
    for (let length = 4; length < goldenBytes.length - 26; length += 7) {
      expect(await refusal(goldenBytes.subarray(0, length))).toMatch(/truncated|can hold/);
    }
    expect(await refusal(goldenBytes.subarray(0, goldenBytes.length - 27))).toMatch(/tensor "half" needs bytes/);
  });

  test('a count or length that the file cannot hold is refused before anything is allocated', async () => {
    const counts = Buffer.from(goldenBytes);
    counts.writeBigUInt64LE(2n ** 60n, 8);
    expect(await refusal(counts)).toMatch(/the number of tensors is 1152921504606847000, more than a file of/);
    const list: GgufValue = { type: 'array', of: 'u8', value: [1, 2, 3] };
    const bytes = await written({ ...sizeless, metadata: new GgufMetadata([['k', list]]) });
    bytes.writeBigUInt64LE(2n ** 40n, 24 + 9 + 8);
    expect(await refusal(bytes)).toMatch(/the length of metadata value "k" is 1099511627776/);
  });

  test('lists of lists, unknown types and repeated keys are refused', async () => {
    const one = await written({ ...sizeless, metadata: new GgufMetadata([['k', ggufValue.strings(['v'])]]) });
    const lists = Buffer.from(one);
    lists.writeUInt32LE(9, 24 + 9 + 4);
    expect(await refusal(lists)).toMatch(/"k" is a list of lists/);
    const unknown = Buffer.from(one);
    unknown.writeUInt32LE(77, 24 + 9);
    expect(await refusal(unknown)).toMatch(/"k" has the unknown type 77/);
    const two = await written({
      ...sizeless,
      metadata: new GgufMetadata([
        ['ka', ggufValue.u32(1)],
        ['kb', ggufValue.u32(2)],
      ]),
    });
    two.write('a', two.indexOf('kb') + 1);
    expect(await refusal(two)).toMatch(/metadata key "ka" appears twice/);
  });

  test('tensors with impossible shapes, types, names or places are refused', async () => {
    const data = new Uint8Array(4);
    const tensors = ['ta', 'tb'].map((name): GgufTensorSource => ({ name, shape: [1], type: 'F32', data }));
    const bytes = await written({ ...sizeless, tensors });
    const entry = bytes.indexOf('ta') + 2; // rank, size, type, offset
    const patched = async (change: (bytes: Buffer) => void): Promise<string> => {
      const copy = Buffer.from(bytes);
      change(copy);
      return await refusal(copy);
    };
    expect(await patched((b) => b.writeUInt32LE(5, entry))).toMatch(/"ta" has 5 dimensions; expected 1 to 4/);
    expect(await patched((b) => b.writeBigUInt64LE(0n, entry + 4))).toMatch(/"ta" has the shape \[0\]/);
    expect(await patched((b) => b.writeBigUInt64LE(2n ** 62n, entry + 4))).toMatch(/"ta" has the shape/);
    expect(await patched((b) => b.writeUInt32LE(99, entry + 12))).toMatch(/"ta" has the unknown type 99; expected one/);
    expect(await patched((b) => b.writeUInt32LE(8, entry + 12))).toMatch(
      /rows of 1 values; Q8_0 needs multiples of 32/,
    );
    expect(await patched((b) => b.writeBigUInt64LE(4n, entry + 16))).toMatch(/"ta" starts at 4, not a multiple of 32/);
    expect(await patched((b) => b.writeBigUInt64LE(3200n, entry + 16))).toMatch(/truncated: tensor "ta" needs bytes/);
    expect(await patched((b) => b.write('a', b.indexOf('tb') + 1))).toMatch(/two tensors are called "ta"/);
  });

  test('parts of a split model and a crooked alignment are refused', async () => {
    const split = await written({ ...sizeless, metadata: new GgufMetadata([['split.count', ggufValue.u32(3)]]) });
    expect(await refusal(split)).toMatch(/one of the 3 parts of a split model/);
    const crooked = { ...sizeless, metadata: new GgufMetadata([['general.alignment', ggufValue.u32(48)]]) };
    expect(await refusal(await written(crooked))).toMatch(/general.alignment is 48; expected a power of two/);
  });

  test('random damage is refused or read, never worse', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(goldenBytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(goldenBytes.length),
        (flips, length) => {
          const bytes = Buffer.from(goldenBytes);
          for (const [at, byte] of flips) bytes[at] = byte;
          const cut = bytes.subarray(0, Math.max(length, 64));
          try {
            expect(parseHeader(cut, cut.length, 'FILE')).not.toBe('longer');
          } catch (error) {
            expect(error).toBeInstanceOf(TunesmithError);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('a header longer than the bytes at hand asks for more, at every length', () => {
    const whole = parseHeader(goldenBytes, goldenBytes.length, 'FILE');
    for (let length = 0; length < goldenBytes.length; length++) {
      const header = parseHeader(goldenBytes.subarray(0, length), goldenBytes.length, 'FILE');
      if (header !== 'longer') expect(header).toEqual(whole);
    }
    expect(parseHeader(goldenBytes.subarray(0, 100), goldenBytes.length, 'FILE')).toBe('longer');
  });
});
