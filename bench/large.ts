/**
 * `npx tsx bench/large.ts`: the longest and the largest that this machine trains; written into docs/performance.md.
 *
 *   npx tsx bench/large.ts                     all, about ten minutes on two cores
 *   npx tsx bench/large.ts lora-1b             some
 *   npx tsx bench/large.ts tables              measures nothing, writes the table anew
 *   npx tsx bench/large.ts --small             two steps each, to see that it works; writes nothing
 *
 * Each is a line of bench/results/large.jsonl, from which the table is made. Memory is the trainer's peak, as the kernel counts it, and right on a busy machine too. What would not fit into the
 * memory that is free is passed over and named.
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { protocolVersion, type TrainingPlan, type TrainPlan } from '../src/engine/protocol.ts';
import { openGguf, writeGguf, type GgufTensorSource } from '../src/formats/gguf.ts';
import { GgufMetadata, ggufValue } from '../src/formats/gguf-metadata.ts';
import { memoryOf } from '../src/jobs/memory.ts';
import { targetsOfBase } from '../src/models/adapter.ts';
import { BaseModels, type BaseModel } from '../src/models/base-models.ts';
import { seededRandom } from '../src/random.ts';
import { Ledger } from './ledger.ts';
import { jsonLines, textsOf, type Material } from './material.ts';
import { markdownTable, measuredOn, writeInto } from './page.ts';
import { makeGpt2, setUpPeer } from './peer.ts';
import { countingOf, ours, type Precision } from './race.ts';

interface Feat {
  readonly name: string;
  readonly model: string;
  readonly train: 'lora' | 'full';
  readonly precision: Precision;
  readonly material: Material;
  /** Of a row, where the material is long. */
  readonly tokens: number;
  readonly batchSize: number;
}

const smollm2 = 'smollm2-135m-instruct';
const gpt2 = 'gpt2-124m-random';
const llama1b = 'llama-1.1b-random';

const feats: readonly Feat[] = [
  { name: 'lora-4096', model: smollm2, train: 'lora', precision: 'int8', material: 'writing', tokens: 4096, batchSize: 1 }, // prettier-ignore
  { name: 'lora-4096-exact', model: smollm2, train: 'lora', precision: 'f32', material: 'writing', tokens: 4096, batchSize: 1 }, // prettier-ignore
  { name: 'lora-1b', model: llama1b, train: 'lora', precision: 'int8', material: 'short', tokens: 256, batchSize: 1 },
  { name: 'lora-1b-batch', model: llama1b, train: 'lora', precision: 'int8', material: 'short', tokens: 256, batchSize: 8 }, // prettier-ignore
  { name: 'lora-1b-2048', model: llama1b, train: 'lora', precision: 'int8', material: 'writing', tokens: 2048, batchSize: 1 }, // prettier-ignore
  { name: 'gpt2-full', model: gpt2, train: 'full', precision: 'f32', material: 'short', tokens: 256, batchSize: 8 },
  { name: 'gpt2-full-1024', model: gpt2, train: 'full', precision: 'f32', material: 'writing', tokens: 1024, batchSize: 2 }, // prettier-ignore
];

const words = process.argv.slice(2);
const small = words.includes('--small');
const tables = words.includes('tables');
const wanted = words.filter((word) => word !== '--small' && word !== 'tables');
const unknown = wanted.find((word) => !feats.some(({ name }) => name === word));
if (unknown !== undefined)
  throw new Error(`Found "${unknown}"; there are ${feats.map(({ name }) => name).join(', ')}.`);
const steps = small ? 2 : 6;
const threads = availableParallelism();
const home = process.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith');
const folder = await mkdtemp(join(tmpdir(), 'tunesmith-large-'));

async function baseOf(model: string): Promise<BaseModel> {
  const bases = await BaseModels.open(home);
  if (model === smollm2) return await bases.pull(model);
  const made = await BaseModels.open(join(folder, 'home'));
  const known = made.find(model);
  if (known !== undefined) return known;
  if (model === llama1b) {
    await writeLlama1b(join(folder, 'llama.gguf'), (await bases.pull(smollm2)).path);
    return await made.pull(join(folder, 'llama.gguf'), { id: model });
  }
  await setUpPeer();
  await mkdir(join(folder, gpt2));
  await writeFile(join(folder, 'texts.txt'), textsOf(1_200_000));
  await makeGpt2(join(folder, 'texts.txt'), join(folder, gpt2), false);
  return await made.pull(join(folder, gpt2), { id: model });
}

