import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assertGguf, assertGgufName } from '../../src/models/format.ts';
import { findLocalModel } from '../../src/models/sources/local.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'format-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, bytes: Buffer): Promise<string> {
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
}

const safetensors = Buffer.concat([Buffer.from([20, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"__metadata__":{}}')]);

test.each([
  ['model.bin', 'PK\x03\x04 and more', /ZIP archive, as PyTorch writes checkpoints \(pickle files can run code/],
  ['model.gguf', '\x80\x04\x95 a pickle in disguise', /is a Python pickle \(pickle files can run code/],
  ['model.pt', 'something unknown', /is a PyTorch checkpoint, a Python pickle/],
  ['model.ckpt', 'something unknown', /is a checkpoint, a Python pickle/],
  ['model.h5', '\x89HDF\r\n\x1a\n', /is an HDF5 file/],
  ['model.onnx', '\x08\x07\x12\x07pytorch', /is an ONNX graph/],
  ['model.gguf', 'version https://git-lfs.github.com/spec/v1', /is a Git LFS pointer.*git lfs pull/],
  ['model.gguf', '<!DOCTYPE html><html>', /is a web page/],
  ['model.gguf', 'tjgg older', /is a GGML file, the format before GGUF/],
  ['model.gguf', 'abcdefgh', /begins with the bytes 6162636465666768/],
  ['model.gguf', '', /is an empty file/],
])('%s holding %j is refused by name', async (name, content, message) => {
  const path = await file(name, Buffer.from(content, 'latin1'));
  await expect(assertGguf(path)).rejects.toThrow(message);
  await expect(assertGguf(path)).rejects.toMatchObject({ kind: 'invalid', code: 'unsupported_model_format' });
});

test('a GGUF is one whatever it is called', async () => {
  await expect(assertGguf(await file('weights.bin', Buffer.from('GGUF\x03\0\0\0')))).resolves.toBeUndefined();
});

test('weights of a checkpoint alone are told apart from a model', async () => {
  await expect(assertGguf(await file('model.safetensors', safetensors))).rejects.toThrow(
    /is a part of a safetensors checkpoint.*config.json and tokenizer.json/,
  );
});

test.each(['a.bin', 'a.pt', 'a.pth', 'a.ckpt', 'a.onnx', 'a.pkl', 'a.h5', 'a.zip', 'a.safetensors', 'a.txt', 'a'])(
  '%s is refused before it is downloaded',
  (name) => {
    expect(() => assertGgufName(name)).toThrow();
  },
);

test('a folder stands for the one model in it', async () => {
  await file('README.md', Buffer.from('# hello'));
  const path = await file('model.gguf', Buffer.from('GGUF\x03\0\0\0'));
  expect(await findLocalModel(folder)).toEqual({ kind: 'gguf', path });
  await file('other.gguf', Buffer.from('GGUF\x03\0\0\0'));
  await expect(findLocalModel(folder)).rejects.toThrow(/holds 2 GGUF files \(model.gguf, other.gguf\); name one/);
});

test('a folder without a GGUF says what it holds instead', async () => {
  const within = (name: string) => mkdir(join(folder, name)).then(() => join(folder, name));
  const empty = await within('empty');
  await expect(findLocalModel(empty)).rejects.toThrow(/holds no model: 0 files/);
  const checkpoint = await within('checkpoint');
  await writeFile(join(checkpoint, 'model-00001-of-00002.safetensors'), safetensors);
  await expect(findLocalModel(checkpoint)).rejects.toThrow(/no config.json that says what they are/);
  await writeFile(join(checkpoint, 'config.json'), '{}');
  expect(await findLocalModel(checkpoint)).toEqual({ kind: 'checkpoint', path: checkpoint });
  const pickled = await within('pickled');
  await writeFile(join(pickled, 'pytorch_model.bin'), 'x');
  await expect(findLocalModel(pickled)).rejects.toThrow(/pytorch_model.bin is a PyTorch checkpoint, a Python pickle/);
});

test('a path to nothing is answered as such', async () => {
  await expect(findLocalModel(join(folder, 'nothing.gguf'))).rejects.toMatchObject({
    kind: 'not_found',
    message: expect.stringContaining('ENOENT') as string,
  });
});
