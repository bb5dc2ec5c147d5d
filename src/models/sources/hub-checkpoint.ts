/**
 * A repository of the hub that holds a safetensors checkpoint: its files are fetched one by one, each checked against the
 * hash that the hub names, all of the commit that the first one was of; then the importer makes a GGUF of them.
 */

import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TunesmithError } from '../../domain/errors.ts';
import type { HubCheckpointSource, HubSource } from '../catalogue.ts';
import { companions, filesInIndex, weightsIndex } from '../import/checkpoint.ts';
import { isObject } from '../import/json-file.ts';
import { fetchFromHub, fetchSmallFromHub, type HubSettings } from './hub.ts';
import { fetchFromCheckpoint } from './local.ts';
import type { Fetched, Watch } from './receive.ts';

export async function fetchCheckpointFromHub(
  { repository, revision }: HubCheckpointSource,
  settings: HubSettings,
  folder: string,
  watch: Watch,
): Promise<Fetched> {
  const checkpoint = join(folder, repository.split('/')[1]!);
  await mkdir(checkpoint, { recursive: true });
  const file = (name: string, at: string): HubSource => ({ type: 'hub', repository, file: name, revision: at });
  const config = await fetchSmallFromHub(file('config.json', revision), settings, watch);
  if (config === null)
    throw new TunesmithError(
      'internal',
      `${repository} at ${revision} has no config.json, or is private: for a GGUF name its file too, as owner/name/file.gguf.`,
      { code: 'hub_failed' },
    );
  const commit = config.commit ?? revision;
  await writeFile(join(checkpoint, 'config.json'), config.bytes);
  for (const name of companions) {
    const found = await fetchSmallFromHub(file(name, commit), settings, watch);
    // What an earlier, broken pull of another commit left must not be taken for this one's.
    if (found === null) await rm(join(checkpoint, name), { force: true });
    else {
      await mkdir(dirname(join(checkpoint, name)), { recursive: true });
      await writeFile(join(checkpoint, name), found.bytes);
    }
    if (name === weightsIndex) await fetchWeights(found?.bytes ?? null);
  }
  const fetched = await fetchFromCheckpoint(checkpoint, folder, watch);
  await rm(checkpoint, { recursive: true });
  return { ...fetched, revision: config.commit };

  async function fetchWeights(index: Buffer | null): Promise<void> {
    for (const name of index === null ? ['model.safetensors'] : filesInIndex(parse(index))) {
      const path = join(checkpoint, name);
      const weights = await fetchFromHub(file(name, commit), settings, folder, null, watch, path);
      await rename(weights.path, path);
    }
  }
}

function parse(index: Buffer): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(index.toString());
  if (isObject(value)) return value;
  throw new TunesmithError('invalid', `${weightsIndex} is not a JSON object.`, { code: 'model_unreadable' });
}
