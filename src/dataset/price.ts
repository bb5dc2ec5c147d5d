/**
 * What OpenAI charged for training on a file and for asking the model afterwards.
 *
 * Prices are of the day they were last published whole; nobody can begin a fine-tune there from January 2027 on, so
 * they will not change any more.
 */

import type { ExampleFormat } from '../domain/example.ts';
import { autoEpochs } from './epochs.ts';
import { modelLimits } from './statistics/limits.ts';
import type { Statistics, TokenStatistics } from './statistics/statistics.ts';

export const priceSource = {
  date: 'late 2025',
  text: "OpenAI's price page, last seen whole in late 2025; prices of asking still listed in September 2026. From 2027-01-06 nobody can begin a fine-tune there.",
} as const;

/** US dollars per million tokens. */
interface TokenPrices {
  readonly input: number;
  readonly output: number;
}

export interface ModelPrice {
  readonly model: string;
  /** As `limits.ts` knows it. */
  readonly family: string;
  readonly formats: readonly ExampleFormat[];
  /** US dollars per million trained tokens. */
  readonly training: number;
  /** Asking the fine-tuned model, and the model as it was. */
  readonly tuned: TokenPrices;
  readonly untuned: TokenPrices;
}

const conversations = ['chat', 'preference'] as const;

export const modelPrices: readonly ModelPrice[] = [
  {
    model: 'gpt-4.1-2025-04-14',
    family: 'gpt-4.1',
    formats: conversations,
    training: 25,
    tuned: { input: 3, output: 12 },
    untuned: { input: 2, output: 8 },
  },
  {
    model: 'gpt-4.1-mini-2025-04-14',
    family: 'gpt-4.1-mini',
    formats: conversations,
    training: 5,
    tuned: { input: 0.8, output: 3.2 },
    untuned: { input: 0.4, output: 1.6 },
  },
  {
    model: 'gpt-4.1-nano-2025-04-14',
    family: 'gpt-4.1-nano',
    formats: conversations,
    training: 1.5,
    tuned: { input: 0.2, output: 0.8 },
    untuned: { input: 0.1, output: 0.4 },
  },
  {
    model: 'gpt-4o-2024-08-06',
    family: 'gpt-4o',
    formats: conversations,
    training: 25,
    tuned: { input: 3.75, output: 15 },
    untuned: { input: 2.5, output: 10 },
  },
  {
    model: 'gpt-4o-mini-2024-07-18',
    family: 'gpt-4o-mini',
    formats: conversations,
    training: 3,
    tuned: { input: 0.3, output: 1.2 },
    untuned: { input: 0.15, output: 0.6 },
  },
  {
    model: 'gpt-3.5-turbo',
    family: 'gpt-3.5-turbo-0125',
    formats: ['chat'],
    training: 8,
    tuned: { input: 3, output: 6 },
    untuned: { input: 0.5, output: 1.5 },
  },
  {
    model: 'davinci-002',
    family: 'davinci-002',
    formats: ['completion'],
    training: 6,
    tuned: { input: 12, output: 12 },
    untuned: { input: 2, output: 2 },
  },
  {
    model: 'babbage-002',
    family: 'babbage-002',
    formats: ['completion'],
    training: 0.4,
    tuned: { input: 1.6, output: 1.6 },
    untuned: { input: 0.4, output: 0.4 },
  },
];

/** Reinforcement was charged by the hour of its core loop, whatever the file; graders came on top. */
export const reinforcementPrice = { model: 'o4-mini-2025-04-16', usdPerHour: 100 } as const;

export interface Epochs {
  readonly count: number;
  /** Whether nobody asked for this number. */
  readonly auto: boolean;
}

export interface TrainingPrice {
  readonly model: string;
  /** Longer examples cut to the model's limit. */
  readonly tokensPerEpoch: number;
  readonly trainedTokens: number;
  readonly usd: number;
  readonly request: RequestPrice | null;
}

/** An average request, to the fine-tuned model or to the untuned one with examples in its prompt. */
export interface RequestPrice {
  readonly shots: number;
  readonly tuned: { readonly promptTokens: number; readonly answerTokens: number; readonly usd: number };
  readonly fewShot: { readonly promptTokens: number; readonly answerTokens: number; readonly usd: number };
  /** Less than nothing where the fine-tuned model is the dearer one. */
  readonly savingUsd: number;
  /** Requests after which the training is paid back; null when it never is. */
  readonly paidBackAfter: number | null;
  /** From how many examples in the prompt on the fine-tuned model is the cheaper one. */
  readonly cheaperFromShots: number;
}

export const epochsOf = (examples: number, asked: number | null): Epochs => ({
  count: asked ?? (examples === 0 ? 0 : autoEpochs(examples)),
  auto: asked === null,
});

/** For each model that took files of this format; `shots` examples stand in the prompt of the untuned model. */
export function trainingPrices(statistics: Statistics, epochs: Epochs, shots: number): TrainingPrice[] {
  const prices = modelPrices.filter(({ formats }) => statistics.format !== null && formats.includes(statistics.format));
  return prices.map((price) => {
    const { encoding, tokensMax } = modelLimits.find(({ models }) => models.includes(price.family))!;
    const tokens = statistics.tokens.find(({ counter }) => counter === encoding)!;
    const tokensPerEpoch = tokens.lengths.sumOf((length) => Math.min(tokensMax, length));
    const trainedTokens = tokensPerEpoch * epochs.count;
    const usd = (trainedTokens * price.training) / 1e6;
    return {
      model: price.model,
      tokensPerEpoch,
      trainedTokens,
      usd,
      request: requestPrice(price, requestTokens(tokens, statistics.format), usd, shots),
    };
  });
}

/** How many tokens a request is, and how many one more example in its prompt adds. */
export interface RequestTokens {
  readonly prompt: number;
  readonly answer: number;
  readonly shot: number;
}

/** Of an average example: its last answer is what is asked for, everything before it is the prompt. */
export function requestTokens(
  { perExample, perAnswer, perPart }: TokenStatistics,
  format: ExampleFormat | null,
): RequestTokens | null {
  if (perExample === null || perAnswer === null) return null;
  const answer = perAnswer.mean;
  const example = perExample.mean - (format === 'preference' ? answer : 0); // which has two answers
  // The system's words and the tools are there once, however many examples follow.
  const once =
    ((perPart.system?.total ?? 0) + (perPart.developer?.total ?? 0) + (perPart.tools?.total ?? 0)) / perExample.count;
  return { prompt: example - answer, answer, shot: example - once };
}

function requestPrice(
  { tuned, untuned }: ModelPrice,
  request: RequestTokens | null,
  trainingUsd: number,
  shots: number,
): RequestPrice | null {
  if (request === null) return null;
  const { prompt, answer, shot } = request;
  const cost = (prices: TokenPrices, promptTokens: number) => ({
    promptTokens,
    answerTokens: answer,
    usd: (promptTokens * prices.input + answer * prices.output) / 1e6,
  });
  const [fine, fewShot] = [cost(tuned, prompt), cost(untuned, prompt + shots * shot)];
  const savingUsd = fewShot.usd - fine.usd;
  const withoutShots = cost(untuned, prompt).usd;
  return {
    shots,
    tuned: fine,
    fewShot,
    savingUsd,
    paidBackAfter: savingUsd > 0 ? Math.ceil(trainingUsd / savingUsd) : null,
    cheaperFromShots: Math.max(0, Math.ceil((fine.usd - withoutShots) / ((shot * untuned.input) / 1e6))),
  };
}
