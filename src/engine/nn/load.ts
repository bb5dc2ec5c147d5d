/**
 * A model of any family read from GGUF, with what is to be trained in it or beside it.
 *
 * The frozen weights are written once to a folder of the network's own. One lane computes in this thread; more
 * lanes are threads beside it, which share a step's micro-batches (lanes.ts).
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Device } from '../../domain/device.ts';
import type { BasePrecision } from '../../domain/job.ts';
import { openGguf } from '../../formats/gguf.ts';
import type { HeadPlan, Objective, TrainPlan } from '../protocol.ts';
import { readArchitecture } from './architecture.ts';
import { HeadNetwork } from './head-network.ts';
import { Lanes } from './lanes.ts';
import type { Network } from './network.ts';
import { firstTrained } from './trained-weights.ts';
import { fitsOnDisk } from './trunk/memory.ts';
import { readOnce, type Reading } from './trunk/read-once.ts';
import { trunkOf } from './trunk/trunk.ts';
import { freezeWeights } from './weights.ts';

export interface NetworkOptions {
  /** A GGUF file of a family that `families/table.ts` lists. */
  readonly modelPath: string;
  readonly train: TrainPlan;
  /** Share of what each block adds to the stream that is dropped while training. */
  readonly hiddenDropout?: number;
  /** By default to make the targets likelier. */
  readonly objective?: Objective;
  /** What an encoder is to tell apart; null for models that write. */
  readonly head?: HeadPlan | null;
  readonly basePrecision: BasePrecision;
  /** What computes, by default the processor. */
  readonly device?: Device;
  /** Shared out among the lanes. */
  readonly threads: number;
  /** How many micro-batches run side by side. */
  readonly lanes?: number;
  /** Fixes the adapter's first values. */
  readonly seed: number;
  /** About how many tokens a micro-batch will have: decides how finely memory-hungry steps are cut. */
  readonly tokensPerRun?: number;
  /** About how long the longest row will be; by default as long as a micro-batch. */
  readonly rowTokensMax?: number;
  /** Trades a little time for half of the memory of a run. */
  readonly recompute?: boolean;
  /** Lets idle threads spin: only when nobody else wants the cores. */
  readonly spin?: boolean;
  /**
   * All that will ever be asked about, where lower layers are frozen: they read it once, before the network is there,
   * and from then on only what is above them is computed. By default every run computes every layer.
   */
  readonly reading?: Reading | null;
  /** An existing folder for the file of frozen weights, which is removed at the end; by default a temporary one. */
  readonly workFolder?: string;
}

const likelihood: Objective = { kind: 'likelihood', labelSmoothing: 0 };

export async function openNetwork(options: NetworkOptions): Promise<Network> {
  const {
    lanes = 1,
    threads,
    tokensPerRun: wanted = 512,
    recompute = true,
    spin = false,
    train,
    seed,
    objective = likelihood,
    head = null,
    hiddenDropout = 0,
    device = 'cpu',
  } = options;
  const { rowTokensMax = wanted } = options;
  // A longer row is a micro-batch of its own.
  const tokensPerRun = Math.max(wanted, rowTokensMax);
  await using gguf = await openGguf(options.modelPath);
  const architecture = await readArchitecture(gguf);
  const folder = await mkdtemp(join(options.workFolder ?? tmpdir(), 'tunesmith-weights-'));
  try {
    const exactFrom = firstTrained(train, architecture.layers);
    const precision = { base: options.basePrecision, exactFrom };
    const layout = await freezeWeights(gguf, architecture, precision, folder, threads, head && { plan: head, seed });
    const model = { architecture, layout, folder };
    const laneThreads = Math.max(1, Math.floor(threads / lanes));
    const run = { device, tokensPerRun, rowTokensMax, recompute, spin };
    const laneOptions = { train, objective, hiddenDropout, seed, threads: laneThreads, ...run, streamFrom: null };
    // What is dropped differs from step to step, and pairs of answers are judged as pairs.
    const fixed = hiddenDropout === 0 && objective.kind === 'likelihood';
    const trunk = fixed ? trunkOf(train, architecture.layers) : null;
    const { reading = null } = options;
    if (reading === null || trunk === null || !(await fitsOnDisk(trunk, architecture.width, reading.sequences, folder)))
      return await Lanes.open(model, laneOptions, lanes);
    const memory = await readOnce(model, trunk, reading, { threads, device, rowTokensMax });
    return trunk.keeps === 'judged'
      ? await HeadNetwork.open(model, { ...laneOptions, threads }, memory)
      : await Lanes.open(model, { ...laneOptions, streamFrom: trunk.end }, lanes, memory);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
