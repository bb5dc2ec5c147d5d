import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Counts } from '../../../src/dataset/tokens/token-counter.ts';
import { TokenCounter } from '../../../src/dataset/tokens/token-counter.ts';
import type { CountingWay } from '../../../src/dataset/tokens/ways.ts';
import type { AnyExample } from '../../../src/domain/example.ts';
import { openGguf } from '../../../src/formats/gguf.ts';
import { TextCodec } from '../../../src/text/codec.ts';
import { temporaryFolder, type TemporaryFolder } from '../../formats/folder.ts';
import { writeTinyLlama } from '../../tiny-model.ts';

let folder: TemporaryFolder;
let ways: readonly CountingWay[] = [];
let codec: TextCodec;

beforeAll(async () => {
  folder = await temporaryFolder();
  const path = folder.file('tiny.gguf');
  await writeTinyLlama(path);
  ways = [
    { kind: 'openai', encoding: 'o200k_base' },
    { kind: 'base', path },
  ];
  await using gguf = await openGguf(path);
  codec = TextCodec.fromGguf(gguf.metadata);
});
afterAll(() => folder[Symbol.asyncDispose]());

const chat = (i: number): AnyExample => ({
  format: 'chat',
  example: {
    messages: [
      { role: 'user', content: `Question ${i}? ${'again '.repeat(i % 7)}` },
      { role: 'assistant', content: `Answer ${i}.` },
      { role: 'user', content: 'And?' },
      { role: 'assistant', content: 'Nothing more.' },
    ],
  },
});

async function countAll(counter: TokenCounter, rows: readonly { text: string; checked: AnyExample | null }[]) {
  const counted: (readonly [unknown, Counts | null])[] = [];
  async function* each() {
    yield* rows;
  }
  for await (const pair of counter.countRows(each())) counted.push(pair);
  return counted;
}

test('a base model counts what its codec trains, answer by answer', async () => {
  await using counter = await TokenCounter.open(ways, { threads: 0 });
  const { example } = chat(3) as AnyExample & { format: 'chat' };
  const [[, base]] = (await counter.count([chat(3)])) as [Counts];
  const sequences = codec.encodeExample(example, 1);
  expect(base!.total).toBe(sequences.reduce((sum, { ids }) => sum + ids.length, 0));
  expect(base!.supervised).toBe(sequences.reduce((sum, { mask }) => sum + mask.reduce((a, b) => a + b, 0), 0));
  expect(base!.answers).toHaveLength(2);
  const plain = (text: string): number => codec.tokenizer.encode(text).length;
  expect(base!.parts.assistant).toBe(plain('Answer 3.') + plain('Nothing more.'));
});

test('bare text has no template around it, and its end is learnt', async () => {
  await using counter = await TokenCounter.open(ways, { threads: 0 });
  const [[, base]] = (await counter.count([
    { format: 'completion', example: { prompt: 'Red or blue?', completion: ' red' } },
  ])) as [Counts];
  const [prompt, completion] = ['Red or blue?', ' red'].map((text) => codec.tokenizer.encode(text).length);
  expect(base).toMatchObject({ total: prompt! + completion! + 1, supervised: completion! + 1 });
});

test('a conversation that the chat template refuses has no count there, and has one elsewhere', async () => {
  const picky = folder.file('picky.gguf');
  await writeTinyLlama(picky, {
    chatTemplate: "{% if messages[0]['role'] != 'system' %}{{ raise_exception('no system') }}{% endif %}ok",
  });
  await using counter = await TokenCounter.open([...ways, { kind: 'base', path: picky }], { threads: 0 });
  const [[openAI, , refused]] = (await counter.count([chat(1)])) as [Counts];
  expect(openAI!.total).toBeGreaterThan(10);
  expect(refused).toBeNull();
});

test('threads give every row the count it has without them, in order, and none to rows that are no examples', async () => {
  const rows = Array.from({ length: 300 }, (_, i) => ({
    text: 'x'.repeat(2000), // several batches
    checked: i % 10 === 0 ? null : chat(i),
  }));
  await using here = await TokenCounter.open(ways, { threads: 0 });
  await using threads = await TokenCounter.open(ways, { threads: 2 });
  const counted = await countAll(threads, rows);
  expect(counted.map(([row]) => row)).toEqual(rows);
  expect(counted).toEqual(await countAll(here, rows));
});

test('a base model that cannot be read is an error that says so, with threads and without', async () => {
  const broken: readonly CountingWay[] = [{ kind: 'base', path: folder.file('missing.gguf') }];
  await expect(TokenCounter.open(broken, { threads: 0 })).rejects.toThrow(/missing\.gguf/);
  await using counter = await TokenCounter.open(broken, { threads: 1 });
  await expect(counter.count([chat(1)])).rejects.toThrow(/missing\.gguf/);
  await expect(counter.count([chat(1)])).rejects.toThrow(/missing\.gguf/);
});

test('a small file is worth no threads', async () => {
  await using counter = await TokenCounter.open(ways, { sizeBytes: 1000 });
  expect(await counter.count([chat(1)])).toHaveLength(1);
});
