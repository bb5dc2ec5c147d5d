/**
 * Makes what `peft_exports.py` looks at: for every kind of tokenizer a tiny model and its fine-tune, exported by the product,
 * and beside them what our side says: token ids of texts, the prompt of a conversation, and llama.cpp's
 * log-probabilities of the whole vocabulary, with the base under the adapter that serves.
 *
 *   node --import tsx tests/python/peft-exports.ts FOLDER
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openGguf } from '../../src/formats/gguf.ts';
import { ggufValue, type GgufValue } from '../../src/formats/gguf-metadata.ts';
import { Runtime } from '../../src/serving/runtime.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { fineTuned, makeHouse } from '../export/exported-house.ts';
import type { TinyTokenizer } from '../tiny-model.ts';

const kinds: readonly TinyTokenizer[] = ['smollm', 'gpt-2', 'qwen2', 'llama-bpe', 'sentence-piece'];
const vocabularySize = 400;

const texts = [
  'The quick brown fox jumps over the lazy dog.',
  "it couldn't stop, they'RE here; I'll go",
  '  two spaces,\ttabs\n\nand lines \n  ',
  '12345 67 8, 3.14 and ½ ² ٣',
  'Äpfel, größer; où est le garçon? Привет, 你好，世界。 🙂👩‍👩‍👧',
  'e\u0301 and \u00e9, \u00a0and\u2003spaces',
  'function add(a, b) {\n    return a + b; // <think>\n}',
  '<|im_start|>user\nHello<|im_end|>',
  '▁typed ▁by hand',
];
const messages = [
  { role: 'user', content: 'Is this message spam or ham?' },
  { role: 'assistant', content: 'ham' },
  { role: 'user', content: 'And this: buy cheap tickets now!' },
] as const;

const target = resolve(process.argv[2] ?? '.cache/peft');

for (const tokenizer of kinds) {
  // Like those of real vocabularies: no two alike, so that the order of merges is the same everywhere.
  const scores = ggufValue.f32s(Array.from({ length: vocabularySize }, (_, id) => -id));
  const metadata: Record<string, GgufValue> = tokenizer === 'sentence-piece' ? { 'tokenizer.ggml.scores': scores } : {};
  await using house = await makeHouse({ tokenizer, vocabularySize, metadata });
  const folder = join(target, tokenizer);
  await mkdir(folder, { recursive: true });
  const exported = async (model: string, to: string, name: string): Promise<void> => {
    const words = ['export', model, '--to', to, '--type', 'f32', '-o', join(folder, name), '--home', house.home];
    const { code, stderr } = await tunesmith(words);
    if (code !== 0) throw new Error(`${tokenizer}, ${to}: ${stderr}`);
  };
  await exported('tiny', 'safetensors', 'base');
  await exported(fineTuned, 'safetensors', 'merged');
  await exported(fineTuned, 'peft', 'peft');

  const modelPath = join(house.home, 'models/base/tiny/model.gguf');
  await using gguf = await openGguf(modelPath);
  const codec = TextCodec.fromGguf(gguf.metadata);
  const prompt = codec.encodePrompt([...messages]);
  await using runtime = new Runtime('tiny', { modelPath, threads: 1, exact: true, cacheBytesMax: 2 ** 28 });
  await runtime.ready;
  const answer = runtime.generate({
    adapter: join(house.home, 'models/fine-tuned/ftjob-tiny/step-3/adapter.gguf'),
    prompt,
    choices: 1,
    tokensMax: 0,
    endTokens: [],
    sampling: { temperature: 0, topP: 1, seed: 0, frequencyPenalty: 0, presencePenalty: 0, logitBias: [] },
    constraint: null,
    topLogprobs: vocabularySize,
    tokensPerReport: 1,
    scorePrompt: true,
    priority: 'interactive',
  });
  const logprobs: (number | null)[][] = [];
  for await (const report of answer) {
    if (report.type !== 'prompt') continue;
    for (const position of report.logprobs) {
      if (position === null) continue;
      const row = Array.from({ length: vocabularySize }, (): number | null => null);
      for (const [token, logprob] of position.top) row[token] = logprob;
      logprobs.push(row);
    }
  }
  const { bosId, addBos } = codec.tokenizer;
  const expected = {
    prompt: [...prompt],
    messages,
    logprobs,
    texts: texts.map((text) => ({
      text,
      ids: [...(addBos && bosId !== null ? [bosId] : []), ...codec.tokenizer.encode(text, { special: true })],
    })),
  };
  await writeFile(join(folder, 'expected.json'), JSON.stringify(expected));
}
