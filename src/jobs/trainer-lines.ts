/**
 * What a trainer says, from bytes on a pipe to events.
 *
 * A pipe cuts anywhere, even inside a character, and libraries below a trainer print what they like: a line
 * that is no event of the protocol is handed to `onNoise` and otherwise ignored, a line that never ends is cut.
 */

import { StringDecoder } from 'node:string_decoder';
import { z } from 'zod';
import { protocolVersion, type TrainerEvent } from '../engine/protocol.ts';

const lineCharactersMax = 1 << 20;

const count = z.int().min(0);
const preferences = z.object({ accuracy: z.number(), margin: z.number() }).optional();
const validation = z
  .object({ loss: z.number(), tokenAccuracy: z.number(), exactAnswers: z.number().optional(), preferences })
  .nullable();

const eventSchema: z.ZodType<TrainerEvent> = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('started'),
    version: z.literal(protocolVersion),
    totalSteps: count,
    stepsPerEpoch: count,
    examples: count,
    trainedTokens: count,
    supervisedTokens: count,
    truncatedLines: z.array(count),
    resumedFromStep: count,
    trainableParameters: count,
  }),
  z.object({
    type: z.literal('reading'),
    by: z.enum(['frozen_layers', 'reference']),
    read: count,
    sequences: count,
    elapsedMs: z.number(),
  }),
  z.object({ type: z.literal('working') }),
  z.object({
    type: z.literal('step'),
    step: count,
    epoch: count,
    loss: z.number(),
    tokenAccuracy: z.number(),
    learningRate: z.number(),
    gradientNorm: z.number(),
    preferences,
    tokens: count,
    supervisedTokens: count,
    elapsedMs: z.number(),
    validation,
    fullValidation: validation,
  }),
  z.object({
    type: z.literal('checkpoint'),
    step: count,
    epoch: count,
    kind: z.enum(['epoch', 'snapshot']),
    folder: z.string(),
  }),
  z.object({ type: z.literal('warning'), message: z.string() }),
  z.object({ type: z.literal('remark'), message: z.string() }),
  z.object({
    type: z.literal('done'),
    step: count,
    chosen: count.optional(),
    trainedTokens: count,
    folder: z.string(),
  }),
  z.object({ type: z.literal('paused'), step: count, folder: z.string().nullable() }),
  z.object({ type: z.literal('cancelled'), step: count }),
  z.object({ type: z.literal('failed'), code: z.string(), message: z.string(), param: z.string().nullable() }),
]);

export class TrainerLines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onNoise: (line: string) => void;
  #rest = '';

  constructor(onNoise: (line: string) => void) {
    this.#onNoise = onNoise;
  }

  /** The events that this piece completes. */
  read(piece: Buffer): TrainerEvent[] {
    const lines = (this.#rest + this.#decoder.write(piece)).split('\n');
    this.#rest = lines.pop()!.slice(0, lineCharactersMax);
    return lines.flatMap((line) => this.#parse(line.trim()));
  }

  #parse(line: string): TrainerEvent[] {
    if (line === '') return [];
    try {
      const parsed = eventSchema.safeParse(JSON.parse(line));
      if (parsed.success) return [parsed.data];
    } catch {
      // not JSON: noise, like JSON that is no event
    }
    this.#onNoise(line.slice(0, 500));
    return [];
  }
}
