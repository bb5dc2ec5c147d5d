/**
 * A model's weights as floats, tensor by tensor: the base's, with the adapter folded in where there is one.
 *
 * Everything has the names and the order of rows of the base's GGUF. The adapter is read from `adapter.gguf`, the
 * file that serving puts on the base, so what is merged is what answers. One tensor is in memory at a time.
 */

import { setImmediate } from 'node:timers/promises';
import { Closing } from '../closing.ts';
import { openGguf, type Gguf } from '../formats/gguf.ts';
import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import { addAdapter } from '../models/merging.ts';

export interface Weight {
  readonly name: string;
  /** Row-major, [out, in]. */
  readonly shape: readonly number[];
}

export class Weights implements AsyncDisposable {
  readonly metadata: GgufMetadata;
  readonly list: readonly Weight[];
  readonly #base: Gguf;
  readonly #adapter: Gguf | null;
  readonly #open: Closing;

  private constructor(base: Gguf, adapter: Gguf | null, open: Closing) {
    this.metadata = base.metadata;
    this.list = [...base.tensors.values()].map(({ name, shape }) => ({ name, shape }));
    this.#base = base;
    this.#adapter = adapter;
    this.#open = open;
  }

  /** Of the base at that path, under the adapter at that one. */
  static async open(basePath: string, adapterPath: string | null): Promise<Weights> {
    await using opening = new Closing();
    const base = opening.use(await openGguf(basePath));
    const adapter = adapterPath === null ? null : opening.use(await openGguf(adapterPath));
    return new Weights(base, adapter, opening.move());
  }

  async read(name: string): Promise<Float32Array> {
    await setImmediate(); // between two tensors Ctrl-C is heard
    const values = await this.#base.read(name);
    if (this.#adapter !== null) await addAdapter(this.#adapter, name, values);
    return values;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }
}
