/**
 * A trained adapter in the two forms the world reads, with a card that tells what it is.
 *
 *   adapter.gguf                                     llama.cpp, on top of the base's own GGUF
 *   adapter_model.safetensors, adapter_config.json   PEFT, on top of the unquantised original
 *   README.md                                        for people
 *
 * Effect on a weight W [out, in]: W + alpha / r · B A, with A [r, in] and B [out, r]; llama.cpp knows no rsLoRA, so
 * that its alpha is told as the one that comes to the same. The checkpoint has
 * Hugging Face's order of rows; the GGUF needs llama.cpp's for query and key (see `families/row-order.ts`).
 * The folder appears by one rename: whoever sees it sees all of it.
 */

import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { invalid } from '../domain/errors.ts';
import { flushFolder, writeAtomically } from '../formats/atomic-write.ts';
import { targetsOf, type Family } from '../families/family.ts';
import { toGguf, type Change } from '../families/row-order.ts';
import { familyOf } from '../families/table.ts';
import { tensorsOf } from '../families/tensors.ts';
import { writeGguf, type GgufTensorSource } from '../formats/gguf.ts';
import { GgufMetadata, ggufValue } from '../formats/gguf-metadata.ts';
import { floats, readSafetensors, type SafeTensor } from '../formats/safetensors.ts';
import { adapterCard, type AdapterCard } from './adapter-card.ts';
import { sizesOf, type BaseModel } from './manifest.ts';

export interface AdapterExport {
  /** A checkpoint of the trainer, with `adapter.safetensors`. */
  readonly checkpointFolder: string;
  readonly base: BaseModel;
  /** As the plan had it. */
  readonly lora: LoraShape;
  /** Where the four files go; made by this. One that exists already was finished earlier and stays. */
  readonly folder: string;
  readonly card: AdapterCard;
}

export type { AdapterCard } from './adapter-card.ts';

/** One adapted layer: its weight's name in the base's GGUF, and its two matrices as PEFT has them. */
interface Pair {
  readonly gguf: string;
  /** What happens to the weight's rows on the way into a GGUF, and so to B's. */
  readonly change: Change;
  readonly a: Matrix;
  readonly b: Matrix;
}

