import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { MicroBatch } from '../../../src/dataset/batch.ts';
import { packStep } from '../../../src/dataset/batch.ts';
import type { EncodedExample } from '../../../src/domain/example.ts';
import type { LabelTask } from '../../../src/domain/label.ts';
import { EncoderReader } from '../../../src/engine/nn/encoder-reader.ts';
import { openNetwork } from '../../../src/engine/nn/load.ts';
import type { Network } from '../../../src/engine/nn/network.ts';
import { AdamW } from '../../../src/engine/optimizer.ts';
import type { HeadPlan, TrainPlan } from '../../../src/engine/protocol.ts';
import { bert } from '../../../src/families/bert.ts';
import { headEntries } from '../../../src/families/label-head.ts';
import { tensorsOf } from '../../../src/families/tensors.ts';
import { openGguf } from '../../../src/formats/gguf.ts';
import { ofUnitLength } from '../../../src/serving/vectors.ts';
import { EncoderCodec } from '../../../src/text/encoder-codec.ts';
import { bertName, encoderGoldens, importEncoder, type EncoderName } from './encoder-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunesmith-encoder-'));
afterAll(() => rmSync(folder, { recursive: true }));

const goldens = { bert: await encoderGoldens('bert'), distilbert: await encoderGoldens('distilbert') };
const paths = { bert: await importEncoder('bert', folder), distilbert: await importEncoder('distilbert', folder) };

type Kind = 'one' | 'any' | 'words' | 'mean';

const plans: Record<Kind, HeadPlan> = {
  one: head('classification', ['LABEL_0', 'LABEL_1', 'LABEL_2'], 'first'),
  any: head('multi_label', ['LABEL_0', 'LABEL_1', 'LABEL_2'], 'first'),
  words: head('token_classification', ['X'], 'none'),
  mean: head('classification', ['LABEL_0', 'LABEL_1', 'LABEL_2'], 'mean'),
};

function head(task: LabelTask, labels: readonly string[], pooling: HeadPlan['pooling']): HeadPlan {
  const keys = { text: 'text', label: 'label', start: null, end: null };
  const form = task === 'token_classification' ? ({ shape: 'by_type', wrapper: null, keys } as const) : null;
  return { task, labels, form, pooling };
}

function examplesOf(name: EncoderName, kind: Kind): EncodedExample[] {
  return [0, 1, 2, 3].map((i) => {
    const ids = goldens[name].integers(`sequences.${i}`);
    const targets = goldens[name].integers(`labels.${kind === 'mean' ? 'one' : kind}.${i}`);
    const positions = kind === 'words' ? targets.map((_, at) => at + 1) : Int32Array.of(0);
    return { line: i + 1, ids, mask: new Uint8Array(ids.length), judged: { positions, targets } };
  });
}

const step = (examples: readonly EncodedExample[]): MicroBatch[] => packStep(examples, { tokensPerRun: 24, lanes: 1 });

const lora = (name: EncoderName): TrainPlan => ({
  mode: 'lora',
  rank: Number(goldens[name].metadata['rank']),
  alpha: Number(goldens[name].metadata['alpha']),
  rslora: false,
  dropout: 0,
  targets: bert.linears.map(({ target }) => target),
});

/** The checkpoint's own head stands for the labels, whatever they are called here. */
async function open(name: EncoderName, kind: Kind, train: TrainPlan, lanes = 1): Promise<Network> {
  const network = await openNetwork({
    modelPath: paths[name],
    train,
    head: plans[kind],
    basePrecision: 'f32',
    threads: lanes,
    lanes,
    seed: 1,
    tokensPerRun: 24,
    rowTokensMax: 16,
  });
  const output = { 'cls.output.weight': 'classifier.weight', 'cls.output.bias': 'classifier.bias' };
  for (const [ours, theirs] of Object.entries(output)) {
    const parameter = network.parameters.find((each) => each.name === ours);
    parameter?.data.set(await checkpointFloats(name, theirs));
  }
  return network;
}

async function checkpointFloats(name: EncoderName, weight: string): Promise<Float32Array> {
  const { floats, readSafetensors } = await import('../../../src/formats/safetensors.ts');
  const { tensors } = await readSafetensors(join(goldens[name].folder, 'model.safetensors'));
  return floats(tensors.get(weight)!);
}

