/**
 * What a run's curves advise: epochs, learning rate, rank, more data.
 *
 * A run is cut into fifths, as single steps are noise. The last fifth of a cosine stands still whatever the data, so
 * whether training came to a halt is judged from the third fifth on. The limits are stated beside each rule; they are
 * rules of thumb, which is why the figures stand beside the advice.
 */

import type { StepMetrics } from '../../domain/job.ts';
import type { Advice } from './advice.ts';

export interface Run {
  /** In their order. */
  readonly steps: readonly StepMetrics[];
  readonly epochs: number;
  /** Null where nothing is known of LoRA. */
  readonly rank: number | null;
  readonly learningRate: number | null;
  /** The models of earlier epochs' ends, by their step, where there are any. */
  readonly checkpoints?: ReadonlyMap<number, string>;
}

/** Fewer steps make no curve. */
const stepsMin = 10;

export function adviceOfCurves(run: Run): Advice[] {
  if (run.steps.length < stepsMin) return [];
  const epochs = epochEnds(run);
  return [
    ...learningRate(run),
    ...tooManyEpochs(run, epochs),
    ...tooFewEpochs(run, epochs),
    ...tooLittleRoom(run, epochs),
    ...tooLittleData(run, epochs),
  ];
}

interface EpochEnd {
  readonly epoch: number;
  readonly step: number;
  readonly valid: number;
  /** Mean over the epoch. */
  readonly train: number;
}

function epochEnds({ steps, epochs }: Run): EpochEnd[] {
  const perEpoch = steps.at(-1)!.total_steps / epochs;
  return steps.flatMap(({ step, full_valid_loss: valid }): EpochEnd[] => {
    if (valid === undefined) return [];
    const own = steps.filter((each) => each.step > step - perEpoch && each.step <= step);
    return [{ epoch: Math.round(step / perEpoch), step, valid, train: meanOf(own.map((each) => each.train_loss)) }];
  });
}

