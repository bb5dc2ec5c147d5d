/**
 * A folder of what was taken, and its manifest: every object with its path, its SHA-256 and when it was taken.
 *
 *   manifest.json      whole and flushed, replaced in one step
 *   journal.jsonl      what was taken since: a line per object, so that nothing taken is taken twice after a crash
 *
 * An object's bytes reach the disk before its line does. Opening the folder reads both, and a line that a crash cut
 * short is passed over: its object is taken again. Ids come from a server and may be anything; a path never is.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { invalid } from '../domain/errors.ts';
import { writeAtomically } from '../formats/atomic-write.ts';

export const kinds = ['models', 'files', 'fine_tuning_jobs', 'evals', 'stored_completions', 'recordings'] as const;
export type Kind = (typeof kinds)[number];

/** One thing that was taken. `key` is its path in the folder as well, with `/` between. */
export interface Entry {
  readonly path: string;
  readonly kind: Kind;
  readonly id: string;
  readonly sha256: string;
  readonly bytes: number;
  /** ISO 8601. */
  readonly taken_at: string;
  /** Whether it cannot change any more over there, so that nobody needs to look again. */
  readonly final: boolean;
  readonly note?: string;
}

export interface Problem {
  readonly kind: Kind;
  /** Null where the whole kind could not be taken. */
  readonly id: string | null;
  readonly status: number | null;
  readonly reason: 'no_rights' | 'not_there' | 'failed';
  readonly message: string;
  readonly at: string;
}

export interface Manifest {
  readonly format: 'tunesmith.openai-capture';
  readonly version: 1;
  /** Where all this is from. */
  readonly base_url: string;
  readonly started_at: string;
  readonly finished_at: string | null;
  /** Of the newest run. */
  readonly problems: readonly Problem[];
  readonly entries: readonly Entry[];
}

export class Capture {
  readonly folder: string;
  readonly baseUrl: string;
  readonly #startedAt: string;
  readonly #entries: Map<string, Entry>;
  #finishedAt: string | null;
  #problems: readonly Problem[];

  private constructor(folder: string, { base_url, started_at, finished_at, entries, problems }: Manifest) {
    this.folder = folder;
    this.baseUrl = base_url;
    this.#startedAt = started_at;
    this.#finishedAt = finished_at;
    this.#problems = problems;
    this.#entries = new Map(entries.map((entry) => [entry.path, entry]));
  }

  /** An existing folder, or a new one for what is at `baseUrl`; one folder never mixes two places. */
  static async open(folder: string, baseUrl: string): Promise<Capture> {
    const found = await readManifest(folder);
    if (found !== null && found.base_url !== baseUrl)
      throw invalid(
        null,
        `${folder} holds what was taken from ${found.base_url}, and ${baseUrl} was named: take another folder.`,
      );
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const capture = new Capture(folder, found ?? emptyManifest(baseUrl));
    await capture.save();
    return capture;
  }

  /** One that must be there. */
  static async read(folder: string): Promise<Capture> {
    const found = await readManifest(folder);
    if (found === null) throw invalid(null, `${folder} has no manifest.json; "tunesmith openai capture" makes one.`);
    return new Capture(folder, found);
  }

  get(path: string): Entry | null {
    return this.#entries.get(path) ?? null;
  }

