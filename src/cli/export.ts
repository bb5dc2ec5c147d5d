/**
 * `tunesmith export MODEL`: a model leaves the house, whole or as an adapter, with everything that belongs to it.
 *
 * Models belong to the operator of the data folder, so this works on the folder itself, also beside its server, and
 * changes nothing in it.
 */

import { join } from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { Closing } from '../closing.ts';
import { readSettings } from '../config.ts';
import { notFound, TunesmithError } from '../domain/errors.ts';
import type { Message } from '../domain/example.ts';
import { defaultProject } from '../domain/project.ts';
import { tell } from '../export/card.ts';
import { exportModel } from '../export/export.ts';
import { type ExportForm, exportForms } from '../export/options.ts';
import { type ExportType, exportTypes } from '../export/pack.ts';
import { questionsIn } from '../export/questions.ts';
import { projectOf, type Story, storyOf } from '../export/story.ts';
import { ModelAliases } from '../models/aliases.ts';
import { BaseModels } from '../models/base-models.ts';
import { ModelRegistry } from '../models/registry.ts';
import { Blobs } from '../store/blobs.ts';
import { openDatabase } from '../store/database.ts';
import { lockFolder } from '../store/folder-lock.ts';
import type { Act, Context } from './context.ts';
import { UsageError } from './outcome.ts';
import { record, type Terminal } from './terminal.ts';

interface ExportOptions {
  readonly to: ExportForm;
  readonly output?: string;
  readonly type: ExportType;
  readonly merged?: boolean;
  readonly adapter?: boolean;
  readonly force?: boolean;
}

const details = `
Forms:
  gguf         model.gguf for llama.cpp; with --adapter adapter.gguf, to put on the base
  safetensors  Hugging Face's layout: config, tokenizer, chat template, model.safetensors
  peft         the adapter for Hugging Face peft
  ollama       a GGUF and a Modelfile with template and stops
  folder       all of these
Every export is a folder with a model card, curves and SHA256SUMS. It appears only after it was loaded again and gave
the model's greedy answers to ten questions; q8_0 may differ where the model itself was undecided, and says how often.

Examples:
  $ tunesmith export ft:smollm2-135m-instruct:personal:spam:AbC12345 --to gguf --type q8_0
  $ tunesmith export ft:smollm2-135m-instruct:personal:spam:AbC12345 --to peft -o spam-adapter
  $ tunesmith export smollm2-135m-instruct --to safetensors --type f32`;

export function exportCommand(program: Command, act: Act): void {
  program
    .command('export <model>')
    .description('write a model for other programs: llama.cpp, Hugging Face, PEFT, Ollama')
    .addOption(new Option('--to <form>', 'what to write').choices(exportForms).makeOptionMandatory())
    .option('-o, --output <folder>', 'the folder that is to appear (default: named after the model)')
    .addOption(new Option('--type <type>', 'how weights are stored').choices(exportTypes).default('f16'))
    .option('--merged', 'the whole model, the adapter merged into it; what gguf and ollama are otherwise')
    .option('--adapter', 'the adapter alone (gguf), or beside its base (ollama)')
    .option('--force', 'replace an earlier export')
    .addHelpText('after', details)
    .action(act<ExportOptions>(async (context, options, name = '') => await exportFrom(context, options, name)));
}

async function exportFrom(context: Context, options: ExportOptions, name: string): Promise<void> {
  context.refuseBaseUrl('Models are exported on the machine that has them');
  const { to: form, merged = false, adapter = false, type, force = false } = options;
  if (merged && adapter) throw new UsageError('--merged and --adapter exclude each other.');
  if (adapter && (form === 'safetensors' || form === 'folder'))
    throw new UsageError(
      `--adapter does not go with --to ${form}; expected gguf or ollama. For Hugging Face: --to peft.`,
    );
  if (merged && form === 'peft')
    throw new UsageError('PEFT is an adapter by nature; for merged weights: --to safetensors.');
  await using rooms = await openRooms(context);
  const { model, story } = await rooms.find(name);
  const path = options.output ?? `${name.replaceAll(/[^\w.-]+/g, '-')}-${form}`;
  const { threads } = readSettings(context.surroundings.env, { home: context.home });
  try {
    const result = await exportModel({
      model,
      story,
      conversations: story === null ? [] : await rooms.questions(story),
      form,
      adapterOnly: adapter,
      type,
      path,
      force,
      threads,
      signal: context.signal,
      onProgress: progress(context.terminal),
    });
    context.terminal.live('');
    for (const [what, comparison] of Object.entries(result.tested))
      context.terminal.note(`${what}: ${tell(comparison)}.`);
    context.terminal.result(result, () =>
      record({ model: result.model, folder: result.path, files: Object.keys(result.files).join(', ') }),
    );
  } finally {
    context.terminal.live('');
  }
}

/** The folder's rows: under its lock when it is free, beside its server when it is not. */
async function openRooms(context: Context) {
  await using opening = new Closing();
  const { home } = context;
  const settings = readSettings(context.surroundings.env, { home });
  const bases = await BaseModels.open(home);
  const lock = await lockFolder(home).catch((error: unknown) => {
    if (error instanceof TunesmithError && error.code === 'data_folder_in_use') return null;
    throw error;
  });
  if (lock !== null) opening.use(lock);
  const rows = opening.use(await openDatabase(join(home, 'tunesmith.db'), { migrating: lock !== null }));
  const { names } = await ModelAliases.open(rows, bases, settings.modelAliases);
  const registry = new ModelRegistry(rows, bases, names, settings.organization);
  const open = opening.move();
  return {
    find: async (name: string) => {
      const model = await registry.of((await projectOf(rows, name)) ?? defaultProject).resolve(name);
      if (model === null)
        throw notFound(
          'model',
          `The model "${name}" is not on this machine. See: tunesmith models list`,
          'model_not_found',
        );
      return { model, story: await storyOf(rows, name) };
    },
    questions: async ({ files }: Story): Promise<Message[][]> => {
      const file = files.findLast(({ sha256 }) => sha256 !== null);
      return file === undefined ? [] : await questionsIn((await Blobs.open(join(home, 'files'))).path(file.id));
    },
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

const patienceMs = 2000;
const redrawMs = 100;

function progress(terminal: Terminal): (what: string, done: number, total: number) => void {
  let drawnMs = performance.now() + patienceMs - redrawMs;
  return (what, done, total) => {
    const nowMs = performance.now();
    if (nowMs - drawnMs < redrawMs) return;
    drawnMs = nowMs;
    terminal.live(`  ${what}: ${done} of ${total}`);
  };
}
