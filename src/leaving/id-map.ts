/**
 * Which thing there has become which thing here: one small file per destination beside what was captured.
 *
 * It is written after every creation, so that doing it again creates nothing twice. A request that was answered when
 * the answer was lost is sent again under the same key, and the server gives its first answer again.
 */

import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeAtomically } from '../formats/atomic-write.ts';

export const mappedKinds = ['files', 'jobs', 'models', 'evals', 'runs'] as const;
export type MappedKind = (typeof mappedKinds)[number];

interface Kept {
  readonly destination: string;
  readonly ids: Record<MappedKind, Record<string, string>>;
  /** How often something was made anew because it was gone here. */
  readonly again: Record<string, number>;
}

export class IdMap {
  readonly path: string;
  readonly #kept: Kept;

  private constructor(path: string, kept: Kept) {
    this.path = path;
    this.#kept = kept;
  }

  static async open(folder: string, destination: string): Promise<IdMap> {
    const name = createHash('sha256').update(destination).digest('hex').slice(0, 12);
    const path = join(folder, 'restored', `${name}.json`);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    const found = text === null ? null : (JSON.parse(text) as Kept);
    const ids = Object.fromEntries(mappedKinds.map((kind) => [kind, { ...found?.ids[kind] }])) as Kept['ids'];
    return new IdMap(path, { destination, ids, again: { ...found?.again } });
  }

  get(kind: MappedKind, id: string): string | null {
    const { ids } = this.#kept;
    return Object.hasOwn(ids[kind], id) ? ids[kind][id]! : null;
  }

  all(kind: MappedKind): Readonly<Record<string, string>> {
    return this.#kept.ids[kind];
  }

  async set(kind: MappedKind, id: string, here: string): Promise<void> {
    this.#kept.ids[kind][id] = here;
    await this.#save();
  }

  /** It is gone here: what is made in its place is another thing. */
  async forget(kind: MappedKind, id: string): Promise<void> {
    delete this.#kept.ids[kind][id];
    this.#kept.again[`${kind} ${id}`] = (this.#kept.again[`${kind} ${id}`] ?? 0) + 1;
    await this.#save();
  }

  /** Names a request, the same when it is sent again. */
  requestKey(kind: MappedKind, id: string, body: unknown): string {
    const { destination, again } = this.#kept;
    const said = JSON.stringify([destination, kind, id, again[`${kind} ${id}`] ?? 0, body]);
    return `tunesmith-restore-${createHash('sha256').update(said).digest('hex').slice(0, 40)}`;
  }

  async #save(): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    await writeAtomically(this.path, [Buffer.from(`${JSON.stringify(this.#kept, null, 1)}\n`)]);
  }
}
