/**
 * The data files of a Hugging Face data set: listed by the hub, fetched into a folder, read by `dataset/convert`.
 *
 * The hub is the one that every Hugging Face tool is told of (HF_ENDPOINT, HF_TOKEN). Files under LFS are checked
 * against their SHA-256 and resumed; small ones come as they are.
 */

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { invalid } from '../domain/errors.ts';
import { fetchFromHub, type HubSettings } from '../models/sources/hub.ts';
import type { Watch } from '../models/sources/receive.ts';
import { guardedFetch } from '../outbound/guarded-fetch.ts';

export interface DatasetRequest {
  /** `owner/name`, or a name alone for the oldest ones. */
  readonly name: string;
  readonly revision: string;
  readonly split: string;
  /** Exactly these files, instead of those that the split's name finds. */
  readonly files?: readonly string[] | undefined;
}

interface HubFile {
  readonly path: string;
  readonly size: number;
  readonly isLarge: boolean;
}

const extensions = ['.parquet', '.jsonl', '.ndjson', '.json', '.csv', '.tsv'];
const pagesMax = 50;
const smallBytesMax = 64 << 20;

/** The data files of the split in the order of their names, the best format where there are several. */
export async function datasetFiles(
  request: DatasetRequest,
  settings: HubSettings,
  signal?: AbortSignal,
): Promise<HubFile[]> {
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(request.name))
    throw invalid(null, `"${request.name}" is not the name of a data set; owner/name was expected.`, 'invalid_dataset');
  const all = (await listFiles(request, settings, signal)).filter(({ path }) =>
    extensions.includes(extname(path).toLowerCase()),
  );
  const paths = all.map(({ path }) => path);
  if (request.files !== undefined) {
    const missing = request.files.find((path) => !paths.includes(path));
    if (missing !== undefined) throw notThere(request, `has no file "${missing}"`, paths);
    return all.filter(({ path }) => request.files?.includes(path));
  }
  const ofSplit = all.filter(({ path }) => wordsOf(path).includes(request.split));
  const chosen = ofSplit.length > 0 || paths.some(namesSplit) ? ofSplit : all;
  const format = extensions.find((extension) => chosen.some(({ path }) => path.endsWith(extension)));
  const found = chosen.filter(({ path }) => format !== undefined && path.endsWith(format) && !isMetadata(path));
  if (found.length === 0) throw notThere(request, `has no data for the split "${request.split}"`, paths);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const splitNames = ['train', 'validation', 'valid', 'dev', 'test'];
const isMetadata = (path: string): boolean =>
  /(^|\/)(dataset_infos|dataset_dict|state|package|config)\.json$/.test(path);

/** `data/train-00000-of-00002.parquet`, `plain_text/test/0.jsonl` */
const wordsOf = (path: string): string[] => path.split(/[/_.-]+/);
const namesSplit = (path: string): boolean => wordsOf(path).some((word) => splitNames.includes(word));

function notThere({ name, revision }: DatasetRequest, what: string, paths: readonly string[]): Error {
  const known =
    paths.length === 0
      ? 'no Parquet, JSON or CSV file at all'
      : `${paths.slice(0, 12).join(', ')}${paths.length > 12 ? ', …' : ''}`;
  return invalid(null, `${name} (${revision}) ${what}; there is ${known}. Name files with --file.`, 'no_data_files');
}

async function listFiles(
  { name, revision }: DatasetRequest,
  settings: HubSettings,
  signal: AbortSignal | undefined,
): Promise<HubFile[]> {
  let url: string | null =
    `${settings.endpoint}/api/datasets/${name}/tree/${encodeURIComponent(revision)}?recursive=true`;
  const files: HubFile[] = [];
  for (let page = 0; url !== null && page < pagesMax; page++) {
    const { body, headers } = await ask(url, name, settings, signal);
    const entries = JSON.parse(body.toString('utf8')) as {
      type?: unknown;
      path?: unknown;
      size?: unknown;
      lfs?: unknown;
    }[];
    for (const { type, path, size, lfs } of entries)
      if (type === 'file' && typeof path === 'string')
        files.push({ path, size: Number(size ?? 0), isLarge: lfs !== undefined && lfs !== null });
    const next = /<([^>]+)>;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1];
    url = next !== undefined && new URL(next).origin === new URL(settings.endpoint).origin ? next : null;
  }
  return files;
}

/** The user chose the hub, so its address is not questioned; where it redirects to is the hub's business too. */
async function ask(
  url: string,
  name: string,
  { endpoint, token, stallMs }: HubSettings,
  signal: AbortSignal | undefined,
): ReturnType<typeof guardedFetch> {
  const answer = await guardedFetch(url, {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    allowInternal: true,
    bytesMax: smallBytesMax,
    timeoutMs: stallMs,
    signal,
  });
  if (answer.status === 200) return answer;
  if (answer.status === 401 || answer.status === 403 || answer.status === 404)
    throw invalid(
      null,
      `${name} is not there for us (${answer.status} from ${endpoint}): ${token === null ? 'set HF_TOKEN' : 'check HF_TOKEN'} if it is private or gated.`,
      'no_dataset',
    );
  throw invalid(null, `${endpoint} answers ${answer.status} for ${name}.`, 'hub_failed');
}

/** Fetches one file into the folder and gives its path there. */
export async function fetchDatasetFile(
  file: HubFile,
  request: DatasetRequest,
  settings: HubSettings,
  folder: string,
  watch: Watch,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, file.path.replaceAll('/', '__'));
  const repository = `datasets/${request.name}`;
  if (file.isLarge) {
    const source = { type: 'hub', repository, file: file.path, revision: request.revision } as const;
    const fetched = await fetchFromHub(source, settings, folder, null, watch);
    await rename(fetched.path, path);
  } else {
    const where = file.path.split('/').map(encodeURIComponent).join('/');
    const url = `${settings.endpoint}/${repository}/resolve/${encodeURIComponent(request.revision)}/${where}`;
    await writeFile(path, (await ask(url, request.name, settings, watch.signal)).body);
  }
  return path;
}