function fifthsOf({ steps }: Run): number[] {
  return Array.from({ length: 5 }, (_, i) => {
    const own = steps.slice(Math.floor((i * steps.length) / 5), Math.floor(((i + 1) * steps.length) / 5));
    return meanOf(own.map(({ train_loss: loss }) => loss));
  });
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
const fall = (from: number, to: number): number => (from - to) / from;

/** It ended higher than it began, or is no number: too high. Less than a tenth was learnt, and evenly: too low. */
function learningRate(run: Run): Advice[] {
  const fifths = fifthsOf(run);
  const [first, last] = [fifths[0]!, fifths.at(-1)!];
  const used = run.learningRate === null ? [] : [`The learning rate was ${run.learningRate}.`];
  const wrong = run.steps.find(({ train_loss: loss }) => !Number.isFinite(loss));
  const told = `Training loss by fifths of the run: ${fifths.map(number).join(', ')}.`;
  if (wrong !== undefined || last > 1.05 * first) {
    const how = wrong === undefined ? `It ended ${percent(-fall(first, last))} above where it began.` : `At step ${wrong.step} it was no number.`; // prettier-ignore
    return [
      {
        kind: 'lower_learning_rate',
        text: `Lower the learning rate${run.learningRate === null ? '' : `, to ${tidy(run.learningRate / 3)} or less`}: training did not hold together.`,
        evidence: [told, how, ...used],
      },
    ];
  }
  const falling = fifths.every((loss, i) => i === 0 || loss <= fifths[i - 1]! * 1.005);
  if (fall(first, last) < 0.1 && fall(first, last) > 0.005 && falling && last > 0.1)
    return [
      {
        kind: 'higher_learning_rate',
        text: `Raise the learning rate${run.learningRate === null ? '' : `, to ${tidy(run.learningRate * 3)}`}: the run learnt little, and was still learning.`,
        evidence: [told, `It fell by ${percent(fall(first, last))} in all.`, ...used],
      },
    ];
  return [];
}

/** The validation loss ended at least 2 % above its lowest. */
function tooManyEpochs(run: Run, ends: readonly EpochEnd[]): Advice[] {
  const last = ends.at(-1);
  if (last === undefined) return [];
  const best = ends.reduce((lowest, end) => (end.valid < lowest.valid ? end : lowest));
  if (best === last || last.valid < 1.02 * best.valid) return [];
  const checkpoint = run.checkpoints?.get(best.step);
  const epochs = `Train ${best.epoch} ${best.epoch === 1 ? 'epoch' : 'epochs'} in place of ${run.epochs}`;
  return [
    {
      kind: 'fewer_epochs',
      text: `${epochs}${checkpoint === undefined ? '' : `, or use the checkpoint at step ${best.step}`}: after that the run learnt its examples by heart.`,
      evidence: [
        `Validation loss after each epoch: ${ends.map(({ valid }) => number(valid)).join(', ')}; the end is ${percent(-fall(best.valid, last.valid))} above the lowest.`,
        `The training loss went from ${number(best.train)} to ${number(last.train)} meanwhile.`,
        ...(checkpoint === undefined ? [] : [`The checkpoint of then is ${checkpoint}.`]),
      ],
    },
  ];
}

/** The last epoch still took 5 % off the lowest validation loss. */
function tooFewEpochs(run: Run, ends: readonly EpochEnd[]): Advice[] {
  const [before, last] = ends.slice(-2);
  if (before === undefined || last === undefined || fall(before.valid, last.valid) < 0.05) return [];
  if (ends.some(({ valid }) => valid < last.valid)) return [];
  return [
    {
      kind: 'more_epochs',
      text: `Train longer, such as ${2 * run.epochs} epochs: the validation loss was still falling.`,
      evidence: [
        `Validation loss after each epoch: ${ends.map(({ valid }) => number(valid)).join(', ')}; the last one took ${percent(fall(before.valid, last.valid))} off.`,
      ],
    },
  ];
}

/** At a halt since the middle (under 5 %), no worse on new data than on its own, and one token in twenty still wrong. */
function tooLittleRoom(run: Run, ends: readonly EpochEnd[]): Advice[] {
  const last = ends.at(-1);
  if (run.rank === null || last === undefined) return [];
  const fifths = fifthsOf(run);
  const halted = Math.abs(fall(fifths[2]!, fifths[4]!)) < 0.05;
  const accuracy = meanOf(
    run.steps.slice(-Math.ceil(run.steps.length / 5)).map((step) => step.train_mean_token_accuracy),
  );
  if (!halted || last.valid > 1.1 * fifths[4]! || accuracy > 0.95) return [];
  return [
    {
      kind: 'higher_rank',
      text: `Give the adapter more room, such as rank ${4 * run.rank} in place of ${run.rank}, and try learning rates beside it (tunesmith sweep --rank ${run.rank},${4 * run.rank}): the run stood still without having learnt its examples.`,
      evidence: [
        `Training loss by fifths of the run: ${fifths.map(number).join(', ')}; from the third to the last it moved by ${percent(Math.abs(fall(fifths[2]!, fifths[4]!)))}.`,
        `The validation loss, ${number(last.valid)}, is no more than a tenth above it, so nothing was learnt by heart; ${percent(1 - accuracy)} of the training tokens were still wrong.`,
      ],
    },
  ];
}

/** Even at its best the validation loss was half as high again as the training loss of that epoch. */
function tooLittleData(_: Run, ends: readonly EpochEnd[]): Advice[] {
  if (ends.length === 0) return [];
  const best = ends.reduce((lowest, end) => (end.valid < lowest.valid ? end : lowest));
  if (best.valid < 1.5 * best.train || best.valid < 0.05) return [];
  return [
    {
      kind: 'more_data',
      text: 'Bring more examples, or regularise (lora_dropout, weight_decay): what was learnt did not carry over. "tunesmith learning-curve" tells what more data would bring.',
      evidence: [
        `After epoch ${best.epoch}, the best one, the validation loss was ${number(best.valid)} and the training loss of that epoch ${number(best.train)}: ${(best.valid / best.train).toFixed(1)} times as high.`,
      ],
    },
  ];
}

const number = (value: number): string => value.toFixed(3);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const tidy = (value: number): string => String(Number(value.toPrecision(1)));
