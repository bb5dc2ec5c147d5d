/** An encoder leaves: it is whole, and knows no adapters or templates. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../domain/errors.ts';
import { assertSpace } from '../models/sources/receive.ts';
import { curvesPicture, modelCard, type CardFacts } from './card.ts';
import { type EncoderFiles, writeEncoderCheckpoint, writeEncoderGguf } from './encoder-files.ts';
import { outOf, writeText, type ExportOptions } from './options.ts';

export async function writeEncoder({ model, story, form, type }: ExportOptions, draft: string): Promise<void> {
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
  const out = outOf(draft);
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
