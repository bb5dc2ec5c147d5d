/** Packing, network and optimiser together against PyTorch; the goldens are told in `tests/goldens/make_llama.py`. */

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { packStep } from '../../src/dataset/batch.ts';
import type { EncodedExample } from '../../src/domain/example.ts';
import { loadTrained } from '../../src/engine/checkpoint.ts';
import { openNetwork } from '../../src/engine/nn/load.ts';
import { AdamW } from '../../src/engine/optimizer.ts';
import { floats, readSafetensors, writeSafetensors, type Safetensors } from '../../src/formats/safetensors.ts';
import { temporaryFolder } from '../formats/folder.ts';

const exampleCount = 4;

const examples = ({ tensors }: Safetensors): EncodedExample[] =>
  Array.from({ length: exampleCount }, (_, i) => ({
    line: i + 1,
    ids: Int32Array.from(tensors.get(`sequences.${i}`)!.data as Int32Array),
    mask: Uint8Array.from(tensors.get(`mask.${i}`)!.data as Int32Array),
  }));

test.each(['llama-tied', 'llama-untied'])('20 steps of %s follow PyTorch and peft', async (name) => {
  await using folder = await temporaryFolder();
  const file = (ending: string): string => fileURLToPath(new URL(`../goldens/${name}.${ending}`, import.meta.url));
  const golden = await readSafetensors(file('safetensors'));
  const { rank, alpha, targets, learning_rate: learningRate } = golden.metadata;
  await using network = await openNetwork({
    modelPath: file('gguf'),
    train: {
      mode: 'lora',
      rank: Number(rank),
      alpha: Number(alpha),
      rslora: false,
      dropout: 0,
      targets: targets!.split(','),
    },
    basePrecision: 'f32',
    threads: 1,
    seed: 0,
    tokensPerRun: 64,
  });

  // The goldens start from an adapter of their own, which comes in the way a fine-tune of a fine-tune does.
  const prefix = 'parameter.';
  const start = [...golden.tensors].filter(([key]) => key.startsWith(prefix));
  await writeSafetensors(
    folder.file('start.safetensors'),
    new Map(start.map(([key, value]) => [key.slice(prefix.length), value])),
  );
  await loadTrained(folder.file('start.safetensors'), network.parameters);

  const optimizer = new AdamW(network.parameters, { weightDecay: 0.01, gradientNormMax: 1 });
  const all = examples(golden);
  const losses = floats(golden.tensors.get('steps.losses')!);
  const norms = floats(golden.tensors.get('steps.norms')!);
  for (let step = 0; step < 20; step++) {
    const batch = [all[step % exampleCount]!, all[(step + 1) % exampleCount]!];
    const { loss } = await network.differentiate(packStep(batch, { tokensPerRun: 64, lanes: 1 }), step);
    expect(Math.abs(loss - losses[step]!), `loss of step ${step}`).toBeLessThan(1e-3);
    const norm = optimizer.update(Number(learningRate));
    expect(Math.abs(norm / norms[step]! - 1), `gradient norm of step ${step}`).toBeLessThan(1e-2);
  }
});
