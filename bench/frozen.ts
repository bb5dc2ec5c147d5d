/**
 * That frozen layers cost no backward pass: the fewer layers learn, the nearer a training step comes to one without
 * gradients, in the number of its matrix products and in time.
 */

import { cpus } from 'node:os';
import { packStep } from '../src/dataset/batch.ts';
import type { TrainPlan } from '../src/engine/protocol.ts';
import { openNetwork } from '../src/engine/nn/load.ts';
import { TextCodec } from '../src/text/codec.ts';
import { openGguf } from '../src/formats/gguf.ts';
import type { Place } from './place.ts';
import { markdownTable, measuredOn, writeInto } from './page.ts';

const tokensPerRow = 512;
const judged = 32;

export async function frozenLayers({ base, threads }: Place, small: boolean): Promise<void> {
  const { layers } = base.architecture;
  const plans: readonly (readonly [string, TrainPlan])[] = [
    ['head', { mode: 'head' }],
    ...[1, Math.round(layers / 4), Math.round(layers / 2)].map((count): [string, TrainPlan] => [
      `last_layers(${count})`,
      { mode: 'last_layers', layers: count },
    ]),
    ['full', { mode: 'full' }],
  ];
  const table = [['learns', 'blocks with a backward pass', 'forward', 'with gradients', 'times forward']];
  for (const [name, train] of small ? plans.slice(0, 2) : plans) {
    process.stderr.write(`frozen layers: ${name}\n`);
    const { forward, backward } = await timed(base.path, train, threads, small ? 1 : 5);
    const blocks = train.mode === 'full' ? layers : train.mode === 'last_layers' ? train.layers : 0;
    table.push([name, `${blocks} of ${layers}`, milliseconds(forward), milliseconds(backward), (backward / forward).toFixed(2)]); // prettier-ignore
  }
  const told = `${markdownTable(table)}\n\nOne row of ${tokensPerRow} tokens, ${judged} supervised, f32, the fastest run. ${measuredOn(cpus()[0]!.model, threads)}`; // prettier-ignore
  console.log(`Frozen layers:\n\n${told}\n`);
  if (!small) await writeInto('performance.md', 'frozen', told);
}

/** Milliseconds of a run with gradients and of one without. */
async function timed(modelPath: string, train: TrainPlan, threads: number, repeats: number) {
  await using gguf = await openGguf(modelPath);
  const codec = TextCodec.fromGguf(gguf.metadata);
  const words = codec.tokenizer.encode('a letter about nothing much, '.repeat(tokensPerRow));
  const ids = Int32Array.from(words.slice(0, tokensPerRow));
  const mask = new Uint8Array(tokensPerRow).fill(1, tokensPerRow - judged);
  const batches = packStep([{ line: 1, ids, mask }], { tokensPerRun: tokensPerRow, lanes: 1 });
  await using network = await openNetwork({
    modelPath,
    train,
    basePrecision: 'f32',
    threads,
    seed: 7,
    recompute: false,
  });
  return {
    backward: await fastest(repeats, async () => await network.differentiate(batches, 0)),
    forward: await fastest(repeats, async () => await network.evaluate(batches)),
  };
}

/** The first run chooses kernels and does not count. */
async function fastest(repeats: number, run: () => Promise<unknown>): Promise<number> {
  let best = Infinity;
  for (let i = 0; i <= repeats; i++) {
    const startMs = performance.now();
    await run();
    if (i > 0) best = Math.min(best, performance.now() - startMs);
  }
  return best;
}

const milliseconds = (value: number): string => `${value.toFixed(0)} ms`;
