/**
 * Whether an export says what the model says: ten questions, answered greedily by both.
 *
 * The reference answers first, with llama.cpp in f32 arithmetic: the base under its adapter as it is served; for merged
 * weights the base is first written out as the floats that the trainer computes with, since llama.cpp rounds what it
 * multiplies with weights of a few bits. Then the export is asked, token by token, what it would have said in the
 * reference's place. Where it would have chosen another token, the reference must have been undecided itself: its two
 * choices must lie within what the type's rounding explains.
 */

import { TunesmithError } from '../domain/errors.ts';
import type { Message } from '../domain/example.ts';
import type { RuntimeSettings, TokenLogprobs } from '../serving/protocol.ts';
import { Runtime } from '../serving/runtime.ts';
import type { TextCodec } from '../text/codec.ts';
import type { ExportType } from './pack.ts';

export interface Contestant {
  readonly modelPath: string;
  readonly adapter: string | null;
}

export interface Comparison {
  readonly probes: number;
  /** Answers that are the same, token for token. */
  readonly sameAnswers: number;
  readonly tokens: number;
  readonly sameTokens: number;
  /** Largest difference, in nats, of what the reference thought of its own choice and of the export's. */
  readonly widestGap: number;
  /** Mean difference of the log-probabilities of the reference's tokens. */
  readonly drift: number;
}

/** Nats by which the two may judge differently: rounding of sums, of half precision, of 8-bit blocks. */
const gapMax: Readonly<Record<ExportType, number>> = { f32: 1e-3, f16: 0.05, q8_0: 1 };
const driftMax: Readonly<Record<ExportType, number>> = { f32: 1e-3, f16: 0.02, q8_0: 0.25 };

const answerTokensMax = 32;
const alternatives = 20;

export interface ReferenceAnswer {
  readonly prompt: Int32Array;
  readonly tokens: readonly number[];
  readonly logprobs: readonly TokenLogprobs[];
}

export interface Asking {
  readonly threads: number;
  readonly signal: AbortSignal;
  onProbe(done: number): void;
}

/** The reference's greedy answers; a question that does not fit into the model's context is left out. */
export async function referenceAnswers(
  { modelPath, adapter }: Contestant,
  codec: TextCodec,
  questions: readonly Prompt[],
  contextTokens: number,
  asking: Asking,
): Promise<ReferenceAnswer[]> {
  await using runtime = await load(modelPath, asking);
  const answers: ReferenceAnswer[] = [];
  for (const question of questions) {
    const prompt = question.ids;
    const room = contextTokens - prompt.length - 1;
    if (room < 1) continue;
    const answer = runtime.generate({ ...greedy, adapter, prompt, tokensMax: Math.min(answerTokensMax, room) });
    const abort = (): void => answer.abort(asking.signal.reason);
    asking.signal.addEventListener('abort', abort, { once: true });
    const tokens: number[] = [];
    const logprobs: TokenLogprobs[] = [];
    for await (const report of answer) {
      if (report.type === 'prompt') continue;
      tokens.push(...report.tokens);
      logprobs.push(...report.logprobs!);
      // The end of a turn is a part of the answer here: an export must know where to stop.
      if (report.end === null && tokens.some((token) => codec.endOfTurnIds.has(token))) answer.endChoice(0);
    }
    asking.signal.removeEventListener('abort', abort);
    asking.signal.throwIfAborted();
    answers.push({ prompt, tokens, logprobs });
    asking.onProbe(answers.length);
  }
  return answers;
}

export async function compareWith(
  reference: readonly ReferenceAnswer[],
  { modelPath, adapter }: Contestant,
  asking: Asking,
): Promise<Comparison> {
  await using runtime = await load(modelPath, asking);
  let [sameAnswers, tokens, sameTokens, widestGap, drift] = [0, 0, 0, 0, 0];
  for (const [i, expected] of reference.entries()) {
    asking.signal.throwIfAborted();
    const judged = await judge(runtime, adapter, expected, asking.signal);
    let same = true;
    for (const [position, token] of expected.tokens.entries()) {
      const mine = judged[position]!;
      const theirs = expected.logprobs[position]!;
      const [best] = mine.top[0]!;
      tokens++;
      drift += Math.abs(mine.logprob - theirs.logprob);
      if (best === token) {
        sameTokens++;
        continue;
      }
      same = false;
      const other = theirs.top.find(([id]) => id === best)?.[1] ?? -Infinity;
      widestGap = Math.max(widestGap, theirs.logprob - other);
    }
    if (same) sameAnswers++;
    asking.onProbe(i + 1);
  }
  return {
    probes: reference.length,
    sameAnswers,
    tokens,
    sameTokens,
    widestGap,
    drift: tokens === 0 ? 0 : drift / tokens,
  };
}