interface Matrix {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export async function exportAdapter({ checkpointFolder, base, lora, folder, card }: AdapterExport): Promise<void> {
  if (await exists(folder)) return;
  const source = join(checkpointFolder, 'adapter.safetensors');
  const { tensors } = await readSafetensors(source);
  const pairs = pairUp(tensors, base, lora.rank, source);

  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
  try {
    await writeGguf(join(draft, 'adapter.gguf'), ggufAdapter(base, pairs, lora));
    await writeAtomically(join(draft, 'adapter_model.safetensors'), createReadStream(source));
    await writeText(join(draft, 'adapter_config.json'), `${JSON.stringify(peftConfig(base, lora), null, 2)}\n`);
    await writeText(join(draft, 'README.md'), adapterCard(base, lora, card));
    await rename(draft, folder);
    await flushFolder(dirname(folder));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Makes the GGUF of an adapter that lies in PEFT's form at `source`. */
export async function writeGgufAdapter(
  path: string,
  { source, base, lora }: { readonly source: string; readonly base: BaseModel; readonly lora: LoraShape },
): Promise<void> {
  const { tensors } = await readSafetensors(source);
  await writeGguf(path, ggufAdapter(base, pairUp(tensors, base, lora.rank, source), lora));
}

export interface LoraShape {
  readonly rank: number;
  readonly alpha: number;
  /** The effect is alpha / sqrt(rank) B A then, not alpha / rank B A. */
  readonly rslora?: boolean;
  readonly targets: readonly string[];
}

const writeText = (path: string, text: string): Promise<void> => writeAtomically(path, [Buffer.from(text)]);

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const damaged = (path: string, what: string): Error =>
  invalid(null, `${path} is not an adapter: ${what}.`, 'adapter_unreadable');

/** Which family the base is of; throws where Tunesmith does not know its layers. */
export function familyOfBase({ id, architecture: { architecture } }: BaseModel): Family {
  const family = familyOf(architecture);
  if (family !== undefined) return family;
  throw invalid('model', `${id} is of the ${architecture} architecture, whose layers Tunesmith does not know.`);
}

/** The linear layers of a base, by PEFT's names. */
export const targetsOfBase = (base: BaseModel): string[] => targetsOf(familyOfBase(base));

function pairUp(tensors: ReadonlyMap<string, SafeTensor>, base: BaseModel, rank: number, path: string): Pair[] {
  const known = tensorsOf(familyOfBase(base), sizesOf(base.architecture));
  const byName = new Map(known.map((tensor) => [tensor.huggingFace, tensor]));
  const pairs: Pair[] = [];
  for (const [name, a] of tensors) {
    const match = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name);
    const weight = byName.get(`${match?.[1]}.weight`);
    if (match === null || weight?.shape.length !== 2 || !weight.gguf.startsWith('blk.'))
      throw damaged(path, `the tensor "${name}" is not of a known layer`);
    if (match[2] === 'B') continue;
    const b = tensors.get(name.replace('.lora_A.', '.lora_B.'));
    if (b === undefined) throw damaged(path, `"${name}" has no lora_B`);
    if (a.shape[0] !== rank || b.shape[1] !== rank)
      throw damaged(path, `"${name}" is [${a.shape.join()}] with B [${b.shape.join()}]; expected rank ${rank}`);
    pairs.push({ gguf: weight.gguf, change: weight.change, a: matrix(a), b: matrix(b) });
  }
  if (pairs.length === 0 || pairs.length * 2 !== tensors.size)
    throw damaged(path, `${tensors.size} tensors make ${pairs.length} pairs of lora_A and lora_B`);
  return pairs;
}

const matrix = (tensor: SafeTensor): Matrix => ({ shape: tensor.shape, data: floats(tensor) });

function ggufAdapter(base: BaseModel, pairs: readonly Pair[], lora: LoraShape) {
  const metadata = new GgufMetadata([
    ['general.architecture', ggufValue.string(base.architecture.architecture)],
    ['general.type', ggufValue.string('adapter')],
    ['general.name', ggufValue.string(`${base.id}-lora`)],
    ['adapter.type', ggufValue.string('lora')],
    ['adapter.lora.alpha', ggufValue.f32(lora.rslora === true ? lora.alpha * Math.sqrt(lora.rank) : lora.alpha)],
    ['tunesmith.base.id', ggufValue.string(base.id)],
    ['tunesmith.base.sha256', ggufValue.string(base.sha256)],
    ['tunesmith.lora.rank', ggufValue.u32(lora.rank)],
    ['tunesmith.lora.targets', ggufValue.strings(lora.targets)],
  ]);
  const tensors = pairs.flatMap(({ gguf, change, a, b }): GgufTensorSource[] => [
    ggufTensor(`${gguf}.lora_a`, a),
    ggufTensor(`${gguf}.lora_b`, { shape: b.shape, data: ggufRows(b, change) }),
  ]);
  return { metadata, tensors };
}

/** PEFT keeps A and B the same way round even where the weight lies transposed: only the order of rows differs. */
const ggufRows = ({ shape, data }: Matrix, change: Change): Float32Array =>
  change.kind === 'interleave' ? toGguf(data, shape, change) : data;

const ggufTensor = (name: string, { shape, data }: Matrix): GgufTensorSource => ({
  name,
  shape,
  type: 'F32',
  data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

/** PEFT's `adapter_config.json`. */
const peftConfig = (base: BaseModel, { rank, alpha, rslora, targets }: LoraShape): Record<string, unknown> => ({
  peft_type: 'LORA',
  task_type: 'CAUSAL_LM',
  base_model_name_or_path: base.original ?? base.id,
  revision: null,
  inference_mode: true,
  r: rank,
  lora_alpha: alpha,
  lora_dropout: 0,
  use_rslora: rslora ?? false,
  use_dora: false,
  bias: 'none',
  fan_in_fan_out: familyOfBase(base).huggingFace.transposed,
  modules_to_save: null,
  target_modules: targets,
});