/** Our names for the weights of a checkpoint. */
async function ourNames(name: EncoderName): Promise<(theirs: string) => string> {
  await using gguf = await openGguf(paths[name]);
  const sizes = {
    layers: 2,
    width: 16,
    heads: 2,
    keyHeads: 2,
    headSize: 8,
    hidden: 24,
    vocabulary: gguf.tensors.get('token_embd.weight')!.shape[0]!,
    contextTokens: 48,
    outputs: 3,
  };
  const names = new Map(tensorsOf(bert, sizes).map(({ gguf, huggingFace }) => [huggingFace!, gguf]));
  return (theirs) => {
    const found = names.get(bertName(theirs));
    if (found === undefined) throw new Error(`no name for ${theirs}`);
    return found;
  };
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string): void {
  expect(found.length, what).toBe(expected.length);
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  const worst = Array.from(found).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i]!)), 0);
  expect(worst, `${what}: worst ${worst} of ${largest}`).toBeLessThanOrEqual(tolerance * largest + 2e-6);
}

const cases: [EncoderName, Kind][] = [
  ['bert', 'one'],
  ['bert', 'any'],
  ['bert', 'words'],
  ['bert', 'mean'],
  ['distilbert', 'words'],
];

test.each(['bert', 'distilbert'] as const)('%s: texts become the ids that transformers gives', async (name) => {
  await using gguf = await openGguf(paths[name]);
  const codec = EncoderCodec.fromGguf(gguf.metadata);
  const pairs = JSON.parse(goldens[name].metadata['token_ids']!) as [string, number[]][];
  for (const [text, ids] of pairs) expect([...codec.encode(text, 48).ids], text).toEqual(ids);
});

test.each(cases)('%s, %s: loss and every gradient are those of PyTorch', async (name, kind) => {
  const golden = goldens[name];
  await using network = await open(name, kind, { mode: 'full' });
  const { loss } = await network.differentiate(step(examplesOf(name, kind)), 0);
  expectClose([loss], golden.floats(`loss.${kind}`), 1e-5, 'loss');
  const ours = await ourNames(name);
  const prefix = `gradient.${kind}.`;
  const theirs = golden.names.filter((each) => each.startsWith(prefix));
  const seen = new Set<string>();
  for (const each of theirs) {
    const parameter = network.parameters.find(({ name }) => name === ours(each.slice(prefix.length)))!;
    seen.add(parameter.name);
    expectClose(parameter.gradient, golden.floats(each), 1e-3, each);
  }
  const others = network.parameters.filter(({ name }) => !seen.has(name)).map(({ name }) => name);
  // Without token types of its own, DistilBERT has a table of zeros, which gets a gradient all the same.
  expect(others).toEqual(name === 'distilbert' ? ['token_types.weight'] : []);
});

test.each(['full', 'last_layers', 'head', 'lora'] as const)('%s: ten steps of AdamW follow PyTorch', async (mode) => {
  for (const [name, kind] of [
    ['bert', 'one'],
    ['distilbert', 'words'],
  ] as const) {
    if (name === 'distilbert' && mode === 'full') continue; // it would train the zeros too
    const golden = goldens[name];
    const train: TrainPlan = mode === 'lora' ? lora(name) : mode === 'last_layers' ? { mode, layers: 1 } : { mode };
    await using network = await open(name, kind, train);
    if (mode === 'lora') {
      for (const theirs of golden.names.filter(
        (each) => each.startsWith('lora.parameter.') && each.includes('lora_'),
      )) {
        const found = network.parameters.find(({ name }) => name === peftName(theirs.slice('lora.parameter.'.length)));
        expect(found, theirs).toBeDefined();
        found!.data.set(golden.floats(theirs));
      }
    }
    const rate = (JSON.parse(golden.metadata['learning_rates']!) as Record<string, number>)[mode]!;
    const optimizer = new AdamW(network.parameters, { weightDecay: 0.01, gradientNormMax: 1 });
    const examples = examplesOf(name, kind);
    const losses: number[] = [];
    const norms: number[] = [];
    for (let s = 0; s < 10; s++) {
      const { loss } = await network.differentiate(step([examples[s % 4]!, examples[(s + 1) % 4]!]), s);
      losses.push(loss);
      norms.push(optimizer.update(rate));
    }
    expectClose(losses, golden.floats(`steps.${mode}.losses`), 1e-3, `${name} losses`);
    expectClose(norms, golden.floats(`steps.${mode}.norms`), 1e-3, `${name} norms`);
  }
});

/** PEFT's name for an adapter's weight, with BERT's module tree. */
const peftName = (theirs: string): string => {
  const [, path, matrix] = /^base_model\.model\.(.*)\.(lora_[AB])\.weight$/.exec(theirs)!;
  return `base_model.model.${bertName(`${path}.`).slice(0, -1)}.${matrix}.weight`;
};

