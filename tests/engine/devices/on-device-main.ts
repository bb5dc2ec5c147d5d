/**
 * Computes on the device that it is told what goldens and the processor have computed, and prints how far off it is:
 * one line of JSON, by what was computed. A process of its own, because a driver is chosen by the environment.
 */

import type { Device } from '../../../src/domain/device.ts';
import { emit } from '../../../src/engine/graph/emit.ts';
import { RmsNorm } from '../../../src/engine/graph/ops/transformer.ts';
import { openSession } from '../../../src/engine/graph/session.ts';
import type { Network } from '../../../src/engine/nn/network.ts';
import { cases, lossOf, sizes } from '../graph/op-cases.ts';
import { FamilyGolden, familyNames } from '../nn/family-golden.ts';
import { Golden, goldenNames, layOut, relativeDistance, type Sequence } from '../nn/llama-golden.ts';

const [device, what, only] = process.argv.slice(2) as [Device, 'ops' | 'fused-norm' | 'goldens', string | undefined];
const distances: Record<string, number> = {};

/** |a - b|, relative to b where b is not nearly nothing. */
const distance = (a: Float32Array, b: Float32Array): number =>
  relativeDistance(a, b) < Infinity && b.some((x) => Math.abs(x) > 1e-6)
    ? relativeDistance(a, b)
    : Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));

async function ops(): Promise<void> {
  for (const [name, uses] of Object.entries(cases)) {
    if (what === 'fused-norm' && name !== 'RmsNorm') continue;
    for (const [i, use] of uses.entries()) {
      const { outputs, feeds } = lossOf(use);
      const run = async (on: Device): Promise<Readonly<Record<string, Float32Array>>> => {
        await using session = await openSession(emit(outputs, on), { device: on, threads: 1, packWeights: false });
        return await session.run(feeds, sizes);
      };
      const [expected, found] = [await run('cpu'), await run(device)];
      for (const output of Object.keys(outputs))
        distances[`${name} ${i} ${output}`] = distance(found[output]!, expected[output]!);
    }
  }
}

type Four = [Sequence, Sequence, Sequence, Sequence];

interface Expected {
  floats(name: string): Float32Array;
  /** A weight and its gradient as the golden has them. */
  as?(name: string, gradient: Float32Array): { readonly name: string; readonly gradient: Float32Array };
}

async function judge(of: string, network: Network, four: Four, golden: Expected): Promise<void> {
  const [a, b, c, d] = four;
  const { loss } = await network.differentiate([layOut([[c], [a, b, d]], 32)], 0);
  distances[`${of} loss`] = distance(Float32Array.of(loss), golden.floats('loss'));
  for (const parameter of network.parameters) {
    const { name, gradient } = golden.as?.(parameter.name, parameter.gradient) ?? parameter;
    distances[`${of} ${name}`] = distance(gradient, golden.floats(`gradient.${name}`));
  }
}

async function goldens(): Promise<void> {
  for (const name of goldenNames) {
    if (only !== undefined && only !== name) continue;
    const golden = await Golden.read(name);
    await using network = await golden.open({ device });
    await judge(name, network, golden.sequences as Four, golden);
  }
  for (const family of familyNames) {
    if (only !== undefined && only !== family) continue;
    await using golden = await FamilyGolden.import(family);
    for (const method of ['lora', 'full'] as const) {
      await using network = await golden.open(method, { device, tokensPerRun: 512 });
      const prefix = method === 'lora' ? 'lora.' : '';
      await judge(`${family} ${method}`, network, golden.sequences as unknown as Four, {
        floats: (name) => golden.floats(prefix + name),
        ...(method === 'full' && { as: (name, gradient) => golden.inCheckpointOrder(name, gradient) }),
      });
    }
  }
}

if (what === 'fused-norm') Reflect.deleteProperty(RmsNorm, 'elsewhere');
await (what === 'goldens' ? goldens() : ops());
process.stdout.write(`${JSON.stringify(distances)}\n`, () => process.exit(0));
