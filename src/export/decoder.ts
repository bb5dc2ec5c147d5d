/**
 * A decoder leaves, in each form that it is asked for in: each is written, loaded again, and has to give the model's greedy
 * answers before it is offered.
 */

import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Closing } from '../closing.ts';
import { invalid, TunesmithError } from '../domain/errors.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import { assertSpace } from '../models/sources/receive.ts';
import { TextCodec } from '../text/codec.ts';
import { curvesPicture, modelCard, type CardFacts } from './card.ts';
import { writeGgufModel } from './gguf-model.ts';
import { assertHuggingFace, readBack, writeHuggingFaceModel, writeJson, writeTokenizer } from './hugging-face.ts';
import { modelfile } from './modelfile.ts';
import { factsFile, outOf, sumsFile, writeText, type ExportOptions } from './options.ts';
import type { ExportType } from './pack.ts';
import { adapterFromPeft } from './peft.ts';
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

export async function writeDecoder(
  options: ExportOptions,
  draft: string,
): Promise<Readonly<Record<string, Comparison>>> {
  await using leaving = await DecoderExport.open(options, draft);
  return await leaving.write();
}

/** One export on its way. */
class DecoderExport implements AsyncDisposable {
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
    this.out = outOf(draft);
    this.#weights = weights;
    this.#codec = TextCodec.fromGguf(weights.metadata);
    this.#open = open;
  }

  static async open(options: ExportOptions, draft: string): Promise<DecoderExport> {
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
    await mkdir(outOf(draft));
    const copies = { gguf: 1, safetensors: 2, peft: 0.2, ollama: 1, folder: 3 }[form];
    await assertSpace(draft, base.parameters * 4 * copies + 2 ** 24);
    return new DecoderExport(options, draft, weights, opening.move());
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
