/**
 * A fine-tuned model that is whole: a GGUF of its own with a manifest, in a folder of its own.
 *
 *   model.gguf      the base's file with other numbers in the tensors that were trained, and perhaps a head more
 *   manifest.json   as a base model has it; its id is nobody's name, but tells runtimes and calibrations apart
 *   README.md       for people
 *
 * An adapter may lie beside it: then that was trained on top of this model. Trained tensors are kept in half
 * precision, and exactly where the base's were exact; all others stay byte for byte. The folder appears by one rename.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { copyFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { invalid } from '../domain/errors.ts';
import { poolerName } from '../families/label-head.ts';
import { interleaveRows } from '../families/row-order.ts';
import { familyOf } from '../families/table.ts';
import { tensorsOf } from '../families/tensors.ts';
import { flushFolder, writeAtomically } from '../formats/atomic-write.ts';
import { openGguf, writeGguf, type Gguf, type GgufTensorSource } from '../formats/gguf.ts';
import { GgufMetadata, ggufValue, type GgufValue } from '../formats/gguf-metadata.ts';
import { halvesOf } from '../formats/half.ts';
import { floats, readSafetensors } from '../formats/safetensors.ts';
import { wholeModelCard, type ModelCard } from './adapter-card.ts';
import { manifestSchema, sizesOf, type BaseModel, type Manifest } from './manifest.ts';
import { addAdapter } from './merging.ts';

export interface WholeModelExport {
  /** A checkpoint of the trainer, with `weights.safetensors`. */
  readonly checkpointFolder: string;
  /** What was trained on. */
  readonly base: BaseModel;
  /** What it is that was trained, for people. */
  readonly trained: string;
  /** Made by this. One that exists already was finished earlier and stays. */
  readonly folder: string;
  readonly card: ModelCard;
}

export async function exportWholeModel(wanted: WholeModelExport): Promise<void> {
  const { checkpointFolder, folder } = wanted;
  if (await exists(folder)) return;
  const { tensors } = await readSafetensors(join(checkpointFolder, 'weights.safetensors'));
  const trained = new Map([...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: floats(tensor) }]));
  await writeWholeModel(wanted, trained, []);
}

/** The base with these tensors instead of its own, or more; in PyTorch's order of rows, under the file's names. */
export async function writeWholeModel(
  wanted: Omit<WholeModelExport, 'checkpointFolder'>,
  trained: ReadonlyMap<string, Values>,
  entries: readonly (readonly [string, GgufValue])[],
): Promise<void> {
  const { base, folder, card } = wanted;
  await appear(folder, async (draft) => {
    const identity = {
      id: idBelow(base, card.job, card.step),
      name: card.model,
      source: `job:${card.job}/step-${card.step}`,
    };
    await writeModel(draft, { base, adapter: null, trained: inFileOrder(base, trained), entries, ...identity });
    await writeAtomically(join(draft, 'README.md'), [Buffer.from(wholeModelCard(base, wanted.trained, card))]);
  });
}

/** A model with an adapter folded in, in a new folder: what training of its own weights goes on from. */
export async function mergeAdapter(
  { base, adapter }: { readonly base: BaseModel; readonly adapter: string },
  folder: string,
  name: string,
): Promise<void> {
  await using opened = await openGguf(adapter);
  await appear(folder, async (draft) => {
    const identity = { id: `${base.id}.merged`, name, source: `merged:${name}` };
    await writeModel(draft, { base, adapter: opened, trained: new Map(), entries: [], ...identity });
  });
}

