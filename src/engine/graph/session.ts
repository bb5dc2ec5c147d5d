/**
 * Runs a program: arrays in, arrays out. A session holds the runtime's copy of the weights.
 *
 * `run` blocks its thread until the numbers are there, so sessions belong into a process of their own.
 */

import * as ort from 'onnxruntime-node';
import assert from 'node:assert/strict';
import type { Device } from '../../domain/device.ts';
import { sizeOf, type Sizes } from './dims.ts';
import type { Program } from './emit.ts';

export interface SessionOptions {
  /** What computes, by default the processor. What a device has no kernel for, the processor does in its stead. */
  readonly device?: Device;
  /** The folder in which the program's weight files lie. */
  readonly weightsFolder?: string;
  readonly threads: number;
  /**
   * Repacks weights for the fastest products, which takes time at the start and about their size in memory again.
   * Without it, weights stay pages of their file that sessions share.
   */
  readonly packWeights: boolean;
  /**
   * Keeps memory that a value no longer needs for the next one, in blocks that double as they are asked for. Faster
   * where many values are small; where they are large and uneven much of it is never filled. By default true.
   */
  readonly arena?: boolean;
  /** Lets idle threads spin between two ops: faster when no other process wants the cores, much slower when one does. */
  readonly spin?: boolean;
}

export type Feeds = Readonly<Record<string, NodeJS.TypedArray>>;

export async function openSession(program: Program, options: SessionOptions): Promise<Session> {
  const session: Record<string, unknown> = {
    intra_op: { allow_spinning: options.spin ? '1' : '0' },
    disable_prepacking: options.packWeights ? '0' : '1',
  };
  if (options.weightsFolder !== undefined) {
    session['model_external_initializers_file_folder_path'] = options.weightsFolder;
  }
  const inner = await ort.InferenceSession.create(program.model, {
    executionProviders: providers[options.device ?? 'cpu'],
    // Our graphs are written as they should run; merging equal nodes would undo recomputation.
    graphOptimizationLevel: 'disabled',
    // With a pattern, the second run allocates one giant block on top of the first run's.
    enableMemPattern: false,
    enableCpuMemArena: options.arena ?? true,
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    extra: { session },
  });
  return new Session(inner, program);
}

const providers: Readonly<Record<Device, ort.InferenceSession.ExecutionProviderConfig[]>> = {
  cpu: ['cpu'],
  webgpu: ['webgpu', 'cpu'],
  cuda: ['cuda', 'cpu'],
};

export class Session implements AsyncDisposable {
  readonly #inner: ort.InferenceSession;
  readonly #program: Program;

  constructor(inner: ort.InferenceSession, program: Program) {
    this.#inner = inner;
    this.#program = program;
  }

  /** All outputs by name. `sizes` says what the named dims of the program's shapes are this time. */
  async run(feeds: Feeds, sizes: Sizes = {}): Promise<Readonly<Record<string, Float32Array>>> {
    const tensors: Record<string, ort.Tensor> = {};
    for (const { name, element, shape, sizes: content } of this.#program.inputs) {
      const data = content ? BigInt64Array.from(content, (dim) => BigInt(sizeOf(dim, sizes))) : feeds[name];
      assert(data !== undefined, `run: nothing was fed for ${name}`);
      const dims = shape.map((dim) => sizeOf(dim, sizes));
      const count = dims.reduce((a, b) => a * b, 1);
      assert(data.length === count, `run: ${name} has ${data.length} numbers, [${dims.join(',')}] needs ${count}`);
      tensors[name] = new ort.Tensor(element, data as Float32Array, dims);
    }
    const outputs = await this.#inner.run(tensors);
    const named = Object.entries(this.#program.outputs);
    return Object.fromEntries(named.map(([name, inModel]) => [name, outputs[inModel]!.data as Float32Array]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner.release();
  }
}
