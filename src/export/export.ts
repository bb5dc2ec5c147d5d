/**
 * A model leaves the house: as a GGUF, in Hugging Face's layout, as a PEFT adapter, for Ollama, or as all of these.
 *
 * Everything is written into a hidden folder beside the target, tensor by tensor; then each form is loaded again and
 * has to give the model's greedy answers (`probes.ts`); then the sums are taken, and one rename makes the folder
 * appear. Whoever sees it sees all of it, and an export that fails or is stopped leaves nothing behind.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Closing } from '../closing.ts';
import { invalid, TunesmithError } from '../domain/errors.ts';
import type { Message } from '../domain/example.ts';
import { flushFolder, writeAtomically } from '../formats/atomic-write.ts';
import type { ServedModel } from '../models/registry.ts';
import { assertSpace } from '../models/sources/receive.ts';
import { TextCodec } from '../text/codec.ts';
import { isEncoder } from '../families/table.ts';
import { type EncoderFiles, writeEncoderCheckpoint, writeEncoderGguf } from './encoder.ts';
import { adapterFromPeft } from './peft.ts';
import { curvesPicture, modelCard, type CardFacts } from './card.ts';
import { writeGgufModel } from './gguf-model.ts';
import { assertHuggingFace, readBack, writeHuggingFaceModel, writeJson, writeTokenizer } from './hugging-face.ts';
import { modelfile } from './modelfile.ts';
import type { ExportType } from './pack.ts';
import {
  assertFaithful,
  compareWith,
  type Comparison,
  type Contestant,
  probesFrom,
  probesWanted,
  referenceAnswers,
  type ReferenceAnswer,
} from './probes.ts';
import type { Story } from './story.ts';
import { Weights } from './weights.ts';

export const exportForms = ['gguf', 'safetensors', 'peft', 'ollama', 'folder'] as const;
export type ExportForm = (typeof exportForms)[number];

export interface ExportOptions {
  readonly model: ServedModel;
  readonly story: Story | null;
  /** Conversations to ask from, up to where the assistant speaks. */
  readonly conversations: readonly (readonly Message[])[];
  readonly form: ExportForm;
  /** The adapter by itself, for forms that can be either. */
  readonly adapterOnly: boolean;
  readonly type: ExportType;
  /** The folder that is to appear. */
  readonly path: string;
  /** Whether an earlier export there may be replaced. */
  readonly force: boolean;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

export interface ExportResult {
  readonly model: string;
  readonly path: string;
  readonly files: Readonly<Record<string, string>>;
  readonly tested: Readonly<Record<string, Comparison>>;
}

const sumsFile = 'SHA256SUMS';
const factsFile = 'export.json';

