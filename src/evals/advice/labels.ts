/**
 * Labels that look wrong: a model of words that did not see an example is sure of another label.
 *
 * Logistic regression over bags of words learns from nine tenths of the file and judges the rest, ten times over, so
 * each example is judged by what the others say. A label is suspected where another one is the likeliest, and at least
 * three times as likely. (Confident learning, of C. Northcutt, L. Jiang and I. Chuang, 2021, asks for a probability as
 * high as the mean of the examples that bear the other label; half of all mistakes do not reach a mean.)
 * A model of words errs as well: it is only listened to where it beats guessing, and its suspicions are for people to
 * look at.
 */

import { setImmediate } from 'node:timers/promises';
import { seededRandom, shuffled } from '../../random.ts';
import { questionOf } from '../baselines/baselines.ts';
import { choosePenalty, trainLogistic } from '../baselines/logistic.ts';
import { WordSpace } from '../baselines/words.ts';
import { wilson, type Estimate } from '../metrics/estimate.ts';
import { labelsOf, textOf, type TestItem } from '../task.ts';
import type { Advice } from './advice.ts';

export interface SuspectedLabel {
  readonly line: number;
  readonly question: string;
  readonly label: string;
  readonly likely: string;
  /** What the other examples say of the given label, and of the likely one. */
  readonly labelProbability: number;
  readonly likelyProbability: number;
}

export interface LabelCheck {
  /** The most suspect first. */
  readonly suspected: readonly SuspectedLabel[];
  /** How often the model of words agrees with the file. */
  readonly agreement: Estimate;
  /** What always giving the commonest label would agree. */
  readonly guessing: number;
  readonly folds: number;
  /** Null where the check can say something; otherwise why it cannot. */
  readonly reason: string | null;
}

const foldsUsual = 10;
const examplesMin = 30;
const perLabelMin = 5;
const labelsMost = 50;
/** How many times as likely as the given label the other one is. */
const timesMin = 3;
/** More are judged by lot: beyond that a second look takes minutes. */
const examplesMost = 5000;
const stepsMax = 300;
const examplesForPenalty = 500;

export interface Checking {
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, folds: number) => void;
}

/** Examples of a classification; others have no labels to be wrong. */
export async function checkLabels(items: readonly TestItem[], checking: Checking = {}): Promise<LabelCheck> {
  const { seed = 1 } = checking;
  const chosen = items.length <= examplesMost ? items : shuffled(items, seededRandom(seed)).slice(0, examplesMost);
  const given = chosen.map(({ reference }) => textOf(reference));
  const labels = labelsOf(given);
  const counts = labels.map((label) => given.filter((each) => each === label).length);
  const guessing = (counts[0] ?? 0) / Math.max(1, chosen.length);
  const none = { suspected: [], agreement: wilson(0, 0), guessing, folds: 0 };
  if (chosen.length < examplesMin || labels.length < 2 || labels.length > labelsMost)
    return {
      ...none,
      reason: `labels are checked from ${examplesMin} examples and 2 labels on, up to ${labelsMost} labels; here are ${chosen.length} and ${labels.length}`,
    };
  const folds = Math.min(foldsUsual, chosen.length);
  const places = given.map((label) => labels.indexOf(label));
  const shares = await heldOutShares(chosen.map(questionOf), places, labels.length, folds, { ...checking, seed });
  const right = shares.filter((share, i) => mostOf(share) === places[i]).length;
  const agreement = wilson(right, chosen.length);
  if (agreement.low <= guessing)
    return {
      ...none,
      agreement,
      folds,
      reason: `words alone agree with the labels on ${percent(agreement.value)}, no better than always "${labels[0]}" (${percent(guessing)})`,
    };
  return { suspected: suspects(chosen, labels, counts, places, shares), agreement, guessing, folds, reason: null };
}