/** Throws when the export is not the model; `what` names it. */
export function assertFaithful(what: string, type: ExportType, comparison: Comparison): void {
  const { widestGap, drift } = comparison;
  if (Number.isFinite(drift) && widestGap <= gapMax[type] && drift <= driftMax[type]) return;
  throw new TunesmithError(
    'internal',
    `The export is not offered: ${what} gave ${comparison.sameAnswers} of ${comparison.probes} greedy answers of the model, ` +
      `preferring tokens that the model holds less likely by up to ${widestGap.toFixed(3)} nats (at most ${gapMax[type]} are explained by ${type}), ` +
      `with log-probabilities ${drift.toFixed(4)} off on average (at most ${driftMax[type]}).`,
    { code: 'export_differs' },
  );
}

/** A conversation as token ids. */
export interface Prompt {
  readonly ids: Int32Array;
}

/** Up to ten questions: from the model's own data where there are some, then plain ones. */
export function probesFrom(
  codec: TextCodec,
  conversations: Iterable<readonly Message[]>,
  contextTokens: number,
): Prompt[] {
  const prompts: Prompt[] = [];
  const seen = new Set<string>();
  const add = (messages: readonly Message[]): void => {
    if (prompts.length === probesWanted) return;
    try {
      const ids = codec.encodePrompt(messages);
      const key = ids.join();
      if (seen.has(key) || ids.length + 2 > contextTokens) return;
      seen.add(key);
      prompts.push({ ids });
    } catch {
      // the template refuses these messages; the others will do
    }
  };
  for (const messages of conversations) add(messages);
  for (const content of plainQuestions) add([{ role: 'user', content }]);
  return prompts;
}

export const probesWanted = 10;

const plainQuestions = [
  'Hello!',
  'What is the capital of France?',
  'Name three colours.',
  'Write one sentence about the sea.',
  'Is this message spam or ham? You have won a prize, click here now.',
  'Translate "good morning" into French.',
  'What is 7 times 6?',
  'Summarise: The meeting was moved from Monday to Tuesday because the room was taken.',
  'Give me a short title for a story about a robot.',
  'What do bees make?',
];

const greedy = {
  choices: 1,
  endTokens: [],
  sampling: { temperature: 0, topP: 1, seed: 0, frequencyPenalty: 0, presencePenalty: 0, logitBias: [] },
  constraint: null,
  topLogprobs: alternatives,
  tokensPerReport: 1,
  scorePrompt: false,
  priority: 'interactive',
} as const;

async function load(modelPath: string, { threads, signal }: Asking): Promise<Runtime> {
  signal.throwIfAborted();
  const settings: RuntimeSettings = { modelPath, threads, exact: true, cacheBytesMax: 2 ** 29 };
  const runtime = new Runtime(modelPath, settings);
  const abort = (): void => void runtime[Symbol.asyncDispose]();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await runtime.ready;
    return runtime;
  } catch (error) {
    await runtime[Symbol.asyncDispose]();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** What the model thinks of each token of the answer, given those before it. */
async function judge(
  runtime: Runtime,
  adapter: string | null,
  { prompt, tokens }: ReferenceAnswer,
  signal: AbortSignal,
): Promise<TokenLogprobs[]> {
  const whole = Int32Array.from([...prompt, ...tokens]);
  const answer = runtime.generate({ ...greedy, adapter, prompt: whole, tokensMax: 0, scorePrompt: true });
  const abort = (): void => answer.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  let judged: readonly (TokenLogprobs | null)[] = [];
  for await (const report of answer) if (report.type === 'prompt') judged = report.logprobs;
  signal.removeEventListener('abort', abort);
  signal.throwIfAborted();
  return judged.slice(prompt.length).filter((each) => each !== null);
}