/** TinyLlama's shape with SmolLM2's tokenizer: 1.07 billion parameters that nobody trained, in eight bits. */
async function writeLlama1b(path: string, tokenizerFrom: string): Promise<void> {
  process.stderr.write('A Llama of 1.1B parameters: making it at random\n');
  const [layers, width, heads, kvHeads, headWidth, feedForward] = [22, 2048, 32, 4, 64, 5632];
  await using source = await openGguf(tokenizerFrom);
  const vocabulary = source.tensors.get('token_embd.weight')!.shape[0]!;
  const kept = [...source.metadata.entries()].filter(([key]) => key.startsWith('tokenizer.'));
  const metadata = new GgufMetadata([
    ...Object.entries({
      'general.architecture': ggufValue.string('llama'),
      'general.name': ggufValue.string('Random Llama of 1.1B parameters'),
      'llama.block_count': ggufValue.u32(layers),
      'llama.context_length': ggufValue.u32(4096),
      'llama.embedding_length': ggufValue.u32(width),
      'llama.feed_forward_length': ggufValue.u32(feedForward),
      'llama.attention.head_count': ggufValue.u32(heads),
      'llama.attention.head_count_kv': ggufValue.u32(kvHeads),
      'llama.attention.layer_norm_rms_epsilon': ggufValue.f32(Math.fround(1e-5)),
      'llama.rope.freq_base': ggufValue.f32(10_000),
      'llama.rope.dimension_count': ggufValue.u32(headWidth),
      'llama.vocab_size': ggufValue.u32(vocabulary),
    }),
    ...kept,
  ]);
  const matrix = (name: string, out: number, into: number): GgufTensorSource => ({
    name,
    shape: [out, into],
    type: 'Q8_0',
    data: () => randomBlocks((out * into) / 32, 1 / Math.sqrt(into)),
  });
  const ones = (name: string): GgufTensorSource => ({
    name,
    shape: [width],
    type: 'F32',
    data: new Uint8Array(new Float32Array(width).fill(1).buffer),
  });
  const blocks = Array.from({ length: layers }, (_, layer) => [
    ones(`blk.${layer}.attn_norm.weight`),
    matrix(`blk.${layer}.attn_q.weight`, heads * headWidth, width),
    matrix(`blk.${layer}.attn_k.weight`, kvHeads * headWidth, width),
    matrix(`blk.${layer}.attn_v.weight`, kvHeads * headWidth, width),
    matrix(`blk.${layer}.attn_output.weight`, width, heads * headWidth),
    ones(`blk.${layer}.ffn_norm.weight`),
    matrix(`blk.${layer}.ffn_gate.weight`, feedForward, width),
    matrix(`blk.${layer}.ffn_up.weight`, feedForward, width),
    matrix(`blk.${layer}.ffn_down.weight`, width, feedForward),
  ]).flat();
  const tensors = [matrix('token_embd.weight', vocabulary, width), ...blocks, ones('output_norm.weight')];
  await writeGguf(path, { metadata, tensors });
}

const random = seededRandom(7);
const blockBytes = 34;
const piece = 8192;

/** So many blocks of 32 numbers in -127..127 with one scale, evenly distributed with this standard deviation. */
function* randomBlocks(count: number, deviation: number): Generator<Uint8Array> {
  const bytes = Buffer.from(Uint8Array.from({ length: piece * blockBytes }, () => random() * 255));
  // Even numbers up to 127 deviate by 127 / sqrt(3).
  const scale = halfOf((deviation * Math.sqrt(3)) / 127);
  for (let block = 0; block < piece; block++) bytes.writeUInt16LE(scale, block * blockBytes);
  for (let left = count; left > 0; left -= piece) yield bytes.subarray(0, Math.min(left, piece) * blockBytes);
}

/** A small positive number in half precision, cut. */
function halfOf(value: number): number {
  const exponent = Math.floor(Math.log2(value));
  if (exponent < -14) return Math.round(value / 2 ** -24);
  return ((exponent + 15) << 10) | Math.floor((value / 2 ** exponent - 1) * 1024);
}