/** Of every example the probability of each label, from a model that has not seen it. */
async function heldOutShares(
  questions: readonly string[],
  places: readonly number[],
  classes: number,
  folds: number,
  { seed = 1, signal, onProgress }: Checking,
): Promise<Float64Array[]> {
  // Dealt label by label, so that each fold has its share of every label.
  const foldOf = new Int32Array(questions.length);
  const dealt = new Int32Array(classes);
  const known = new Map<string, number>();
  for (const i of shuffled([...questions.keys()], seededRandom(seed))) {
    // A question that comes twice must not vouch for itself.
    foldOf[i] = known.get(questions[i]!) ?? dealt[places[i]!]!++ % folds;
    known.set(questions[i]!, foldOf[i]);
  }
  const all = WordSpace.learn(questions);
  // A penalty is per example, so what some hundreds choose is scaled to all.
  const chosen = shuffled([...questions.keys()], seededRandom(seed)).slice(0, examplesForPenalty);
  const penaltyOfChosen = choosePenalty(
    chosen.map((i) => all.vectorOf(questions[i]!)),
    chosen.map((i) => places[i]!),
    { classes, features: all.size },
  );
  const penalty = (penaltyOfChosen * chosen.length) / questions.length;
  const shares: Float64Array[] = [];
  for (let fold = 0; fold < folds; fold++) {
    onProgress?.(fold, folds);
    await setImmediate(); // a fold of a large file takes seconds
    signal?.throwIfAborted();
    const learnt = [...questions.keys()].filter((i) => foldOf[i] !== fold);
    const space = WordSpace.learn(learnt.map((i) => questions[i]!));
    const { probabilitiesOf } = trainLogistic(
      learnt.map((i) => space.vectorOf(questions[i]!)),
      learnt.map((i) => places[i]!),
      { classes, features: space.size, penalty, stepsMax },
    );
    for (const [i, question] of questions.entries())
      if (foldOf[i] === fold) shares[i] = probabilitiesOf(space.vectorOf(question));
  }
  return shares;
}

function suspects(
  items: readonly TestItem[],
  labels: readonly string[],
  counts: readonly number[],
  places: readonly number[],
  shares: readonly Float64Array[],
): SuspectedLabel[] {
  const found = items.flatMap((item, i): SuspectedLabel[] => {
    const share = shares[i]!;
    const given = places[i]!;
    const likely = mostOf(share);
    if (likely === given || counts[likely]! < perLabelMin || share[likely]! < timesMin * share[given]!) return [];
    return [
      {
        line: item.line,
        question: questionOf(item),
        label: labels[given]!,
        likely: labels[likely]!,
        labelProbability: share[given]!,
        likelyProbability: share[likely]!,
      },
    ];
  });
  const margin = ({ likelyProbability, labelProbability }: SuspectedLabel): number =>
    likelyProbability - labelProbability;
  return found.sort((a, b) => margin(b) - margin(a) || a.line - b.line);
}

const mostOf = (share: Float64Array): number => share.indexOf(Math.max(...share));

const told = 20;

export async function adviceOfLabels(
  items: readonly TestItem[],
  checking: Checking = {},
): Promise<{ readonly advice: Advice[]; readonly check: LabelCheck }> {
  const check = await checkLabels(items, checking);
  const shown = check.suspected.slice(0, told);
  if (shown.length === 0) return { advice: [], check };
  const advice: Advice = {
    kind: 'wrong_labels',
    text: `Look at ${shown.length === 1 ? 'this label' : `these ${shown.length} labels`} of the training file, which ${shown.length === 1 ? 'looks' : 'look'} wrong${check.suspected.length > told ? `; ${check.suspected.length - told} more are suspected` : ''}.`,
    evidence: [
      `A model of words that had not seen the example (${check.folds} folds) finds another label at least ${timesMin} times as likely. It agrees with ${percent(check.agreement.value)} of all labels; always the commonest would with ${percent(check.guessing)}.`,
      ...shown.map(
        ({ line, label, likely, labelProbability, likelyProbability, question }) =>
          `line ${line}: "${label}" (${percent(labelProbability)}), rather "${likely}" (${percent(likelyProbability)}): ${excerpt(question)}`,
      ),
    ],
  };
  return { advice: [advice], check };
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

function excerpt(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 70 ? `${line.slice(0, 69)}…` : line;
}
