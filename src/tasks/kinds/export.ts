/** `export`: writes a model for other programs; the task's files are what may be taken away. Begun again after a crash. */

import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { invalid, notFound } from '../../domain/errors.ts';
import type { ExportedFile, ExportTaskResult } from '../../domain/base-model.ts';
import { exportApart } from '../../export/apart.ts';
import { exportForms } from '../../export/options.ts';
import { exportTypes } from '../../export/pack.ts';
import { isEncoder } from '../../families/table.ts';
import type { ServedModel } from '../../models/registry.ts';
import { taskKind, type TaskRooms } from '../task-kind.ts';

export const exportTask = taskKind({
  type: 'export',
  schema: z.strictObject({
    model: z.string().min(1),
    format: z.enum(exportForms),
    /** How weights are stored. */
    precision: z.enum(exportTypes).nullish(),
    /** The adapter by itself, for formats that can be either. */
    adapter_only: z.boolean().nullish(),
  }),
  lane: 'heavy',
  resumes: true,

  async check({ model, format, precision, adapter_only: adapterOnly }, rooms) {
    const found = await find(rooms, model);
    const wrong = (param: string, message: string) => invalid(param, message, 'invalid_value');
    if (isEncoder(found.base) && !formatsOfEncoders.includes(format))
      throw wrong(
        'format',
        `The model '${model}' tells labels apart, and leaves as ${formatsOfEncoders.join(', ')}; found '${format}'.`,
      );
    if (isEncoder(found.base) && precision === 'q8_0')
      throw wrong('precision', `The model '${model}' tells labels apart, and keeps its precision; found 'q8_0'.`);
    if (found.adapter === null && (format === 'peft' || adapterOnly === true))
      throw wrong(format === 'peft' ? 'format' : 'adapter_only', `The model '${model}' has no adapter of its own.`);
    if (adapterOnly === true && (format === 'safetensors' || format === 'folder'))
      throw wrong('adapter_only', `'adapter_only' goes with gguf and ollama; found the format '${format}'.`);
    if (precision === 'q8_0' && format === 'safetensors')
      throw wrong('precision', "The format safetensors has no q8_0; expected 'f32' or 'f16'.");
  },

  async run({ model, format, precision, adapter_only: adapterOnly }, desk) {
    const { rooms, signal, folder, offered, progress } = desk;
    const path = join(folder, 'made');
    for (const name of await readdir(folder)) if (name !== 'files') await rm(join(folder, name), { recursive: true });
    const type = precision ?? 'f16';
    const order = {
      home: rooms.home,
      model: await find(rooms, model),
      form: format,
      adapterOnly: adapterOnly === true,
      type,
      path,
      threads: rooms.threads,
    };
    const onProgress = (what: string, done: number, total: number): void =>
      progress({ message: sentence(what), done, total, unit: what.startsWith('asking') ? 'questions' : 'tensors' });
    const { files, tested } = await exportApart(order, folder, { signal, onProgress });
    await rm(offered, { recursive: true, force: true });
    await rename(path, offered);
    const listed: ExportedFile[] = [];
    for (const [name, sha256] of Object.entries(files))
      listed.push({ name, bytes: (await lstat(join(offered, name))).size, sha256 });
    return { model, format, precision: type, files: listed, tested } satisfies ExportTaskResult;
  },
});

/** As `exportModel` has it. */
const formatsOfEncoders: readonly string[] = ['gguf', 'safetensors', 'folder'];

async function find(rooms: TaskRooms, name: string): Promise<ServedModel> {
  const model = await rooms.models.resolve(name);
  if (model !== null) return model;
  throw notFound('model', `The model '${name}' does not exist`, 'model_not_found');
}

const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