  entries(kind?: Kind): Entry[] {
    const all = [...this.#entries.values()];
    return kind === undefined ? all : all.filter((entry) => entry.kind === kind);
  }

  get manifest(): Manifest {
    return {
      format: 'tunesmith.openai-capture',
      version: 1,
      base_url: this.baseUrl,
      started_at: this.#startedAt,
      finished_at: this.#finishedAt,
      problems: this.#problems,
      entries: this.entries().sort((a, b) => (a.path < b.path ? -1 : 1)),
    };
  }

  path(path: string): string {
    return join(this.folder, ...path.split('/'));
  }

  /** Writes a JSON object or lines of them; says whether that was news. */
  async put(
    path: string,
    value: unknown,
    { kind, id, final = true, lines = false }: { kind: Kind; id: string; final?: boolean; lines?: boolean },
  ): Promise<'new' | 'changed' | 'same'> {
    const text = lines
      ? (value as readonly unknown[]).map((each) => `${JSON.stringify(each)}\n`).join('')
      : `${JSON.stringify(value, null, 2)}\n`;
    const bytes = Buffer.from(text);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const known = this.get(path);
    if (known?.sha256 === sha256 && known.final === final && (await isThere(this.path(path), bytes.length)))
      return 'same';
    await mkdir(dirname(this.path(path)), { recursive: true, mode: 0o700 });
    await writeAtomically(this.path(path), [bytes]);
    await this.note({ path, kind, id, sha256, bytes: bytes.length, taken_at: now(), final });
    return known === null ? 'new' : known.sha256 === sha256 ? 'same' : 'changed';
  }

  /** For something whose bytes are already in place. */
  async note(entry: Entry): Promise<void> {
    this.#entries.set(entry.path, entry);
    await appendFile(join(this.folder, journalName), `\n${JSON.stringify(entry)}`, { mode: 0o600 });
  }

  /** Whether this was taken before, cannot change, and lies there with its size. */
  async has(path: string): Promise<boolean> {
    const entry = this.get(path);
    return entry !== null && entry.final && (await isThere(this.path(path), entry.bytes));
  }

  async readText(path: string): Promise<string> {
    const entry = this.get(path);
    if (entry === null) throw invalid(null, `${this.folder} has no ${path}; its manifest does not name it.`);
    const bytes = await readFile(this.path(path));
    if (createHash('sha256').update(bytes).digest('hex') !== entry.sha256) throw altered(this.path(path));
    return bytes.toString('utf8');
  }

  async readJson<Value>(path: string): Promise<Value> {
    return JSON.parse(await this.readText(path)) as Value;
  }

  async readLines<Value>(path: string): Promise<Value[]> {
    const text = await this.readText(path);
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Value]));
  }

  /** Reads everything once more and names what is not as the manifest says. */
  async verify(): Promise<string[]> {
    const amiss: string[] = [];
    for (const { path, sha256 } of this.entries()) {
      const found = await hashFile(this.path(path)).catch(() => null);
      if (found === null) amiss.push(`${path} is missing`);
      else if (found.sha256 !== sha256) amiss.push(`${path} is not what was taken`);
    }
    return amiss;
  }

  /** The journal goes into the manifest; `ended` closes a run with what went wrong in it. */
  async save(ended: { readonly problems: readonly Problem[] } | null = null): Promise<void> {
    if (ended !== null) {
      this.#finishedAt = now();
      this.#problems = ended.problems;
    }
    await writeAtomically(join(this.folder, manifestName), [
      Buffer.from(`${JSON.stringify(this.manifest, null, 1)}\n`),
    ]);
    await rm(join(this.folder, journalName), { force: true });
  }
}

const manifestName = 'manifest.json';
const journalName = 'journal.jsonl';
export const now = (): string => new Date().toISOString();

const altered = (path: string): Error =>
  invalid(null, `${path} is not what was taken: its SHA-256 differs from the manifest's. Delete it and capture again.`);

const emptyManifest = (baseUrl: string): Manifest => ({
  format: 'tunesmith.openai-capture',
  version: 1,
  base_url: baseUrl,
  started_at: now(),
  finished_at: null,
  problems: [],
  entries: [],
});

async function readManifest(folder: string): Promise<Manifest | null> {
  const text = await readIfThere(join(folder, manifestName));
  if (text === null) return null;
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text) as Manifest;
  } catch {
    throw invalid(null, `${join(folder, manifestName)} is not JSON.`);
  }
  if (manifest.format !== 'tunesmith.openai-capture' || manifest.version !== 1 || !Array.isArray(manifest.entries))
    throw invalid(null, `${join(folder, manifestName)} is not a manifest that this version of Tunesmith writes.`);
  const journal = (await readIfThere(join(folder, journalName))) ?? '';
  const entries = new Map(manifest.entries.filter(isEntry).map((entry) => [entry.path, entry]));
  for (const line of journal.split('\n')) {
    try {
      const entry = JSON.parse(line) as Entry;
      if (isEntry(entry)) entries.set(entry.path, entry);
    } catch {
      // empty, or cut short by a crash
    }
  }
  return { ...manifest, entries: [...entries.values()] };
}

/** A manifest may have come by mail: its paths stay inside the folder. */
const isEntry = ({ path, sha256 }: Entry): boolean =>
  typeof path === 'string' &&
  path.split('/').every((part) => /^[\w%@=-][\w%@=.-]*$/.test(part)) &&
  /^[0-9a-f]{64}$/.test(sha256);

async function readIfThere(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

const isThere = async (path: string, bytes: number): Promise<boolean> =>
  (await stat(path).catch(() => null))?.size === bytes;

/** An id as the name of a file or folder: what could mean something to a file system is written in hex. */
export function nameOf(id: string): string {
  const safe = id.replaceAll(/[^A-Za-z0-9_-]/g, (letter) =>
    [...Buffer.from(letter)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  if (safe.length <= 120 && safe !== '') return safe;
  return `${safe.slice(0, 80)}=${createHash('sha256').update(id).digest('hex').slice(0, 16)}`;
}

export async function hashFile(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  return { sha256: hash.digest('hex'), bytes };
}
