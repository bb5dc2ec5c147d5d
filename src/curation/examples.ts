/** Rows of a file for somebody to look at: as they are, what is wrong with them, and how a model would see them. */

import { invalid, TunesmithError } from '../domain/errors.ts';
import type { ExampleFormat } from '../domain/example.ts';
import type { FileExample, TokenSequence } from '../domain/file-example.ts';
import { readExamples, type ExampleQuery } from '../dataset/examples.ts';
import { labelledText } from '../dataset/labelled/rows.ts';
import { suggestRepair } from '../dataset/repair/alone.ts';
import type { Row } from '../dataset/rows.ts';
import { seenSequences, textsOfTokens } from '../dataset/view.ts';
import type { BaseModel } from '../models/base-models.ts';
import type { ModelRegistry } from '../models/registry.ts';
import type { Files } from '../store/files.ts';
import { TextCodec } from '../text/codec.ts';
import type { EncoderCodec } from '../text/encoder-codec.ts';

export interface ExampleRooms {
  readonly files: Files;
  readonly models: ModelRegistry;
  /** The text side of a base model. */
  readonly textOf: (base: BaseModel) => Promise<TextCodec | EncoderCodec>;
}

/** Longer rows are shown as the beginning of their text. */
const valueBytesMax = 256 * 1024;
const textShown = 4096;
const problemsShown = 50;
const tokensShown = 16_384;

/** What a row looks like to a model. */
interface Eye {
  readonly codec: TextCodec | EncoderCodec;
  readonly tokensMax: number;
}

export async function examplesOf(
  rooms: ExampleRooms,
  file: string,
  { model, ...query }: ExampleQuery & { readonly model: string | null },
): Promise<{ readonly data: readonly FileExample[]; readonly more: boolean }> {
  await rooms.files.get(file);
  const eye = model === null ? null : await eyeOf(rooms, model);
  const { format, rows, more } = await readExamples(rooms.files.path(file), query);
  return { data: rows.map((row) => exampleOf(row, format, eye)), more };
}

async function eyeOf({ models, textOf }: ExampleRooms, name: string): Promise<Eye> {
  const found = await models.resolve(name);
  if (found === null) throw invalid('model', `The model '${name}' does not exist.`, 'model_not_found');
  return { codec: await textOf(found.base), tokensMax: found.base.contextTokens };
}

function exampleOf(row: Row, format: ExampleFormat, eye: Eye | null): FileExample {
  const { line, text, problems, value } = row;
  const bytes = Buffer.byteLength(text);
  const shown = value !== undefined && bytes <= valueBytesMax;
  const suggested = shown && problems.length > 0 ? suggestRepair(row, format) : null;
  return {
    object: 'file.example',
    line,
    format,
    value: shown ? value : null,
    text: shown ? null : text.slice(0, textShown),
    bytes,
    problems: problems.slice(0, problemsShown),
    repair:
      suggested === null
        ? null
        : {
            value: suggested.mended?.value ?? null,
            changes: suggested.changes,
            broken: suggested.mended?.broken ?? false,
          },
    ...seen(row, eye),
  };
}

function seen(row: Row, eye: Eye | null): Pick<FileExample, 'sequences' | 'refusal'> {
  if (eye === null || row.checked === null) return { sequences: null, refusal: null };
  const { codec, tokensMax } = eye;
  if (!(codec instanceof TextCodec)) return readByEncoder(row, codec, tokensMax);
  try {
    const sequences = seenSequences(row.checked, codec, row.line, tokensMax).map(
      ({ title, tokens, supervised, cut }): TokenSequence => {
        const first = tokens.slice(0, tokensShown);
        const ids = first.map(({ id }) => id);
        return {
          title,
          length: tokens.length,
          supervised,
          cut,
          label: null,
          ids,
          texts: textsOfTokens(ids, codec.tokenizer),
          loss: first.map(({ loss }) => (loss ? 1 : 0)),
          special: first.map(({ special }) => (special ? 1 : 0)),
        };
      },
    );
    return { sequences, refusal: null };
  } catch (error) {
    if (error instanceof TunesmithError) return { sequences: null, refusal: error.message };
    throw error;
  }
}

/** An encoder reads the text as a whole and is judged by its label. */
function readByEncoder({ checked }: Row, codec: EncoderCodec, tokensMax: number) {
  if (checked?.format !== 'chat')
    return { sequences: null, refusal: 'A model that only reads learns from conversations whose answers are labels.' };
  const { text, answer } = labelledText(checked.example);
  const { ids: all, tokens } = codec.encode(text, tokensMax);
  const ids = Array.from(all).slice(0, tokensShown);
  const sequence: TokenSequence = {
    title: null,
    length: tokens,
    supervised: 0,
    cut: tokens - all.length,
    label: answer,
    ids,
    texts: textsOfTokens(ids, codec.tokenizer),
    loss: ids.map(() => 0),
    special: ids.map((id) => (codec.tokenizer.isControl(id) ? 1 : 0)),
  };
  return { sequences: [sequence], refusal: null };
}
