/** `tunesmith data price FILE`: what training on a file cost at OpenAI, and what it costs here. */

import { stat } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { readSettings } from '../../config.ts';
import {
  epochsOf,
  priceSource,
  reinforcementPrice,
  requestTokens,
  trainingPrices,
  type Epochs,
  type TrainingPrice,
} from '../../dataset/price.ts';
import type { Statistics } from '../../dataset/statistics/statistics.ts';
import { calibrate, readCalibration, type CalibrationSetting } from '../../jobs/calibration.ts';
import { settingFor, trainingHere, whyNoTime, type TrainingTime } from '../../jobs/training-time.ts';
import type { BaseModel } from '../../models/base-models.ts';
import { decimalNumber, wholeNumber, type Act, type Context } from '../context.ts';
import { UsageError } from '../outcome.ts';
import { formatDuration, formatTime, record } from '../terminal.ts';
import { chosenBase, pullCommand } from './base.ts';
import { figure, figures } from './figures.ts';
import { surveyed } from './stats.ts';

interface Options {
  readonly base?: string;
  readonly epochs?: number;
  readonly shots: number;
  readonly watts?: number;
  readonly kwhPrice?: number;
  /** Undefined measures only what was never measured. */
  readonly calibrate?: boolean;
}

const epochsMax = 50;

const help = `
How long training takes here is foretold from a few real steps, measured once per base model and kept in the data
folder; --calibrate measures again. What a machine draws from the wall is not known to it, so energy needs --watts.

Examples:
  $ tunesmith data price train.jsonl
  $ tunesmith data price train.jsonl --epochs 2 --shots 10
  $ tunesmith data price train.jsonl --base smollm2-135m-instruct --watts 65 --kwh-price 0.30`;

export function priceCommand(data: Command, act: Act): void {
  data
    .command('price <file>')
    .description('what training on a file cost at OpenAI, when it pays, and what it takes here')
    .option('--base <model>', 'the base model to train here (default: the newest of this machine)')
    .option('--epochs <count>', "instead of OpenAI's rule", wholeNumber)
    .option('--shots <count>', 'examples in the prompt that the fine-tune makes unnecessary', wholeNumber, 5)
    .option('--watts <power>', 'what this machine draws while it trains', decimalNumber)
    .option('--kwh-price <price>', 'of a kilowatt-hour, in any currency', decimalNumber)
    .option('--calibrate', 'measure the speed of this machine again')
    .option('--no-calibrate', 'measure nothing, even if it never was')
    .addHelpText('after', help)
    .action(
      act<Options>(async (context, options, file = '') => {
        if (options.epochs !== undefined && (options.epochs < 1 || options.epochs > epochsMax))
          throw new UsageError(`--epochs ${options.epochs}: expected 1 to ${epochsMax}, as jobs take.`);
        if (options.kwhPrice !== undefined && options.watts === undefined)
          throw new UsageError('--kwh-price needs --watts: what the machine draws is not known to it.');
        const base = await chosenBase(context, options.base);
        const { size } = await stat(file);
        const statistics = await surveyed(context, file, size, base);
        const epochs = epochsOf(statistics.examples, options.epochs ?? null);
        const openai = trainingPrices(statistics, epochs, options.shots);
        const here = await priceHere(context, statistics, epochs, base, options);
        const { format, examples } = statistics;
        const reinforcement = format === 'reinforcement' ? reinforcementPrice : null;
        const plain = {
          file,
          format,
          examples,
          epochs,
          openai: { ...priceSource, models: openai, reinforcement },
          here,
        };
        context.terminal.result(plain, () => page(file, statistics, epochs, openai, here, options));
        if (base === null) context.terminal.note(`No base model is here to train; one is fetched by: ${pullCommand}`);
        else if (here === null) context.terminal.note(`The chat template of ${base.id} refuses every example.`);
      }),
    );
}

interface PriceHere extends TrainingTime {
  /** Why there is no time. */
  readonly reason: string | null;
  /** Of an average request, and with the examples in it that a fine-tune makes unnecessary. */
  readonly promptTokens: number;
  readonly fewShotPromptTokens: number;
  readonly energy: { readonly watts: number; readonly kilowattHours: number; readonly price: number | null } | null;
}

async function priceHere(
  context: Context,
  statistics: Statistics,
  epochs: Epochs,
  base: BaseModel | null,
  options: Options,
): Promise<PriceHere | null> {
  const tokens = statistics.tokens.find(({ counter }) => counter === base?.id);
  if (base === null || tokens?.perExample == null) return null;
  const { threads } = readSettings(context.surroundings.env, { home: context.home });
  const { format, examples } = statistics;
  const file = { format, examples, lengths: tokens.lengths.entries() };
  const setting = settingFor(file, base, threads);
  const reason = whyNoTime(file, base);
  const calibration = reason === null ? await measured(context, setting, options.calibrate) : null;
  const training = trainingHere(file, setting, { epochs: epochs.count, calibration });
  const request = requestTokens(tokens, format);
  const kilowattHours =
    training.time === null || options.watts === undefined ? null : (options.watts * training.time.seconds) / 3.6e6;
  return {
    ...training,
    reason: reason ?? (calibration === null ? 'Its speed was never measured here; --calibrate does.' : null),
    promptTokens: request?.prompt ?? tokens.perExample.mean,
    fewShotPromptTokens: (request?.prompt ?? tokens.perExample.mean) + options.shots * (request?.shot ?? 0),
    energy:
      kilowattHours === null
        ? null
        : {
            watts: options.watts!,
            kilowattHours,
            price: options.kwhPrice === undefined ? null : kilowattHours * options.kwhPrice,
          },
  };
}

