/** Which kind of file it is, by what was said, by its name, or by its first bytes; and then its rows. */

import { extname } from 'node:path';
import { stat } from 'node:fs/promises';
import { invalid } from '../../domain/errors.ts';
import { unreadable, sourceFormats, type ReadingOptions, type Source, type SourceFormat } from './source.ts';
import { openConll } from './sources/conll.ts';
import { openDelimited } from './sources/delimited.ts';
import { openJson } from './sources/json.ts';
import { openParquet } from './sources/parquet.ts';
import { fromTestColumns, openPromptfoo } from './sources/promptfoo.ts';
import { readHead } from './sources/text.ts';
import { openXlsx } from './sources/xlsx.ts';

const openers: Readonly<Record<SourceFormat, (path: string, options: ReadingOptions) => Promise<Source>>> = {
  csv: openDelimited,
  tsv: openDelimited,
  json: openJson,
  jsonl: openJson,
  parquet: openParquet,
  xlsx: openXlsx,
  conll: openConll,
  promptfoo: openPromptfoo,
};

const byExtension: Readonly<Record<string, SourceFormat>> = {
  '.csv': 'csv', '.tsv': 'tsv', '.tab': 'tsv', '.json': 'json', '.jsonl': 'jsonl', '.ndjson': 'jsonl', '.parquet': 'parquet',
  '.pq': 'parquet', '.xlsx': 'xlsx', '.xlsm': 'xlsx', '.conll': 'conll', '.conllu': 'conll', '.conll2003': 'conll', '.bio': 'conll',
  '.iob': 'conll', '.iob2': 'conll', '.yaml': 'promptfoo', '.yml': 'promptfoo',
}; // prettier-ignore

export async function openSource(path: string, options: ReadingOptions): Promise<Source> {
  if (!(await stat(path)).isFile()) throw unreadable(path, 'is not a file.');
  const from = options.from ?? (await guessFormat(path));
  const source = await openers[from](path, { ...options, from });
  if (from === 'json') return (await isPromptfoo(source)) ? await openPromptfoo(path, options) : source;
  if (from !== 'csv' && from !== 'tsv') return source;
  const first = await source.rows().next();
  const columns = first.done === true ? [] : [...(first.value.fields?.keys() ?? [])];
  return columns.includes('__expected') || columns.includes('__expected1') ? fromTestColumns(source) : source;
}

async function guessFormat(path: string): Promise<SourceFormat> {
  const named = byExtension[extname(path.replace(/\.gz$/i, '')).toLowerCase()];
  if (named !== undefined) return named;
  const head = (await readHead(path, 16))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (head.startsWith('PAR1')) return 'parquet';
  if (head.startsWith('PK\x03\x04')) return 'xlsx';
  if (/^[[{]/.test(head)) return 'json';
  throw invalid(
    null,
    `${path}: the name does not say what it is; say it with --from ${sourceFormats.join('|')}.`,
    'unknown_format',
  );
}

/** Test cases in JSON: objects with `vars`. */
async function isPromptfoo(source: Source): Promise<boolean> {
  const first = await source.rows().next();
  return (
    first.done !== true && typeof first.value.fields?.get('vars') === 'object' && !first.value.fields.has('messages')
  );
}
