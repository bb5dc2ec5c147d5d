/**
 * What is trained: LoRA's detours beside frozen layers, or weights of the model itself.
 *
 * Either way a trained tensor is an input of the graph, fed from the live array that the optimiser writes; every other
 * weight stays in its file. What no trained tensor lies under has no gradient, so that frozen layers below the lowest
 * trained one cost no backward pass.
 */

import type { Tensor } from '../graph/tensor.ts';
import type { TrainPlan } from '../protocol.ts';
import type { Parameter } from './network.ts';
import { Adapter, type Detours, type TrainableInput } from './parameters.ts';
import { TrainedWeights } from './trained-weights.ts';
import type { FrozenModel } from './weights.ts';

export interface Trainables extends Detours {
  readonly inputs: readonly TrainableInput[];
  readonly parameters: readonly Parameter[];
  /** How many modules have a detour. */
  readonly moduleCount: number;
  /** Weights that are inputs of the graph, by their names in the layout. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

export function makeTrainables(model: FrozenModel, train: TrainPlan, seed: number): Trainables {
  return train.mode === 'lora' ? new Adapter(model.architecture, train, seed) : new TrainedWeights(model, train);
}
