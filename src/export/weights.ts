/**
 * A model's weights as floats, tensor by tensor: the base's, with the adapter folded in where there is one.
 *
 * Everything has the names and the order of rows of the base's GGUF. The adapter is read from `adapter.gguf`, the
 * file that serving puts on the base, so what is merged is what answers. One tensor is in memory at a time.
 */

import assert from 'node:assert';
import { setImmediate } from 'node:timers/promises';
import { Closing } from '../closing.ts';
import { openGguf, type Gguf } from '../formats/gguf.ts';
import type { GgufMetadata } from '../formats/gguf-metadata.ts';

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
    if (this.#adapter?.tensors.has(`${name}.lora_a`) === true) await this.#addAdapter(this.#adapter, name, values);
    return values;
  }

  /** W + alpha / R · B A, with A [R, in] and B [out, R]. */
  async #addAdapter(adapter: Gguf, name: string, weight: Float32Array): Promise<void> {
    const [rank, columns] = adapter.tensors.get(`${name}.lora_a`)!.shape as [number, number];
    const a = await adapter.read(`${name}.lora_a`);
    const b = await adapter.read(`${name}.lora_b`);
    assert(b.length * columns === weight.length * rank, `${name}: B and A do not make its ${weight.length} values`);
    const alpha = adapter.metadata.number('adapter.lora.alpha', 0);
    const scale = alpha === 0 ? 1 : alpha / rank;
    const row = new Float64Array(columns);
    for (let out = 0; out < b.length / rank; out++) {
      row.fill(0);
      for (let r = 0; r < rank; r++) {
        const factor = scale * b[out * rank + r]!;
        for (let i = 0, at = r * columns; i < columns; i++, at++) row[i]! += factor * a[at]!;
      }
      for (let i = 0, at = out * columns; i < columns; i++, at++) weight[at]! += row[i]!;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }
}
