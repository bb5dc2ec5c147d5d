/**
 * The frozen part below everything that is trained: what it makes of a sequence never changes, so nobody needs to
 * compute it twice.
 *
 *   head             all blocks; the judged positions, [M, C], as `judgedOf` gives them
 *   last_layers(n)   the blocks before those; the stream at every token, [tokens, C]
 *
 * Running blocks the thread.
 */

import type { MicroBatch } from '../../../dataset/batch.ts';
import type { Device } from '../../../domain/device.ts';
import type { TrainPlan } from '../../protocol.ts';
import { emit } from '../../graph/emit.ts';
import { openSession, type Session } from '../../graph/session.ts';
import { attentionChunksOf, tokensPerChunkUnit } from '../cuts.ts';
import { judgedOf } from '../judging.ts';
import { RotaryTables } from '../rotary.ts';
import { layoutOf, rowsInput, tokenFeeds, tokenInputs } from '../token-inputs.ts';
import { firstTrained } from '../trained-weights.ts';
import { onlyForward, transformer } from '../transformer.ts';
import { weightTensors, type FrozenModel } from '../weights.ts';

/** Blocks before `end`; what is kept of them. */
export interface TrunkPlan {
  readonly end: number;
  readonly keeps: 'judged' | 'stream';
}

/** Null where something is trained from the first block on. */
export function trunkOf(train: TrainPlan, layers: number): TrunkPlan | null {
  if (train.mode === 'head') return { end: layers, keeps: 'judged' };
  const end = train.mode === 'last_layers' ? firstTrained(train, layers) : 0;
  return end === 0 ? null : { end, keeps: 'stream' };
}

export interface TrunkOptions {
  readonly threads: number;
  readonly device: Device;
  readonly tokensPerRun: number;
  readonly rowTokensMax: number;
}

export class Trunk implements AsyncDisposable {
  readonly #model: FrozenModel;
  readonly #keeps: TrunkPlan['keeps'];
  readonly #tables: RotaryTables;
  readonly #attentionChunks: number;
  readonly #session: Session;

  private constructor(
    model: FrozenModel,
    keeps: TrunkPlan['keeps'],
    tables: RotaryTables,
    attentionChunks: number,
    session: Session,
  ) {
    this.#model = model;
    this.#keeps = keeps;
    this.#tables = tables;
    this.#attentionChunks = attentionChunks;
    this.#session = session;
  }

  static async open(model: FrozenModel, { end, keeps }: TrunkPlan, options: TrunkOptions): Promise<Trunk> {
    const { architecture, layout, folder } = model;
    const { threads, device, tokensPerRun, rowTokensMax } = options;
    const weights = weightTensors(layout, new Map());
    const tables = new RotaryTables(architecture.rotations);
    const attentionChunks = attentionChunksOf(architecture, rowTokensMax, tokensPerRun);
    const [tokens, rows] = [tokenInputs(tables), rowsInput()];
    const choices = { ...onlyForward, attentionChunks };
    const stream = transformer(architecture, weights, { detour: () => null }, tokens, choices, { end });
    const kept = keeps === 'stream' ? stream : judgedOf(architecture, weights, stream, tokens, rows);
    const session = await openSession(emit({ kept }, device), {
      device,
      weightsFolder: folder,
      threads,
      packWeights: true,
      arena: attentionChunks === 1,
    });
    return new Trunk(model, keeps, tables, attentionChunks, session);
  }

  /** What is kept of each row: [judged positions, C] or [tokens, C]. */
  async read(batch: MicroBatch): Promise<Float32Array[]> {
    const layout = layoutOf(batch, this.#attentionChunks * tokensPerChunkUnit);
    const { architecture, layout: weights } = this.#model;
    const { feeds, sizes } = tokenFeeds(batch, layout, this.#tables, weights.labelHead?.plan ?? null);
    const { kept } = (await this.#session.run(feeds, sizes)) as { readonly kept: Float32Array };
    const { width } = architecture;
    const rows: Float32Array[] = [];
    let at = 0;
    for (const { tokens, judged } of rowsOf(batch)) {
      const count = this.#keeps === 'stream' ? tokens.length : judged.length;
      const start = this.#keeps === 'stream' ? rows.length * layout.rowTokens : at;
      rows.push(kept.slice(start * width, (start + count) * width));
      at += judged.length;
    }
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

/** The sequences of a micro-batch that has one in each row, and where in them something is judged. */
export function rowsOf({ rowTokens, ids, segments, rows }: MicroBatch): { tokens: Int32Array; judged: Int32Array }[] {
  const found: { tokens: Int32Array; judged: Int32Array }[] = [];
  let at = 0;
  for (let start = 0; start < ids.length; start += rowTokens) {
    const padding = segments.subarray(start, start + rowTokens).indexOf(0);
    const tokens = ids.subarray(start, start + (padding === -1 ? rowTokens : padding));
    const from = at;
    while (at < rows.length && rows[at]! < start + rowTokens) at++;
    found.push({ tokens, judged: rows.slice(from, at).map((row) => row - start) });
  }
  return found;
}
