/**
 * What a thousand requests like those of a test cost: there, by OpenAI's price list, and here, by the time they took.
 *
 * There, prompts and answers are counted in OpenAI's own tokens and priced as the model that is named: a fine-tune as
 * a fine-tune of it, everything else as the model itself; what answers elsewhere by its own model, where that is listed.
 * Prompts that were seen before cost less there, which is left out. Here it is the machine's time, one request after
 * the other, and with a stated power its energy; what a machine draws from the wall is not known to it.
 */

import { modelPrices, type ModelPrice } from '../../dataset/price.ts';
import { modelLimits } from '../../dataset/statistics/limits.ts';
import { openCounters } from '../../dataset/tokens/ways.ts';
import type { Message, ToolDefinition } from '../../domain/example.ts';
import type { Answered } from '../ask.ts';
import type { Contender } from './compare.ts';

export interface CostOptions {
  /** The model whose prices are those of "there". */
  readonly priceOf?: ModelPrice | undefined;
  readonly watts?: number | undefined;
  readonly kilowattHourPrice?: number | undefined;
}

/** Per thousand requests. */
export interface PriceThere {
  readonly model: string;
  readonly promptTokens: number;
  readonly answerTokens: number;
  readonly usd: number;
}

export interface PriceHere {
  readonly seconds: number;
  readonly kilowattHours: number | null;
  /** In whatever currency the kilowatt-hour was given. */
  readonly price: number | null;
}

export const usualPrice = 'gpt-4.1-mini-2025-04-14';

/** The price of a model by its full name or its family's; undefined where it is not on the list. */
export const priceByName = (name: string): ModelPrice | undefined =>
  modelPrices.find(({ model, family, formats }) => formats.includes('chat') && (model === name || family === name));

export function priceThere(
  { kind, model, isHere }: Pick<Contender, 'kind' | 'model' | 'isHere'>,
  tokens: { readonly prompt: number; readonly answer: number },
  { priceOf = priceByName(usualPrice) }: CostOptions,
): PriceThere | null {
  const price = isHere ? priceOf : priceByName(baseAtOpenAI(model ?? ''));
  if (price === undefined) return null;
  const tuned = isHere ? kind === 'fine_tune' || kind === 'checkpoint' : (model ?? '').startsWith('ft:');
  const { input, output } = tuned ? price.tuned : price.untuned;
  const { prompt, answer } = tokens;
  const usd = (1000 * (prompt * input + answer * output)) / 1e6;
  return { model: price.model, promptTokens: 1000 * prompt, answerTokens: 1000 * answer, usd };
}

const baseAtOpenAI = (model: string): string => (model.startsWith('ft:') ? (model.split(':')[1] ?? '') : model);

/** Null where nothing was answered. */
export function priceHere(answers: readonly Answered[], { watts, kilowattHourPrice }: CostOptions): PriceHere | null {
  const answered = answers.filter(({ answer }) => answer !== null);
  if (answered.length === 0) return null;
  const seconds = answered.reduce((sum, { latencyMs }) => sum + latencyMs, 0) / answered.length; // ms each is s a thousand
  const kilowattHours = watts === undefined ? null : (watts * seconds) / 3.6e6;
  const price = kilowattHours === null || kilowattHourPrice === undefined ? null : kilowattHours * kilowattHourPrice;
  return { seconds, kilowattHours, price };
}

/** Of an average question and answer, in the tokens of the model that is priced. */
export async function tokensAtOpenAI(
  answers: readonly Answered[],
  { family }: ModelPrice,
): Promise<{ readonly prompt: number; readonly answer: number }> {
  const { encoding } = modelLimits.find(({ models }) => models.includes(family))!;
  const [counter] = await openCounters([{ kind: 'openai', encoding }]);
  const count = (messages: readonly Message[], tools?: readonly ToolDefinition[]) =>
    counter!.count({ format: 'chat', example: { messages, ...(tools !== undefined && { tools }) } })!;
  let [prompt, answer] = [0, 0];
  for (const item of answers) {
    prompt += count(item.input, item.tools).total;
    answer += item.answer === null ? 0 : count([item.answer]).supervised;
  }
  return { prompt: prompt / answers.length, answer: answer / answers.length };
}