export async function exportModel(options: ExportOptions): Promise<ExportResult> {
  const path = resolve(options.path);
  await assertFree(path, options.force);
  await mkdir(dirname(path), { recursive: true });
  const draft = await mkdtemp(join(dirname(path), `.${basename(path)}-`));
  try {
    if (isEncoder(options.model.base)) await writeEncoder(options, draft);
    const tested = isEncoder(options.model.base) ? {} : await writeDecoder(options, draft);
    const out = join(draft, outFolder);
    const files = await sumsOf(out, options);
    await writeText(
      join(out, sumsFile),
      Object.entries(files)
        .map(([name, sum]) => `${sum}  ${name}\n`)
        .join(''),
    );
    options.signal.throwIfAborted();
    await publish(out, path, draft);
    return { model: options.model.id, path, files, tested };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const outFolder = 'export';

async function writeDecoder(options: ExportOptions, draft: string): Promise<Readonly<Record<string, Comparison>>> {
  await using work = await Work.open(options, draft);
  return await work.write();
}

/** An encoder is whole and knows no adapters or templates. */
async function writeEncoder({ model, story, form, type }: ExportOptions, draft: string): Promise<void> {
  const { base } = model;
  const can = ['gguf', 'safetensors', 'folder'];
  if (!can.includes(form))
    throw invalid(
      'form',
      `${model.id} is an encoder, which leaves as ${can.join(', ')}; found ${form}.`,
      'invalid_value',
    );
  if (type === 'q8_0')
    throw invalid('type', `${model.id} is an encoder, which keeps its precision; found q8_0.`, 'invalid_value');
  const out = join(draft, outFolder);
  await mkdir(out);
  await assertSpace(draft, base.parameters * 4 * 3 + 2 ** 24);
  const below = form === 'folder';
  const written: Record<string, EncoderFiles> = {};
  if (form !== 'safetensors')
    written[below ? 'gguf' : ''] = await writeEncoderGguf(base, join(out, below ? 'gguf' : ''));
  if (form !== 'gguf')
    written[below ? 'safetensors' : ''] = await writeEncoderCheckpoint(
      base,
      join(out, below ? 'safetensors' : ''),
      draft,
    );
  const placed = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);
  const contents = Object.entries(written).flatMap(([folder, files]) =>
    Object.entries(files.contents).map(([name, what]) => [placed(folder, name), what] as const),
  );
  if (story !== null && story.steps.length > 0) await writeText(join(out, 'curves.svg'), curvesPicture(story.steps));
  const card: CardFacts = {
    model: model.id,
    base,
    story,
    library: form === 'gguf' ? 'gguf' : 'transformers',
    contents: Object.fromEntries(contents),
    tested: {},
    use: Object.values(written).map(({ use }) => use),
  };
  await writeText(join(out, 'README.md'), modelCard(card));
}

/** One export on its way. */
class Work implements AsyncDisposable {
  /** What will appear. */
  readonly out: string;
  readonly #options: ExportOptions;
  readonly #draft: string;
  readonly #weights: Weights;
  readonly #codec: TextCodec;
  readonly #open: Closing;
  readonly #contents: Record<string, string> = {};
  readonly #tested: Record<string, Comparison> = {};
  readonly #answers = new Map<string, ReferenceAnswer[]>();

  private constructor(options: ExportOptions, draft: string, weights: Weights, open: Closing) {
    this.#options = options;
    this.#draft = draft;
    this.out = join(draft, outFolder);
    this.#weights = weights;
    this.#codec = TextCodec.fromGguf(weights.metadata);
    this.#open = open;
  }

  static async open(options: ExportOptions, draft: string): Promise<Work> {
    const { base, adapter } = options.model;
    const { form, adapterOnly, type } = options;
    if (adapter === null && (form === 'peft' || adapterOnly))
      throw invalid(
        'model',
        `${options.model.id} has no adapter: it is ${options.model.ownFolder === null ? 'a base model' : 'a fine-tuned model with weights of its own'}.`,
        'no_adapter',
      );
    if (form === 'safetensors' && type === 'q8_0')
      throw invalid('type', 'safetensors has no q8_0; expected f32 or f16.', 'invalid_value');
    await using opening = new Closing();
    const weights = opening.use(await Weights.open(base.path, adapter));
    if (form === 'safetensors' || form === 'folder')
      assertHuggingFace({ architecture: base.architecture, list: weights.list });
    await mkdir(join(draft, outFolder));
    const copies = { gguf: 1, safetensors: 2, peft: 0.2, ollama: 1, folder: 3 }[form];
    await assertSpace(draft, base.parameters * 4 * copies + 2 ** 24);
    return new Work(options, draft, weights, opening.move());
  }

  /** Writes and tests everything but the sums. */
  async write(): Promise<Readonly<Record<string, Comparison>>> {
    const { form, adapterOnly, model, story } = this.#options;
    switch (form) {
      case 'gguf':
        await (adapterOnly ? this.#adapter('') : this.#gguf(''));
        break;
      case 'safetensors':
        await this.#huggingFace('');
        break;
      case 'peft':
        await this.#peft('');
        break;
      case 'ollama':
        await this.#ollama('', adapterOnly);
        break;
      case 'folder':
        await this.#ollama('gguf', false);
        if (model.adapter !== null) await this.#adapter('gguf');
        await this.#huggingFace('safetensors');
        if (model.adapter !== null) await this.#peft('peft');
        break;
      default:
        throw form satisfies never;
    }
    await this.#told(story);
    return this.#tested;
  }

  async #gguf(below: string): Promise<void> {
    const { model, type } = this.#options;
    const path = await this.#place(
      below,
      'model.gguf',
      `the whole model${model.adapter === null ? '' : ', adapter merged'}, ${type}`,
    );
    const onTensor = this.#onTensor('writing model.gguf');
    await writeGgufModel(path, { weights: this.#weights, codec: this.#codec, type, name: model.id, onTensor });
    await this.#test(join(below, 'model.gguf'), { modelPath: path, adapter: null }, type);
  }

  async #adapter(below: string): Promise<void> {
    const { base, adapter } = this.#options.model;
    const path = await this.#place(below, 'adapter.gguf', `the adapter alone, for llama.cpp on top of ${base.id}`);
    await writeAtomically(path, createReadStream(adapter!));
    await this.#test(join(below, 'adapter.gguf'), { modelPath: base.path, adapter: path }, 'f32');
  }

  async #huggingFace(below: string): Promise<void> {
    const { model } = this.#options;
    const type = this.#options.type === 'f32' ? 'f32' : 'f16';
    const { architecture } = model.base;
    const folder = dirname(
      await this.#place(below, 'model.safetensors', `the whole model in Hugging Face's layout, ${type}`),
    );
    this.#note(below, 'config.json', 'its shape');
    this.#noteTokenizer(below);
    const onTensor = this.#onTensor('writing model.safetensors');
    const written = { weights: this.#weights, codec: this.#codec, architecture, type, onTensor } as const;
    await writeHuggingFaceModel(folder, written);
    const again = join(this.#draft, 'read-back.gguf');
    await readBack(folder, { ...written, onTensor: this.#onTensor('reading model.safetensors') }, again);
    await this.#test(join(below, 'model.safetensors'), { modelPath: again, adapter: null }, type);
    await rm(again);
  }

  async #peft(below: string): Promise<void> {
    const { base, adapterFolder } = this.#options.model;
    const path = await this.#place(below, 'adapter_model.safetensors', 'the adapter for Hugging Face peft');
    this.#note(below, 'adapter_config.json', 'its rank, scale and targets');
    this.#noteTokenizer(below);
    const folder = dirname(path);
    for (const name of ['adapter_model.safetensors', 'adapter_config.json'])
      await writeAtomically(join(folder, name), createReadStream(join(adapterFolder!, name)));
    await writeTokenizer(folder, this.#weights, this.#codec, base.contextTokens);
    const again = join(this.#draft, 'read-back.gguf');
    await adapterFromPeft(folder, base, again);
    await this.#test(join(below, 'adapter_model.safetensors'), { modelPath: base.path, adapter: again }, 'f32');
    await rm(again);
  }

  async #ollama(below: string, adapterOnly: boolean): Promise<void> {
    const { base } = this.#options.model;
    if (adapterOnly) {
      const path = await this.#place(below, 'base.gguf', `${base.id} as it is`);
      await writeAtomically(path, createReadStream(base.path, { highWaterMark: 1 << 20 }));
      await this.#adapter(below);
    } else await this.#gguf(below);
    const text = modelfile(this.#codec, {
      model: adapterOnly ? 'base.gguf' : 'model.gguf',
      adapter: adapterOnly ? 'adapter.gguf' : null,
      licence: base.licence,
      contextTokens: base.contextTokens,
    });
    await writeText(await this.#place(below, 'Modelfile', 'template and stops for Ollama'), text);
  }

  /** The card, the curves, and the facts for programs. */
  async #told(story: Story | null): Promise<void> {
    const { model, form, type } = this.#options;
    if (story !== null && story.steps.length > 0) {
      await writeText(await this.#place('', 'curves.svg', 'loss over the steps'), curvesPicture(story.steps));
    }
    this.#note('', factsFile, 'all of this for programs');
    this.#note('', sumsFile, 'SHA-256 of every file');
    const { base } = model;
    const card: CardFacts = {
      model: model.id,
      base,
      story,
      library: form === 'peft' ? 'peft' : form === 'safetensors' ? 'transformers' : 'gguf',
      contents: this.#contents,
      tested: this.#tested,
      use: useOf(this.#contents),
    };
    await writeText(join(this.out, 'README.md'), modelCard(card));
    await writeJson(join(this.out, factsFile), {
      version: 1,
      model: model.id,
      form,
      type,
      base: { id: base.id, name: base.name, sha256: base.sha256, licence: base.licence, original: base.original },
      job: story?.job.id ?? null,
      step: story?.step ?? null,
      files: story?.files ?? [],
      settings: story?.settings ?? {},
      metrics: story?.steps.at(-1) ?? null,
      task_metrics: story?.taskMetrics ?? null,
      tested: this.#tested,
    });
  }

  /** Loads what was written and asks it what the model was asked. */
  async #test(what: string, export_: Contestant, type: ExportType): Promise<void> {
    const reference = await this.#reference(export_.modelPath !== this.#options.model.base.path);
    const asking = this.#asking(`asking ${what}`);
    const comparison = await compareWith(reference, export_, asking);
    assertFaithful(what, type, comparison);
    this.#tested[what] = comparison;
  }

  /** `merged`: an export without the base's own rounding is held against the floats that the trainer computes with. */
  async #reference(merged: boolean): Promise<ReferenceAnswer[]> {
    const key = merged ? 'trained' : 'served';
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const { base, adapter } = this.#options.model;
    const rounded = Object.keys(base.architecture.tensorTypes).some((type) => type !== 'F32');
    const floats = join(this.#draft, 'base-f32.gguf');
    if (merged && rounded) {
      await using bare = await Weights.open(base.path, null);
      const onTensor = this.#onTensor('writing the base as floats');
      await writeGgufModel(floats, { weights: bare, codec: this.#codec, type: 'f32', name: base.id, onTensor });
    }
    const probes = probesFrom(this.#codec, this.#options.conversations, base.contextTokens);
    const modelPath = merged && rounded ? floats : base.path;
    const asking = this.#asking('asking the model');
    const answers = await referenceAnswers({ modelPath, adapter }, this.#codec, probes, base.contextTokens, asking);
    if (answers.length === 0)
      throw new TunesmithError(
        'internal',
        'The export is not offered: no question fits into the model, so it cannot be tested.',
        {
          code: 'export_untested',
        },
      );
    this.#answers.set(key, answers);
    await rm(floats, { force: true });
    return answers;
  }

  #asking(what: string) {
    const { threads, signal, onProgress } = this.#options;
    return { threads, signal, onProbe: (done: number) => onProgress(what, done, probesWanted) };
  }

  #onTensor(what: string): () => void {
    let done = 0;
    return () => {
      this.#options.signal.throwIfAborted();
      this.#options.onProgress(what, done++, this.#weights.list.length);
    };
  }

  async #place(below: string, name: string, what: string): Promise<string> {
    this.#note(below, name, what);
    await mkdir(join(this.out, below), { recursive: true });
    return join(this.out, below, name);
  }

  #note(below: string, name: string, what: string): void {
    this.#contents[below === '' ? name : `${below}/${name}`] = what;
  }

  #noteTokenizer(below: string): void {
    this.#note(below, 'tokenizer.json', 'its tokenizer');
    this.#note(below, 'tokenizer_config.json', 'its special tokens and chat template');
    this.#note(below, 'generation_config.json', 'the tokens that end its turns');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }
}

const writeText = (path: string, text: string): Promise<void> => writeAtomically(path, [Buffer.from(text)]);

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Only what an earlier export left may be replaced, and only when that is wanted. */
async function assertFree(path: string, force: boolean): Promise<void> {
  if (!(await exists(path))) return;
  const ours = (await exists(join(path, factsFile))) && (await exists(join(path, sumsFile)));
  if (force && ours) return;
  const way = ours ? '--force replaces it' : 'name another place with -o';
  throw new TunesmithError('conflict', `${path} is there already; ${way}.`, { param: 'output', code: 'export_exists' });
}

async function publish(from: string, to: string, draft: string): Promise<void> {
  if (await exists(to)) await rename(to, join(draft, 'replaced'));
  await rename(from, to);
  await flushFolder(dirname(to));
}

/** SHA-256 by path below the folder, in order of the names. */
async function sumsOf(folder: string, { signal, onProgress }: ExportOptions): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
  const sums: Record<string, string> = {};
  for (const [i, name] of names.entries()) {
    onProgress('taking sums', i, names.length);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(folder, name), { highWaterMark: 1 << 20, signal }))
      hash.update(chunk as Buffer);
    sums[name] = hash.digest('hex');
  }
  return sums;
}

/** How to use each of the files that are there. */
function useOf(contents: Readonly<Record<string, string>>): string[] {
  const known: Readonly<Record<string, (path: string) => string>> = {
    'model.gguf': (path) => `llama.cpp: \`llama-cli -m ${path}\``,
    'adapter.gguf': (path) =>
      `llama.cpp: \`llama-cli -m ${Object.hasOwn(contents, 'base.gguf') ? 'base.gguf' : '<the base>'} --lora ${path}\``,
    Modelfile: (path) => `Ollama: \`ollama create my-model -f ${path}\`, then \`ollama run my-model\``,
    'model.safetensors': (path) => `transformers: \`AutoModelForCausalLM.from_pretrained("${folderOf(path)}")\``,
    'adapter_model.safetensors': (path) => `PEFT: \`PeftModel.from_pretrained(base, "${folderOf(path)}")\``,
  };
  const lines = Object.keys(contents).flatMap((path) => {
    const use = known[basename(path)];
    return use === undefined ? [] : [`- ${use(path)}`];
  });
  return [lines.join('\n'), 'Check the files: `sha256sum -c SHA256SUMS`.'];
}

const folderOf = (path: string): string => (dirname(path) === '.' ? '<this folder>' : `<this folder>/${dirname(path)}`);
