/**
 * Weights of the model that are trained themselves, beginning as the model has them.
 *
 *   full         every weight
 *   last_layers  the last blocks and the final norm, and the head where it has a matrix of its own
 *   head         the final norm and the head; a head that was the embedding leaves it and goes its own way
 *
 * Of an encoder the head is what tells labels apart.
 * Names are those of the model's file, rows of query and key in PyTorch's order. Matrices decay; gains and biases do not.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { input, type Tensor } from '../graph/tensor.ts';
import type { TrainPlan } from '../protocol.ts';
import type { LabelHead } from './heads/label-head.ts';
import type { Parameter } from './network.ts';
import type { TrainableInput } from './parameters.ts';
import { placesIn, weightsFileName, type FrozenModel, type WeightPlace, type WeightsLayout } from './weights.ts';

/** How a head of its own is called in the file. */
const headName = 'output.weight';

export type DirectTrainPlan = Exclude<TrainPlan, { mode: 'lora' }>;

/** Where trained weights begin, by their names. */
export function trainedPlaces(layout: WeightsLayout, train: DirectTrainPlan): Map<string, WeightPlace> {
  const { blocks, head, embedding, finalNorm, labelHead } = layout;
  const ownHead = labelHead !== null ? labelHeadPlaces(labelHead) : head === embedding ? [] : [head];
  const chosen: Record<DirectTrainPlan['mode'], () => readonly WeightPlace[]> = {
    full: () => placesIn(layout),
    last_layers: () => [
      ...placesIn(blocks.slice(firstTrained(train, blocks.length))),
      ...placesIn(finalNorm),
      ...ownHead,
    ],
    head: () => (labelHead === null ? [...placesIn(finalNorm), head] : ownHead),
  };
  const named = chosen[train.mode]().map((place): [string, WeightPlace] => [
    train.mode === 'head' && labelHead === null && place === head ? headName : place.name,
    place,
  ]);
  return new Map(named);
}

export const labelHeadPlaces = ({ pooler, output }: LabelHead<WeightPlace>): WeightPlace[] =>
  placesIn([pooler, output]);

/** The first of so many blocks that is trained; as many as there are when none is. */
export function firstTrained(train: TrainPlan, blocks: number): number {
  if (train.mode === 'full') return 0;
  return train.mode === 'last_layers' ? Math.max(0, blocks - train.layers) : blocks;
}

export class TrainedWeights {
  readonly inputs: readonly TrainableInput[];
  readonly parameters: readonly Parameter[];
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly moduleCount = 0;

  constructor({ folder }: FrozenModel, places: ReadonlyMap<string, WeightPlace>) {
    const file = openSync(join(folder, weightsFileName), 'r');
    try {
      const made = [...places].map(([name, place]) => {
        const data = readFloats(file, place);
        const tensor = input(`trained ${name}`, place.shape, 'float32', true);
        const gradient = new Float32Array(data.length);
        return { name, shape: place.shape, data, gradient, tensor };
      });
      this.inputs = made.map(({ tensor, data, gradient, name }) => ({
        name: `trained ${name}`,
        tensor,
        data,
        gradient,
      }));
      this.parameters = made.map(({ name, shape, data, gradient }) => ({
        name,
        shape,
        data,
        gradient,
        decay: shape.length > 1,
      }));
      this.weights = new Map(made.map(({ name, tensor }) => [name, tensor]));
    } finally {
      closeSync(file);
    }
  }

  detour(): null {
    return null;
  }
}

function readFloats(file: number, { offset, sizeBytes }: WeightPlace): Float32Array {
  const values = new Float32Array(sizeBytes / Float32Array.BYTES_PER_ELEMENT);
  const bytes = new Uint8Array(values.buffer);
  for (let at = 0; at < sizeBytes;) {
    const read = readSync(file, bytes, at, Math.min(sizeBytes - at, 2 ** 30), offset + at);
    if (read === 0) throw new Error(`weights.bin ends at byte ${offset + at}; expected ${offset + sizeBytes} bytes`);
    at += read;
  }
  return values;
}
