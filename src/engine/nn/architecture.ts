/**
 * What a model is made of: its family's row with the numbers of its own file.
 *
 * A file that says anything this engine would silently compute wrongly is refused.
 */

import { TunesmithError } from '../../domain/errors.ts';
import { doubtsAbout } from '../../families/doubts.ts';
import { groupsOf, type Family, type LinearGroups, type ModelSizes } from '../../families/family.ts';
import { readEpsilon, readSizes } from '../../families/sizes.ts';
import { families, familyOf } from '../../families/table.ts';
import { embeddingName, headName, ropeDivisors, tensorsOf } from '../../families/tensors.ts';
import type { Gguf } from '../../formats/gguf.ts';

/** Plain data: it goes to other threads. */
export interface Architecture extends ModelSizes {
  readonly family: Family;
  readonly groups: LinearGroups;
  readonly epsilon: number;
  /** True if logits come from the embedding matrix itself. */
  readonly tiedHead: boolean;
  /** Radians that each pair of numbers of a head turns per position, [headSize / 2]; none where positions are learned. */
  readonly rotations: readonly Float64Array[];
  readonly layerKinds: readonly LayerKind[];
}

export interface LayerKind {
  /** Which of the `rotations` turns queries and keys. */
  readonly rotation: number | null;
  /** How many tokens a token sees, itself included; null is all that are before it. */
  readonly window: number | null;
}

export async function readArchitecture(gguf: Gguf): Promise<Architecture> {
  const { metadata, tensors, path } = gguf;
  const refuse = (reason: string): TunesmithError => unsupported(path, reason);
  const name = metadata.string('general.architecture');
  const family = familyOf(name);
  if (family === undefined) {
    const known = families.map(({ architecture }) => architecture).join(', ');
    throw refuse(`its architecture is "${name}"; expected one of ${known}`);
  }
  if (!tensors.has(embeddingName)) throw refuse(`it has no "${embeddingName}"`);
  const sizes = readSizes(gguf, refuse);
  checkTensors(gguf, family, sizes);
  const [doubt] = doubtsAbout(gguf, family);
  if (doubt !== undefined) throw refuse(`the engine ${doubt}`);
  const { rotations, layerKinds } = await readLayers(gguf, family, sizes);
  return {
    ...sizes,
    family,
    groups: groupsOf(family),
    epsilon: readEpsilon(gguf, refuse),
    tiedHead: !tensors.has(headName),
    rotations,
    layerKinds,
  };
}

/** Gemma 3's layers with a window turn by a base of their own, and only the others are stretched for long texts. */
async function readLayers(
  gguf: Gguf,
  { architecture, design }: Family,
  { layers, headSize }: ModelSizes,
): Promise<Pick<Architecture, 'rotations' | 'layerKinds'>> {
  const { metadata } = gguf;
  const { globalEvery } = design;
  if (design.positions === 'learned') {
    return { rotations: [], layerKinds: Array.from({ length: layers }, () => ({ rotation: null, window: null })) };
  }
  const rotation = await stretchedRotation(gguf, architecture, headSize);
  if (globalEvery === null) {
    return { rotations: [rotation], layerKinds: Array.from({ length: layers }, () => ({ rotation: 0, window: null })) };
  }
  const window = metadata.number(`${architecture}.attention.sliding_window`);
  const near = turns(metadata.number(`${architecture}.rope.freq_base_swa`, 10_000), headSize);
  const kind = (layer: number): LayerKind =>
    (layer + 1) % globalEvery === 0 ? { rotation: 0, window: null } : { rotation: 1, window };
  return { rotations: [rotation, near], layerKinds: Array.from({ length: layers }, (_, layer) => kind(layer)) };
}

async function stretchedRotation(gguf: Gguf, architecture: string, headSize: number): Promise<Float64Array> {
  const { metadata, tensors } = gguf;
  const scaling = metadata.string(`${architecture}.rope.scaling.type`, 'none');
  const slower = scaling === 'linear' ? metadata.number(`${architecture}.rope.scaling.factor`) : 1;
  const base = metadata.number(`${architecture}.rope.freq_base`, 10_000);
  // Llama 3.1 and later stretch some wavelengths: a divisor for each pair, in a tensor of its own.
  const divisors = tensors.has(ropeDivisors) ? await gguf.read(ropeDivisors) : null;
  return turns(base, headSize).map((turn, i) => turn / slower / (divisors?.[i] ?? 1));
}

const turns = (base: number, headSize: number): Float64Array =>
  Float64Array.from({ length: headSize / 2 }, (_, i) => base ** ((-2 * i) / headSize));

/** Every tensor of the family is there with its shape, and there is none that it does not have. */
function checkTensors({ tensors, path }: Gguf, family: Family, sizes: ModelSizes): void {
  const expected = tensorsOf(family, sizes);
  for (const { gguf: name, shape, optional } of expected) {
    const found = tensors.get(name)?.shape;
    if (found === undefined && optional) continue;
    if (found?.join() !== shape.join()) {
      const what = found === undefined ? 'is missing' : `has shape [${found.join(', ')}]`;
      throw unsupported(path, `tensor "${name}" ${what}; expected [${shape.join(', ')}]`);
    }
  }
  const names = new Set(expected.map(({ gguf }) => gguf));
  for (const name of tensors.keys()) {
    if (!names.has(name)) throw unsupported(path, `it has a tensor "${name}", which a plain ${family.title} does not`);
  }
}

const unsupported = (path: string, reason: string): TunesmithError =>
  new TunesmithError('invalid', `The model ${path} cannot be trained: ${reason}.`, { code: 'model_unsupported' });
