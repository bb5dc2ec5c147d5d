/** Our tokenizer beside llama.cpp's, on the same files and the same hard strings. */

import { getLlama, type Llama } from 'node-llama-cpp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openGguf } from '../../src/formats/gguf.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { temporaryFolder } from '../formats/folder.ts';
import { realModel } from '../real-model.ts';
import { writeTinyLlama, type TinyTokenizer } from '../tiny-model.ts';
import { hardStrings } from './hard-strings.ts';

let llama: Llama;

beforeAll(async () => {
  llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logger: () => {} });
});

afterAll(async () => {
  await llama.dispose();
});

async function compare(path: string, strings: readonly string[]): Promise<void> {
  await using file = await openGguf(path);
  const { tokenizer } = TextCodec.fromGguf(file.metadata);
  const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
  try {
    const differing = strings.flatMap((text) =>
      [false, true]
        .map((special) => ({ text, special, ours: tokenizer.encode(text, { special }) }))
        .filter(({ special, ours }) => ours.join() !== model.tokenize(text, special).join()),
    );
    expect(differing).toEqual([]);
  } finally {
    await model.dispose();
  }
}

test.each<TinyTokenizer>(['smollm', 'gpt-2', 'qwen2', 'llama-bpe', 'sentence-piece'])(
  '%s: every hard string has the ids that llama.cpp gives it',
  async (tokenizer) => {
    await using folder = await temporaryFolder();
    const path = folder.file('tiny.gguf');
    await writeTinyLlama(path, { tokenizer });
    const strings = hardStrings(900);
    // llama.cpp leaves Qwen's Unicode normalisation out; ours does it, as Qwen's own tokenizer does.
    await compare(path, tokenizer === 'qwen2' ? strings.map((text) => text.normalize('NFC')) : strings);
  },
);

test('the real model: every hard string has the ids that llama.cpp gives it', async (context) => {
  const model = await realModel(context);
  await compare(model.path, hardStrings(2500));
});
