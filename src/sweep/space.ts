/**
 * What a sweep tries: the values of each hyper-parameter, and the trials that they make, all of them or drawn by lot.
 *
 *   1e-4,5e-4,2e-3   these values
 *   1e-5..1e-2       anything between; only drawn, never enumerated
 *
 *   q_proj+v_proj    one value that is a list (lora_targets)
 *
 * `model` is the base model; every other name is a hyper-parameter of the job as the server knows it, and whether it
 * likes a value is for the server to say. Trials that would train alike are one trial.
 */

import { invalid } from '../domain/errors.ts';
import { seededRandom } from '../random.ts';

export type Value = string | number | boolean;
export type Values = Readonly<Record<string, Value>>;

export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface Dimension {
  readonly name: string;
  readonly values: readonly Value[] | Range;
}

export const trialsMax = 1000;

/** Only whole numbers make sense between the ends of a range. */
const wholes = new Set(['n_epochs', 'batch_size', 'lora_rank', 'max_length', 'eval_interval']);
/** What matters is by which factor two values differ. */
const logarithmic = new Set([
  'learning_rate',
  'learning_rate_multiplier',
  'lora_rank',
  'lora_alpha',
  'batch_size',
  'weight_decay',
  'max_length',
]);

export const isLogarithmic = (name: string): boolean => logarithmic.has(name);
export const isRange = (values: Dimension['values']): values is Range => 'low' in values;

/** `name` as the job's request spells it; `option` as the user wrote it, for messages. */
export function parseDimension(name: string, text: string, option: string): Dimension {
  const [, low, high] = /^(.+?)\.\.(.+)$/.exec(text.trim()) ?? [];
  if (low !== undefined && high !== undefined) {
    const range = { low: Number(low), high: Number(high) };
    if (!(range.low < range.high) || !Number.isFinite(range.high - range.low))
      throw invalid(null, `${option} ${text}: a range goes from a number to a greater one, such as 1e-5..1e-3.`);
    if (logarithmic.has(name) && range.low <= 0)
      throw invalid(null, `${option} ${text}: the range must begin above 0, as it is drawn by factors.`);
    if (wholes.has(name) && !(Number.isInteger(range.low) && Number.isInteger(range.high)))
      throw invalid(null, `${option} ${text}: whole numbers were expected.`);
    return { name, values: range };
  }
  const values = text.split(',').map((each) => valueOf(each.trim()));
  if (values.includes('')) throw invalid(null, `${option} ${text}: values with commas between were expected.`);
  const repeated = values.find((value, i) => values.indexOf(value) !== i);
  if (repeated !== undefined) throw invalid(null, `${option} ${text}: ${repeated} stands there twice.`);
  return { name, values };
}

const words: ReadonlyMap<string, Value> = new Map([
  ['true', true],
  ['false', false],
]);

function valueOf(text: string): Value {
  if (text !== '' && Number.isFinite(Number(text))) return Number(text);
  return words.get(text) ?? text;
}

/** Every combination, the last dimension changing fastest. */
export function gridOf(dimensions: readonly Dimension[]): Values[] {
  const size = dimensions.reduce((product, { values }) => product * (isRange(values) ? 1 : values.length), 1);
  if (size > trialsMax)
    throw invalid(null, `The grid has ${size} combinations; draw some of them: --trials 30, at most ${trialsMax}.`);
  let trials: Values[] = [{}];
  for (const { name, values } of dimensions) {
    if (isRange(values))
      throw invalid(null, `${name} is a range, which has no end of values: say how many trials to draw, --trials 12.`);
    trials = trials.flatMap((trial) => values.map((value) => ({ ...trial, [name]: value })));
  }
  return distinct(trials);
}

/** So many trials by lot, the same every time for a seed; all there are when there are fewer. */
export function drawTrials(dimensions: readonly Dimension[], count: number, seed: number): Values[] {
  const size = dimensions.reduce((product, { values }) => product * (isRange(values) ? Infinity : values.length), 1);
  if (size <= count) return gridOf(dimensions);
  const random = seededRandom(seed);
  const drawn = new Map<string, Values>();
  // Few values leave few new combinations to be drawn; what is not found then is not there.
  for (let attempt = 0; drawn.size < count && attempt < 200 * count; attempt++) {
    const trial = meaningful(
      Object.fromEntries(dimensions.map(({ name, values }) => [name, drawValue(name, values, random)])),
    );
    drawn.set(JSON.stringify(trial), trial);
  }
  return [...drawn.values()];
}

function drawValue(name: string, values: Dimension['values'], random: () => number): Value {
  if (!isRange(values)) return values[Math.floor(random() * values.length)]!;
  const whole = wholes.has(name);
  // Each whole number stands for what rounds to it, so that the ends are as likely as the others.
  const [low, high] = whole ? [values.low - 0.5, values.high + 0.5] : [values.low, values.high];
  const part = random();
  const value = logarithmic.has(name)
    ? Math.exp(Math.log(low) + part * Math.log(high / low))
    : low + part * (high - low);
  if (whole) return Math.min(values.high, Math.max(values.low, Math.round(value)));
  return Number(value.toPrecision(3));
}

/** Hyper-parameters as a job's request has them. */
export function toHyperparameters(values: Values): Record<string, Value | string[]> {
  const { lora_targets: targets, ...others } = values;
  return targets === undefined ? others : { ...others, lora_targets: String(targets).split('+') };
}

/** Without what has no effect: there is no LoRA in a training that changes the weights themselves. */
function meaningful(values: Values): Values {
  const { train = 'lora' } = values;
  if (train === 'lora' || train === 'auto') return values;
  return Object.fromEntries(Object.entries(values).filter(([name]) => !/^(lora_|rslora$)/.test(name)));
}

function distinct(trials: readonly Values[]): Values[] {
  const lean = trials.map(meaningful);
  return [...new Map(lean.map((trial) => [JSON.stringify(trial), trial])).values()];
}