/** What is known of this machine's speed, measured now if it has to be. */
async function measured({ home, terminal, signal }: Context, setting: CalibrationSetting, wish: boolean | undefined) {
  const known = wish === true ? null : await readCalibration(home, setting);
  if (known !== null || wish === false) return known;
  const { base, threads } = setting;
  terminal.note(`Measuring how fast ${base.id} trains here; this is kept for the next time.`);
  if (loadavg()[0]! > threads / 2)
    terminal.note('The machine is busy, so it will come out too slow; --calibrate measures again.');
  terminal.live('  loading the model');
  try {
    const onStep = (step: number, steps: number): void => terminal.live(`  step ${step} of ${steps}`);
    return await calibrate(home, setting, { signal, onStep });
  } finally {
    terminal.live('');
  }
}

function page(
  file: string,
  { format, examples, faulty }: Statistics,
  epochs: Epochs,
  openai: readonly TrainingPrice[],
  here: PriceHere | null,
  options: Options,
): string {
  const left = faulty.rows === 0 ? '' : `, ${figure(faulty.rows)} with errors left out`;
  return [
    record({
      file: `${basename(file)}, ${format}`,
      examples: `${figure(examples)}${left}`,
      epochs: `${epochs.count}${epochs.auto ? ' (auto)' : ''}`,
    }),
    ...openAISection(format, openai, options.shots),
    ...(here === null ? [] : [hereSection(here, options)]),
  ].join('\n\n');
}

function openAISection(format: Statistics['format'], prices: readonly TrainingPrice[], shots: number): string[] {
  if (format === 'reinforcement') {
    const { model, usdPerHour } = reinforcementPrice;
    return [
      `AT OPENAI\n${model}: $${usdPerHour} for each hour of training, whatever the file; graders' tokens came on top.\n${priceSource.text}`,
    ];
  }
  const training = prices.map(({ model, tokensPerEpoch, trainedTokens, usd }) => [
    model,
    tokensPerEpoch,
    trainedTokens,
    dollars(usd),
  ]);
  const requests = prices.flatMap(({ model, request }) => {
    if (request === null) return [];
    const { tuned, fewShot, savingUsd, paidBackAfter, cheaperFromShots } = request;
    return [
      [
        model,
        tuned.promptTokens,
        fewShot.promptTokens,
        dollars(1000 * tuned.usd),
        dollars(1000 * fewShot.usd),
        dollars(1000 * savingUsd),
        paidBackAfter === null
          ? `never; from ${figure(cheaperFromShots)} examples on`
          : `${figure(paidBackAfter)} requests`,
      ],
    ];
  });
  const against = `against ${shots} example${shots === 1 ? '' : 's'} in the prompt of the model as it was`;
  return [
    `${figures(['AT OPENAI', 'TOKENS', 'X EPOCHS', 'TRAINING'], training)}\n${priceSource.text}`,
    `A THOUSAND REQUESTS, ${against}\n` +
      figures(['MODEL', 'PROMPT', 'WITH EXAMPLES', 'TUNED', 'WITH EXAMPLES', 'SAVED', 'PAID BACK AFTER'], requests),
  ];
}

function hereSection({ base, time, energy, ...here }: PriceHere, { shots }: Options): string {
  const kilowattHours =
    energy === null ? null : `${energy.kilowattHours.toPrecision(2)} kWh at ${figure(energy.watts)} W`;
  const price = energy?.price == null ? '' : `, which cost ${energy.price.toPrecision(2)}`;
  const facts = {
    base,
    tokens: `${figure(here.tokensPerEpoch)} an epoch, ${figure(here.trainedTokens)} in all, ${here.batchSize} example${here.batchSize === 1 ? '' : 's'} a step`,
    time: time === null ? here.reason : `about ${formatDuration(1000 * time.seconds)}`,
    measured: time === null ? null : `${figure(time.tokensPerSecond)} tokens/s on ${formatTime(time.measuredAt)}`,
    energy: kilowattHours === null ? null : `${kilowattHours}${price}`,
    prompt: `${figure(here.promptTokens)} tokens a request instead of ${figure(here.fewShotPromptTokens)} with ${shots} examples`,
  };
  return `HERE\n${record(facts)}`;
}

/** Cents where there are dollars, more digits where there are not. */
function dollars(usd: number): string {
  const amount = Math.abs(usd);
  const digits = amount >= 1 || amount === 0 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(amount)));
  return `${usd < 0 ? '-' : ''}$${amount.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: digits })}`;
}
