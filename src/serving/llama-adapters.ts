/**
 * LoRA adapters in memory, each once, however many contexts use it.
 *
 * One that nobody uses any more stays for the next time, as long as there is room: switching to it then takes no
 * time at all.
 */

import { stat } from 'node:fs/promises';
import type { Complaints } from './llama-complaints.ts';
import type { Internals, NativeAdapter } from './llama-natives.ts';

/** Adapters in use are kept in any case. */
const bytesMax = 2 ** 29;

interface Loaded {
  readonly native: NativeAdapter;
  readonly bytes: number;
  users: number;
  usedAtMs: number;
}

export class Adapters {
  readonly #internals: Internals;
  readonly #complaints: Complaints;
  readonly #loaded = new Map<string, Loaded>();

  constructor(internals: Internals, complaints: Complaints) {
    this.#internals = internals;
    this.#complaints = complaints;
  }

  /** Loads an adapter unless it is there already, and keeps it until it is given back. */
  async borrow(path: string): Promise<NativeAdapter> {
    const found = this.#loaded.get(path) ?? (await this.#load(path));
    found.users += 1;
    return found.native;
  }

  async giveBack(path: string): Promise<void> {
    const found = this.#loaded.get(path)!;
    found.users -= 1;
    found.usedAtMs = performance.now();
    const unused = [...this.#loaded]
      .filter(([, { users }]) => users === 0)
      .sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
    let bytes = [...this.#loaded.values()].reduce((sum, each) => sum + each.bytes, 0);
    for (const [oldest, each] of unused) {
      if (bytes <= bytesMax) return;
      this.#loaded.delete(oldest);
      bytes -= each.bytes;
      await each.native.dispose();
    }
  }

  async #load(path: string): Promise<Loaded> {
    const { _llama, _model } = this.#internals;
    const native = new _llama._bindings.AddonModelLora(_model, path);
    await this.#complaints.explain(_model.loadLora(native));
    const loaded = { native, bytes: (await stat(path)).size, users: 0, usedAtMs: 0 };
    this.#loaded.set(path, loaded);
    return loaded;
  }
}