const outcomeSchema = z.strictObject({
  name: z.string(),
  parameters: z.int(),
  stepSeconds: z.number(),
  bytes: z.number(),
  estimatedBytes: z.number(),
  tokensPerStep: z.number(),
  day: z.string(),
});

type Outcome = z.infer<typeof outcomeSchema>;

const ledger = new Ledger(join(import.meta.dirname, 'results/large.jsonl'), outcomeSchema, ({ name }) => name);

/** Null where it would not fit into what is free. */
async function measure(feat: Feat, base: BaseModel): Promise<Outcome | null> {
  const { name, batchSize, material, tokens } = feat;
  const job = join(folder, name);
  await mkdir(job, { recursive: true });
  const counting = await countingOf(base);
  const trainingFile = join(job, 'train.jsonl');
  await writeFile(trainingFile, jsonLines(material, batchSize * steps, 7, counting, tokens));
  const train: TrainPlan =
    feat.train === 'full'
      ? { mode: 'full' }
      : { mode: 'lora', rank: 16, alpha: 32, rslora: false, dropout: 0, targets: targetsOfBase(base) };
  const plan: TrainingPlan = {
    version: protocolVersion,
    recipe: 'supervised',
    jobId: `ftjob-${name}`,
    model: { id: base.id, path: base.path, sha256: base.sha256 },
    initialAdapter: null,
    trainingFile,
    validationFile: null,
    seed: 7,
    epochs: 1,
    batchSize,
    learningRate: 1e-5,
    schedule: 'constant',
    warmupRatio: 0,
    weightDecay: 0,
    gradientNormMax: 1,
    train,
    tokensMax: tokens,
    evaluationInterval: 1000,
    snapshotSeconds: 100_000,
    basePrecision: feat.precision,
    threads,
  };
  const { bytes: estimatedBytes } = memoryOf(base.architecture, plan);
  if (estimatedBytes > freemem()) {
    process.stderr.write(`${name}: about ${gigabytes(estimatedBytes)}, and ${gigabytes(freemem())} are free\n`);
    return null;
  }
  process.stderr.write(`${name}: about ${gigabytes(estimatedBytes)} `);
  let tokensPerStep = 0;
  const onStep = (step: { readonly tokens: number }): void => void (tokensPerStep = step.tokens);
  const { stepSeconds, peakRssBytes } = await ours({ plan, folder: job }, feat.precision, 1, onStep);
  process.stderr.write(` ${gigabytes(peakRssBytes)}\n`);
  const sorted = stepSeconds.slice(1).sort((a, b) => a - b);
  const day = new Date().toISOString().slice(0, 10);
  const stepMedian = sorted[sorted.length >> 1]!;
  return { name, parameters: base.parameters, stepSeconds: stepMedian, bytes: peakRssBytes, estimatedBytes, tokensPerStep, day }; // prettier-ignore
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

function table(outcomes: readonly Outcome[]): string {
  const heads = ['model', 'parameters', 'learns', 'a step', 'peak memory', 'told before', 'step', 'tokens/s'];
  const rows = feats.flatMap((feat) =>
    outcomes
      .filter(({ name }) => name === feat.name)
      .map(({ parameters, stepSeconds, bytes, estimatedBytes, tokensPerStep }) => {
        const { model, train, precision, batchSize, material, tokens } = feat;
        const long = material === 'short' ? '64 to 256 tokens' : `${tokens} tokens, all supervised`;
        const what = [model, `${(parameters / 1e6).toFixed(0)}M`, `${train}, ${precision}`, `${batchSize} of ${long}`];
        const speed = [`${stepSeconds.toFixed(1)} s`, (tokensPerStep / stepSeconds).toFixed(0)];
        return [...what, gigabytes(bytes), gigabytes(estimatedBytes), ...speed];
      }),
  );
  return `${markdownTable([heads, ...rows])}\n\n${measuredOn(cpus()[0]!.model, threads)}`;
}

try {
  const chosen = tables ? [] : feats.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  for (const feat of chosen) {
    const outcome = await measure(feat, await baseOf(feat.model));
    if (small || outcome === null) continue;
    ledger.add(outcome);
    await writeInto('performance.md', 'large', table(ledger.lines()));
  }
  if (tables) await writeInto('performance.md', 'large', table(ledger.lines()));
  console.log(table(ledger.lines()));
} finally {
  await rm(folder, { recursive: true, force: true });
}
