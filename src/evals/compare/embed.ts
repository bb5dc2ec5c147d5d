/**
 * Texts as vectors through `/v1/embeddings`, remembered like answers: what was stopped goes on, and what is known is
 * not asked again. A text that fails has no vector; what would fail for every text ends the asking.
 */

import { Buffer } from 'node:buffer';
import OpenAI, { APIError } from 'openai';
import { isForAll, withOwnSignal } from '../ask.ts';
import type { Embedded } from '../baselines/baselines.ts';
import { fingerprint, openMemory, type Remembering } from '../remembered.ts';

export interface Embedding {
  readonly signal: AbortSignal;
  /** Texts of one request; with more than one, nobody knows what one of them took. */
  readonly batch?: number;
  readonly onProgress?: (done: number) => void;
}

/** As they are kept: numbers of four bytes in base64, since a vector has hundreds. */
interface Kept {
  readonly vector: string;
  readonly latencyMs: number;
  readonly promptTokens: number;
}

export async function embedAll(
  openai: OpenAI,
  model: string,
  texts: readonly string[],
  { folder, server, fresh = false, onKnown = () => {} }: Remembering,
  { signal, batch = 1, onProgress = () => {} }: Embedding,
): Promise<Embedded[]> {
  const memory = await openMemory<Kept>(folder, ['embeddings', server, model], fresh);
  const keys = texts.map((text) => fingerprint([text, batch === 1]));
  const embedded = keys.map((key) => opened(memory.known.get(key)));
  const open = [...texts.keys()].filter((i) => embedded[i] === null);
  onKnown(texts.length - open.length);
  for (let at = 0; at < open.length; at += batch) {
    const places = open.slice(at, at + batch);
    const answers = await embed(openai, model, places.map((i) => texts[i]!), signal); // prettier-ignore
    for (const [k, i] of places.entries()) {
      const answer = answers[k]!;
      embedded[i] = answer;
      if (answer.vector !== null) await memory.keep(keys[i]!, packed(answer, answer.vector));
    }
    onProgress(at + places.length);
  }
  return embedded.map((each) => each!);
}

async function embed(
  openai: OpenAI,
  model: string,
  input: readonly string[],
  signal: AbortSignal,
): Promise<Embedded[]> {
  const startedMs = performance.now();
  try {
    const { data, usage } = await withOwnSignal(signal, (own) =>
      openai.embeddings.create({ model, input: [...input] }, { signal: own }),
    );
    const latencyMs = (performance.now() - startedMs) / input.length;
    const promptTokens = usage.prompt_tokens / input.length;
    return input.map((_, i) => ({ vector: data[i]!.embedding, error: null, latencyMs, promptTokens }));
  } catch (error) {
    if (isForAll(error) || !(error instanceof APIError)) throw error;
    if (input.length > 1) return (await Promise.all(input.map((text) => embed(openai, model, [text], signal)))).flat();
    return [{ vector: null, error: error.message, latencyMs: performance.now() - startedMs, promptTokens: 0 }];
  }
}

const packed = ({ latencyMs, promptTokens }: Embedded, vector: readonly number[]): Kept => ({
  vector: Buffer.from(Float32Array.from(vector).buffer).toString('base64'),
  latencyMs,
  promptTokens,
});

function opened(kept: Kept | undefined): Embedded | null {
  if (kept === undefined) return null;
  const bytes = Buffer.from(kept.vector, 'base64');
  const vector = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
  return { ...kept, vector, error: null };
}
