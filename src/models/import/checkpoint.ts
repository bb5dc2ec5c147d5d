/**
 * A folder as the Hugging Face hub has it: config.json, the tokenizer's files, and weights in one or several
 * safetensors files. Everything in it is a stranger's, and read as such.
 */

import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Closing } from '../../closing.ts';
import { openSafetensors, type Dtype, type SafeTensor, type SafetensorsFile } from '../../formats/safetensors.ts';
import { Fields, readJsonFile, readTextFile, unusable, type Json } from './json-file.ts';

export const weightsIndex = 'model.safetensors.index.json';

/** What an import reads beside config.json and the weights, as far as a model has it. */
export const companions = [
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'chat_template.jinja',
  'modules.json',
  '1_Pooling/config.json',
  weightsIndex,
] as const;

export interface CheckpointTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export class Checkpoint implements AsyncDisposable {
  readonly folder: string;
  readonly config: Fields;
  readonly tokenizer: Json;
  readonly tokenizerConfig: Fields;
  readonly generationConfig: Fields;
  /** In a file of its own, where it is newer; otherwise tokenizer_config.json may have it. */
  readonly chatTemplate: string | null;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly #files: ReadonlyMap<string, SafetensorsFile>;
  readonly #open: Closing;

  private constructor(parts: CheckpointParts, files: ReadonlyMap<string, SafetensorsFile>, open: Closing) {
    this.folder = parts.folder;
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.tokenizerConfig = parts.tokenizerConfig;
    this.generationConfig = parts.generationConfig;
    this.chatTemplate = parts.chatTemplate;
    this.tensors = new Map([...files].map(([name, file]) => [name, file.tensors.get(name)!]));
    this.#files = files;
    this.#open = open;
  }

  static async open(folder: string): Promise<Checkpoint> {
    const config = await readJsonFile(join(folder, 'config.json'));
    if (config === null) throw unusable(`${folder} has no config.json beside its weights`);
    const tokenizer = await readJsonFile(join(folder, 'tokenizer.json'));
    if (tokenizer === null) throw unusable(`${folder} has no tokenizer.json; only fast tokenizers can be read`);
    const parts = {
      folder,
      config: new Fields('config.json', config),
      tokenizer,
      tokenizerConfig: new Fields(
        'tokenizer_config.json',
        (await readJsonFile(join(folder, 'tokenizer_config.json'))) ?? {},
      ),
      generationConfig: new Fields(
        'generation_config.json',
        (await readJsonFile(join(folder, 'generation_config.json'))) ?? {},
      ),
      chatTemplate: await readTextFile(join(folder, 'chat_template.jinja')),
    };
    await using opening = new Closing();
    const files = new Map<string, SafetensorsFile>();
    for (const name of await weightFiles(folder)) {
      const file = opening.use(await openSafetensors(join(folder, name)));
      for (const tensor of file.tensors.keys()) {
        if (files.has(tensor)) throw unusable(`the tensor "${tensor}" is in two of its files`);
        files.set(tensor, file);
      }
    }
    return new Checkpoint(parts, files, opening.move());
  }

  async read(name: string): Promise<SafeTensor> {
    const file = this.#files.get(name);
    if (file === undefined) throw unusable(`the tensor "${name}" is missing`);
    return await file.read(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }
}

type CheckpointParts = Pick<
  Checkpoint,
  'folder' | 'config' | 'tokenizer' | 'tokenizerConfig' | 'generationConfig' | 'chatTemplate'
>;

/** The index names them; without one there is a single file. Names with folders in them lead nowhere. */
export async function weightFiles(folder: string): Promise<string[]> {
  const index = await readJsonFile(join(folder, weightsIndex));
  if (index !== null) return filesInIndex(index);
  const found = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
  if (found.includes('model.safetensors')) return ['model.safetensors'];
  if (found.length === 1) return found;
  throw unusable(
    found.length === 0
      ? `${folder} has no .safetensors file`
      : `${folder} has ${found.length} .safetensors files (${found.sort().join(', ')}) and no ${weightsIndex}`,
  );
}

export function filesInIndex(index: Json): string[] {
  const map = new Fields(weightsIndex, index).fields('weight_map');
  if (map === null) throw unusable(`${weightsIndex} has no "weight_map"`);
  const names = [...new Set(Object.values(index['weight_map'] as Json))];
  return names.map((name) => {
    if (typeof name === 'string' && name.endsWith('.safetensors') && basename(name) === name) return name;
    throw unusable(`${weightsIndex} names a file ${JSON.stringify(name)}; expected one of this folder`);
  });
}
