/**
 * An encoder that answers: the graph that trains it, without gradients and with its weights as the file has them.
 *
 * Texts are read several at a time, those of like length together. What comes out is a vector for each text, or what
 * each label is worth to it (or to each of its words). Running blocks the thread, so a reader belongs into a process
 * of its own.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poolingOf, readHead } from '../../families/label-head.ts';
import { openGguf } from '../../formats/gguf.ts';
import { emit } from '../graph/emit.ts';
import { gather } from '../graph/ops/movement.ts';
import { openSession, type Session } from '../graph/session.ts';
import type { HeadPlan } from '../protocol.ts';
import { readArchitecture } from './architecture.ts';
import { judgesRows, labelLogits, meanOfRows, readByLabels } from './heads/label-head.ts';
import { RotaryTables } from './rotary.ts';
import { rowsInput, tokenInputs } from './token-inputs.ts';
import { lastNorm, onlyForward, transformer } from './transformer.ts';
import { freezeWeights, weightTensors } from './weights.ts';

/** A text to be judged. */
export interface JudgedText {
  readonly ids: Int32Array;
  /** Of the words' first tokens; of a text that is judged as a whole, its first token's. */
  readonly positions: Int32Array;
}

/** Of one run: wide enough to keep the processor busy, and little memory. */
const tokensPerRun = 2048;
const rowGrain = 8;

export class EncoderReader implements AsyncDisposable {
  readonly head: HeadPlan | null;
  readonly #width: number;
  readonly #mean: boolean;
  readonly #vectors: Session;
  readonly #judge: Session | null;

  private constructor(
    sizes: { readonly width: number; readonly mean: boolean; readonly head: HeadPlan | null },
    vectors: Session,
    judge: Session | null,
  ) {
    this.head = sizes.head;
    this.#width = sizes.width;
    this.#mean = sizes.mean;
    this.#vectors = vectors;
    this.#judge = judge;
  }

  static async open(modelPath: string, threads: number): Promise<EncoderReader> {
    await using gguf = await openGguf(modelPath);
    const architecture = await readArchitecture(gguf);
    const head = readHead(gguf.metadata);
    const mean = poolingOf(gguf.metadata) === 'mean';
    const folder = await mkdtemp(join(tmpdir(), 'tunesmith-encoder-'));
    try {
      const labels = head === null ? null : { plan: head, seed: 0 };
      const precision = { base: 'f32', exactFrom: 0 } as const;
      const layout = await freezeWeights(gguf, architecture, precision, folder, threads, labels);
      const weights = weightTensors(layout, new Map());
      const [tokens, rows] = [tokenInputs(new RotaryTables(architecture.rotations)), rowsInput()];
      const none = { detour: () => null };
      const hidden = lastNorm(architecture, weights, transformer(architecture, weights, none, tokens, onlyForward));
      const pooled = gather(mean ? meanOfRows(hidden, tokens.segments) : hidden, rows);
      // Both sessions at once: their file is not needed after that, and a process that is killed leaves nothing.
      const options = { weightsFolder: folder, threads, packWeights: false };
      const vectors = await openSession(emit({ vectors: pooled }), options);
      const { labelHead } = weights;
      const judge =
        labelHead === null
          ? null
          : await openSession(emit({ logits: labelLogits(labelHead, readByLabels(labelHead.plan, hidden, tokens.segments, rows)) }), options); // prettier-ignore
      return new EncoderReader({ width: architecture.width, mean, head }, vectors, judge);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** A vector for each text, of any length. */
  async vectors(texts: readonly Int32Array[]): Promise<Float32Array[]> {
    const judged = texts.map((ids): JudgedText => ({ ids, positions: Int32Array.of(0) }));
    return await this.#read(this.#vectors, 'vectors', judged, this.#mean, this.#width);
  }

  /** What each output is worth to each text: its words' numbers one after the other. */
  async judge(texts: readonly JudgedText[]): Promise<Float32Array[]> {
    const { head } = this;
    if (head === null || this.#judge === null) throw new Error('this encoder tells no labels apart');
    return await this.#read(this.#judge, 'logits', texts, judgesRows(head), null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vectors[Symbol.asyncDispose]();
    await this.#judge?.[Symbol.asyncDispose]();
  }

  async #read(
    session: Session,
    output: string,
    texts: readonly JudgedText[],
    byRow: boolean,
    width: number | null,
  ): Promise<Float32Array[]> {
    const found: Float32Array[] = [];
    for (const run of runsOf(texts)) {
      const rowTokens = roundUp(Math.max(...run.map((i) => texts[i]!.ids.length)));
      const [ids, positions, segments] = [0, 1, 2].map(() => new BigInt64Array(run.length * rowTokens)) as [
        BigInt64Array,
        BigInt64Array,
        BigInt64Array,
      ];
      const rows: bigint[] = [];
      for (const [row, i] of run.entries()) {
        const start = row * rowTokens;
        for (const [at, id] of texts[i]!.ids.entries()) {
          ids[start + at] = BigInt(id);
          positions[start + at] = BigInt(at);
          segments[start + at] = 1n;
        }
        for (const position of texts[i]!.positions) rows.push(BigInt(byRow ? row : start + position));
      }
      const order = BigInt64Array.from({ length: rowTokens }, (_, i) => BigInt(i));
      const feeds = { ids, positions, segments, order, rows: BigInt64Array.from(rows) };
      const outputs = await session.run(feeds, { B: run.length, T: rowTokens, M: rows.length });
      const values = outputs[output]!;
      const size = width ?? values.length / rows.length;
      let at = 0;
      for (const i of run) {
        const count = texts[i]!.positions.length * size;
        found[i] = values.slice(at, at + count);
        at += count;
      }
    }
    return found;
  }
}

/** Which texts are read together, the shortest first. */
function runsOf(texts: readonly JudgedText[]): number[][] {
  const order = texts.map((_, i) => i).sort((a, b) => texts[a]!.ids.length - texts[b]!.ids.length);
  const runs: number[][] = [];
  for (const i of order) {
    const run = runs.at(-1);
    const fits = run !== undefined && (run.length + 1) * roundUp(texts[i]!.ids.length) <= tokensPerRun;
    if (fits) run.push(i);
    else runs.push([i]);
  }
  return runs;
}

const roundUp = (tokens: number): number => Math.ceil(tokens / rowGrain) * rowGrain;
