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
import { labelHeadPlaces, trainedPlaces, TrainedWeights } from './trained-weights.ts';
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
  const { layout, architecture } = model;
  if (train.mode !== 'lora') return new TrainedWeights(model, trainedPlaces(layout, train));
  const adapter = new Adapter(architecture, train, seed);
  if (layout.labelHead === null) return adapter;
  // Labels are new to the model: what tells them apart is trained whole.
  const places = labelHeadPlaces(layout.labelHead).map((place) => [place.name, place] as const);
  const head = new TrainedWeights(model, new Map(places));
  return {
    inputs: [...adapter.inputs, ...head.inputs],
    parameters: [...adapter.parameters, ...head.parameters],
    moduleCount: adapter.moduleCount,
    weights: head.weights,
    detour: (layer, group) => adapter.detour(layer, group),
  };
}