test('training only the head differentiates nothing below it', async () => {
  await using network = await open('bert', 'one', { mode: 'head' });
  expect(network.parameters.map(({ name }) => name)).toEqual([
    'cls.weight',
    'cls.bias',
    'cls.output.weight',
    'cls.output.bias',
  ]);
});

test('two lanes give the gradients of one', async () => {
  await using one = await open('bert', 'any', { mode: 'full' });
  await using two = await open('bert', 'any', { mode: 'full' }, 2);
  const batches = packStep(examplesOf('bert', 'any'), { tokensPerRun: 24, lanes: 2 });
  await one.differentiate(batches, 0);
  await two.differentiate(batches, 0);
  for (const [i, { name, gradient }] of one.parameters.entries())
    expectClose(two.parameters[i]!.gradient, gradient, 1e-5, name);
});

test('a head that nobody has trained begins the same for the same seed', async () => {
  const plan = { ...plans.one, labels: ['a', 'b'] };
  const begin = async (seed: number): Promise<Float32Array> => {
    const options = { modelPath: paths.bert, train: { mode: 'head' }, basePrecision: 'f32', threads: 1 } as const;
    await using network = await openNetwork({ ...options, head: plan, seed });
    return network.parameters.find(({ name }) => name === 'cls.output.weight')!.data.slice();
  };
  const [first, again, other] = [await begin(1), await begin(1), await begin(2)];
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
  const deviation = Math.sqrt(first.reduce((sum, x) => sum + x * x, 0) / first.length);
  expect(deviation).toBeGreaterThan(0.01);
  expect(deviation).toBeLessThan(0.04);
});

test.each(['bert', 'distilbert'] as const)(
  '%s: vectors of texts are the means of PyTorch, however texts are grouped',
  async (name) => {
    await using reader = await EncoderReader.open(paths[name], 1);
    const texts = [0, 1, 2, 3].map((i) => goldens[name].integers(`sequences.${i}`));
    const vectors = await reader.vectors(texts);
    const long = await reader.vectors([...texts, ...Array.from({ length: 60 }, () => texts[2]!)]);
    const expected = goldens[name].floats('embedding.mean');
    for (const [i, vector] of vectors.entries()) {
      const golden = expected.subarray(i * 16, (i + 1) * 16);
      expectClose(ofUnitLength(vector), golden, 1e-5, `vector ${i}`);
      expectClose(ofUnitLength(long[i]!), golden, 1e-5, `vector ${i} among many`);
    }
  },
);

test.each(['one', 'words', 'mean'] as const)('a file with a head for %s is read as it was trained', async (kind) => {
  const path = await importEncoder('bert', folder, headEntries('bert', plans[kind]));
  await using reader = await EncoderReader.open(path, 1);
  expect(reader.head).toEqual(plans[kind]);
  const ids = goldens.bert.integers('sequences.2');
  const positions = kind === 'words' ? ids.slice(2).map((_, at) => at + 1) : Int32Array.of(0);
  const [, logits] = await reader.judge([
    { ids: ids.slice(0, 4), positions: Int32Array.of(0) },
    { ids, positions },
  ]);
  expectClose(logits!, goldens.bert.floats(`logits.${kind}`), 1e-4, 'logits');
});

test.each(['one', 'any', 'words'] as const)(
  'with smoothed labels, the gradient of %s is the slope of its loss',
  async (kind) => {
    await using network = await openNetwork({
      modelPath: paths.bert,
      train: { mode: 'head' },
      head: plans[kind],
      objective: { kind: 'likelihood', labelSmoothing: 0.2 },
      basePrecision: 'f32',
      threads: 1,
      seed: 1,
      tokensPerRun: 64,
      rowTokensMax: 16,
    });
    const batches = packStep(examplesOf('bert', kind), { tokensPerRun: 64, lanes: 1 });
    const lossOf = async (): Promise<number> => (await network.differentiate(batches, 0)).loss;
    const bias = network.parameters.find(({ name }) => name === 'cls.output.bias')!;
    bias.data.set([0.4, -0.3, 0.2]);
    bias.gradient.fill(0);
    await lossOf();
    const slopes = bias.gradient.slice();
    for (const [i, slope] of slopes.entries()) {
      const at = bias.data[i]!;
      const step = 1e-2;
      bias.data[i] = at + step;
      const above = await lossOf();
      bias.data[i] = at - step;
      const below = await lossOf();
      bias.data[i] = at;
      expect((above - below) / (2 * step), `bias ${i}`).toBeCloseTo(slope, 3);
    }
  },
);