/** The whole model in a folder, or null when there is none. */
export async function wholeModelAt(folder: string): Promise<BaseModel | null> {
  let text: string;
  try {
    text = await readFile(join(folder, 'manifest.json'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const { version: _version, ...manifest } = manifestSchema.parse(JSON.parse(text));
  return { ...manifest, path: join(folder, 'model.gguf') };
}

/** Puts a whole model into another folder as well, without a second copy of its bytes where the disk can do that. */
export async function shareWholeModel(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of ['model.gguf', 'manifest.json']) {
    await rm(join(to, name), { force: true });
    await link(join(from, name), join(to, name)).catch(() => copyFile(join(from, name), join(to, name)));
  }
}

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

interface Writing {
  readonly base: BaseModel;
  readonly adapter: Gguf | null;
  /** In the file's order of rows. */
  readonly trained: ReadonlyMap<string, Values>;
  /** Metadata that replaces or adds to the base's. */
  readonly entries: readonly (readonly [string, GgufValue])[];
  readonly id: string;
  readonly name: string;
  readonly source: string;
}

async function writeModel(
  folder: string,
  { base, adapter, trained, entries, id, name, source }: Writing,
): Promise<void> {
  await using gguf = await openGguf(base.path);
  const stranger = [...trained].find(([name, { shape }]) => !fits(gguf, name, shape));
  if (stranger !== undefined)
    throw invalid(
      null,
      `The trained tensor "${stranger[0]}" [${stranger[1].shape.join()}] does not belong to ${base.id}.`,
      'weights_unreadable',
    );
  const sources = [...gguf.tensors.values()].map(({ name, shape, type }): GgufTensorSource => {
    const values = trained.get(name);
    const changed = values !== undefined || adapter?.tensors.has(`${name}.lora_a`) === true;
    if (!changed)
      return {
        name,
        shape,
        type,
        data: async function* () {
          yield await gguf.readBytes(name);
        },
      };
    const read = async (): Promise<Float32Array> => {
      if (values !== undefined) return values.data;
      const merged = await gguf.read(name);
      await addAdapter(adapter!, name, merged);
      return merged;
    };
    return stored(name, values?.shape ?? shape, type === 'F32' || shape.length === 1, read);
  });
  for (const [name, { shape, data }] of trained) {
    // A head that has left the embedding is no tensor of the base.
    if (!gguf.tensors.has(name))
      sources.push(stored(name, shape, shape.length === 1 || exactBase(gguf), async () => data));
  }
  const metadata = new GgufMetadata([...gguf.metadata.entries(), ...entries, ['general.name', ggufValue.string(name)]]);
  const path = join(folder, 'model.gguf');
  await writeGguf(path, { metadata, tensors: sources });
  await writeManifest(folder, base, { id, name, source });
}

const exactBase = (gguf: Gguf): boolean => [...gguf.tensors.values()].every(({ type }) => type === 'F32');

/** What a tensor of the base may be replaced by; a head may come on top, and one of labels may have others. */
function fits(gguf: Gguf, name: string, shape: readonly number[]): boolean {
  if (name.startsWith(`${poolerName}.`)) return true;
  const own = gguf.tensors.get(name) ?? (name === 'output.weight' ? gguf.tensors.get('token_embd.weight') : undefined);
  return own !== undefined && own.shape.join() === shape.join();
}

function stored(
  name: string,
  shape: readonly number[],
  exact: boolean,
  read: () => Promise<Float32Array>,
): GgufTensorSource {
  return {
    name,
    shape,
    type: exact ? 'F32' : 'F16',
    async *data() {
      const values = await read();
      const written = exact ? values : halvesOf(values);
      yield new Uint8Array(written.buffer, written.byteOffset, written.byteLength);
    },
  };
}

async function writeManifest(
  folder: string,
  base: BaseModel,
  identity: Pick<Manifest, 'id' | 'name' | 'source'>,
): Promise<void> {
  const path = join(folder, 'model.gguf');
  await using gguf = await openGguf(path);
  const tensorTypes: Record<string, number> = {};
  let parameters = 0;
  for (const { type, shape } of gguf.tensors.values()) {
    tensorTypes[type] = (tensorTypes[type] ?? 0) + 1;
    parameters += shape.reduce((a, b) => a * b, 1);
  }
  const { path: _path, ...rest } = base;
  const manifest: Manifest = {
    version: 1,
    ...rest,
    ...identity,
    revision: null,
    sha256: await sha256Of(path),
    sizeBytes: (await stat(path)).size,
    parameters,
    createdAt: Math.floor(Date.now() / 1000),
    architecture: {
      ...base.architecture,
      parameters,
      tensorTypes,
      tiedEmbeddings: base.architecture.tiedEmbeddings && !gguf.tensors.has('output.weight'),
    },
  };
  await writeAtomically(join(folder, 'manifest.json'), [Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)]);
}

/** Trained tensors have PyTorch's order of rows; the file's may differ for queries and keys. */
function inFileOrder(base: BaseModel, trained: ReadonlyMap<string, Values>): ReadonlyMap<string, Values> {
  const family = familyOf(base.architecture.architecture);
  if (family === undefined) return trained;
  const ordered = new Map(trained);
  for (const { gguf: name, shape, change } of tensorsOf(family, sizesOf(base.architecture))) {
    const values = trained.get(name);
    if (values === undefined || change.kind !== 'interleave') continue;
    ordered.set(name, { ...values, data: interleaveRows(values.data, shape[1] ?? 1, change.heads) });
  }
  return ordered;
}

const idBelow = (base: BaseModel, job: string, step: number): string => `${base.id}.${job.toLowerCase()}.step-${step}`;

async function appear(folder: string, fill: (draft: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
  try {
    await fill(draft);
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
    await flushFolder(dirname(folder));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
