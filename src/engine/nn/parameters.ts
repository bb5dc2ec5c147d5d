/**
 * LoRA: what is trained. Beside a frozen linear layer W runs a thin detour, y = W x + scale B A x,
 * where the scale is alpha / rank, or alpha / sqrt(rank) for rsLoRA.
 *
 * Layers that read the same input share one matrix product with their A's on top of each other, so those lie
 * next to each other in one array. Every `Parameter` is a view into such an array, in PEFT's layout, and what the
 * optimiser writes is what the next run is fed.
 */

import { linearOf, linearSize } from '../../families/family.ts';
import type { LoraPlan } from '../protocol.ts';
import { Random, streams } from '../random.ts';
import { input, type Tensor } from '../graph/tensor.ts';
import type { Architecture } from './architecture.ts';
import type { Parameter } from './network.ts';

/** A trainable input of the graph. */
export interface TrainableInput {
  readonly name: string;
  readonly tensor: Tensor;
  readonly data: Float32Array;
  readonly gradient: Float32Array;
}

/** What the layers of a model go round by. */
export interface Detours {
  detour(layer: number, group: readonly string[]): Detour | null;
}

/** The detours of the modules of one group that have one. */
export interface Detour {
  /** [modules x rank, in]: the A's of `modules`, in their order. */
  readonly a: Tensor;
  readonly modules: readonly DetouredModule[];
  readonly rank: number;
  readonly scale: number;
}

export interface DetouredModule {
  readonly name: string;
  /** [out, rank] */
  readonly b: Tensor;
  /** Counts through the network: which dropout mask is this module's. */
  readonly index: number;
}

export class Adapter {
  readonly inputs: readonly TrainableInput[];
  /** In PyTorch's order: by layer, module, then A before B. */
  readonly parameters: readonly Parameter[];
  /** How many modules have a detour. */
  readonly moduleCount: number;
  /** None of the model's own weights is trained. */
  readonly weights: ReadonlyMap<string, Tensor> = new Map();
  readonly #detours: ReadonlyMap<string, Detour>;

  /** PEFT's start: A uniform in +-1/sqrt(in), B zero, so that training begins at the base model. */
  constructor(architecture: Architecture, lora: LoraPlan, seed: number) {
    const random = Random.fromSeed(seed).split(streams.adapter);
    const inputs: TrainableInput[] = [];
    const parameters: Parameter[] = [];
    const detours = new Map<string, Detour>();
    let moduleCount = 0;
    const trainable = (name: string, shape: readonly number[]): TrainableInput => {
      const count = shape.reduce((a, b) => a * b, 1);
      const data = new Float32Array(count);
      const made = { name, data, gradient: new Float32Array(count), tensor: input(name, shape, 'float32', true) };
      inputs.push(made);
      return made;
    };
    const { family } = architecture;
    const sizeOf = (target: string): { in: number; out: number } =>
      linearSize(linearOf(family, target).role, architecture);
    for (let layer = 0; layer < architecture.layers; layer++) {
      for (const group of Object.values(architecture.groups)) {
        const members = group.filter((module) => lora.targets.includes(module));
        if (members.length === 0) continue;
        const inSize = sizeOf(members[0]!).in;
        const count = lora.rank * inSize;
        const key = detourKey(layer, group);
        const a = trainable(`${key}.A`, [members.length * lora.rank, inSize]);
        const detoured = members.map((name, i): DetouredModule => {
          const { out } = sizeOf(name);
          const b = trainable(`layers.${layer}.${name}.B`, [out, lora.rank]);
          const path = `base_model.model.${family.huggingFace.layers}.${layer}.${linearOf(family, name).path}`;
          const data = a.data.subarray(i * count, (i + 1) * count);
          fillUniform(data, 1 / Math.sqrt(inSize), random.split(moduleCount));
          parameters.push(
            {
              name: `${path}.lora_A.weight`,
              shape: [lora.rank, inSize],
              data,
              gradient: a.gradient.subarray(i * count, (i + 1) * count),
              decay: true,
            },
            { name: `${path}.lora_B.weight`, shape: [out, lora.rank], data: b.data, gradient: b.gradient, decay: true },
          );
          return { name, b: b.tensor, index: moduleCount++ };
        });
        detours.set(key, { a: a.tensor, modules: detoured, rank: lora.rank, scale: scaleOf(lora) });
      }
    }
    this.inputs = inputs;
    this.parameters = parameters;
    this.moduleCount = moduleCount;
    this.#detours = detours;
  }

  detour(layer: number, group: readonly string[]): Detour | null {
    return this.#detours.get(detourKey(layer, group)) ?? null;
  }
}

/** What a detour counts beside its layer. */
const scaleOf = ({ rank, alpha, rslora }: LoraPlan): number => alpha / (rslora ? Math.sqrt(rank) : rank);

const detourKey = (layer: number, group: readonly string[]): string => `layers.${layer}.${group.join('+')}`;

function fillUniform(data: Float32Array, limit: number, random: Random): void {
  for (let i = 0; i < data.length; i++) data[i] = (random.uint32() / 2 ** 31 - 1) * limit;
}
