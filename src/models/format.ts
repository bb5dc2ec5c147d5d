/**
 * Which files we take as models. The first bytes decide; the name only helps to say what was found.
 *
 * Formats that can carry code are refused whatever they promise: loading a pickle runs what its author wrote.
 */

import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { invalid, type TunesmithError } from '../domain/errors.ts';

const expected = 'Expected a GGUF file.';
const pickle = 'a Python pickle (pickle files can run code when loaded)';

const byExtension: Readonly<Record<string, string>> = {
  '.bin': `a PyTorch checkpoint, ${pickle}`,
  '.pt': `a PyTorch checkpoint, ${pickle}`,
  '.pth': `a PyTorch checkpoint, ${pickle}`,
  '.ckpt': `a checkpoint, ${pickle}`,
  '.pkl': pickle,
  '.pickle': pickle,
  '.joblib': pickle,
  '.npy': 'a NumPy array, which may hold a Python pickle',
  '.npz': 'a NumPy archive, which may hold Python pickles',
  '.h5': 'a Keras/HDF5 model, which may hold Python code',
  '.keras': 'a Keras model, which may hold Python code',
  '.pb': 'a TensorFlow graph',
  '.tflite': 'a TensorFlow Lite model',
  '.onnx': 'an ONNX graph (only graphs that we build ourselves are run)',
  '.mlmodel': 'a Core ML model',
  '.ggml': 'a GGML file, the format before GGUF',
  '.zip': 'a ZIP archive',
  '.whl': 'a Python wheel',
  '.tar': 'an archive',
  '.gz': 'an archive',
  '.7z': 'an archive',
};

interface Signature {
  readonly what: string;
  matches(head: Buffer): boolean;
}

const starts = (what: string, ...prefixes: string[]): Signature => ({
  what,
  matches: (head) => prefixes.some((prefix) => head.subarray(0, prefix.length).equals(Buffer.from(prefix, 'latin1'))),
});

const signatures: readonly Signature[] = [
  starts('a ZIP archive, as PyTorch writes checkpoints (pickle files can run code when loaded)', 'PK\x03\x04'),
  { what: pickle, matches: (head) => head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5 },
  starts('an HDF5 file', '\x89HDF'),
  starts('a NumPy array', '\x93NUMPY'),
  starts('a GGML file, the format before GGUF', 'lmgg', 'fmgg', 'tjgg', 'algg'),
  starts('a Git LFS pointer, not the model itself (run `git lfs pull`)', 'version https://git-lfs'),
  starts('a web page, not a model', '<!DOCTYPE', '<!doctype', '<html'),
  starts('a compressed archive', '\x1f\x8b', '7z\xbc\xaf', '\xfd7zXZ', 'BZh', '\x28\xb5\x2f\xfd'),
];

const isSafetensors = (head: Buffer): boolean =>
  head.length >= 9 && head.readBigUInt64LE(0) < 1n << 32n && head[8] === 0x7b;

/** Throws unless the file at `path` begins as a GGUF does. */
export async function assertGguf(path: string): Promise<void> {
  await using file = await open(path, 'r');
  const buffer = Buffer.alloc(32);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  const head = buffer.subarray(0, bytesRead);
  if (head.subarray(0, 4).equals(Buffer.from('GGUF'))) return;
  if (bytesRead === 0) throw refusal(path, 'an empty file');
  if (isSafetensors(head)) throw weightsAlone(path);
  const signature = signatures.find((signature) => signature.matches(head));
  const named = byExtension[extname(path).toLowerCase()];
  throw refusal(path, signature?.what ?? named ?? `a file that begins with the bytes ${head.toString('hex', 0, 8)}`);
}

/** Throws when the name alone tells that this cannot be taken, before anything is downloaded. */
export function assertGgufName(name: string): void {
  const extension = extname(name).toLowerCase();
  if (extension === '.gguf') return;
  if (extension === '.safetensors') throw weightsAlone(name);
  throw refusal(name, byExtension[extension] ?? `a file named "${extension}"`);
}

/** Weights without their config are no model. */
const weightsAlone = (where: string): TunesmithError =>
  invalid(
    'model',
    `${where} is a part of a safetensors checkpoint. Name the folder, or the repository owner/name, that has its config.json and tokenizer.json too.`,
    'unsupported_model_format',
  );

const refusal = (where: string, what: string): TunesmithError =>
  invalid('model', `${where} is ${what}. ${expected}`, 'unsupported_model_format');
