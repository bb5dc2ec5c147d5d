/**
 * Whether a local fine-tune can stand in for the model that was recorded: how often they say the same, how good each
 * is by the right answers (with intervals and a paired test), and what each costs.
 *
 * Agreement asks nothing of the right answers: the recorded answer takes the reference's place. Two models may agree
 * rarely and be equally good, and may agree on what is wrong, so both are told.
 */

import type { Answered } from '../evals/ask.ts';
import { compare, type Compared, type CompareOptions } from '../evals/compare/compare.ts';
import { evaluate, type Figure } from '../evals/evaluate.ts';
import { findLabel } from '../evals/labels.ts';
import { share as shareOf, type Estimate } from '../evals/metrics/estimate.ts';
import { compareRight, type Comparison } from '../evals/metrics/paired.ts';
import { callsOf, labelsOf, textOf, type Task } from '../evals/task.ts';
import type { Message } from '../domain/example.ts';

export interface Parity {
  readonly task: Task;
  readonly count: number;
  /** Questions that were never recorded are in no figure. */
  readonly unrecorded: number;
  readonly agreement: {
    /** The same text to the letter (white space around it apart), and the same calls. */
    readonly exact: Estimate;
    /** Both right, both wrong, or one of each. */
    readonly bothRight: number;
    readonly onlyRecorded: number;
    readonly onlyLocal: number;
    readonly bothWrong: number;
    /** The task's figures with the recorded answers as what is right. */
    readonly figures: readonly Figure[];
  };
  readonly comparison: Compared;
  /** Right or wrong per question: McNemar's exact test, local less recorded. */
  readonly right: Comparison;
  /** In one sentence. */
  readonly verdict: string;
  /** What they differ on, the questions that only the recorded model had right first. */
  readonly differences: readonly Difference[];
}

export interface Difference {
  readonly line: number;
  readonly question: string;
  readonly expected: string;
  readonly recorded: string;
  readonly local: string | null;
  readonly recordedRight: boolean;
  readonly localRight: boolean;
}

export interface Sides {
  readonly recorded: { readonly model: string; readonly answers: readonly Answered[] };
  readonly local: { readonly model: string; readonly answers: readonly Answered[] };
}

export function parity(task: Task, sides: Sides, options: CompareOptions = {}): Parity {
  const all = sides.recorded.answers;
  const kept = [...all.keys()].filter((i) => all[i]!.answer !== null);
  const recorded = kept.map((i) => all[i]!);
  const local = kept.map((i) => sides.local.answers[i]!);
  const usage = (of: (item: Answered) => number): number =>
    recorded.reduce((sum, item) => sum + of(item), 0) / recorded.length;
  const recordedName = `${sides.recorded.model} (recorded)`;
  const comparison = compare(
    task,
    [
      {
        name: recordedName,
        kind: 'endpoint',
        model: sides.recorded.model,
        shots: 0,
        answers: recorded,
        isHere: false,
        tokensThere: { prompt: usage((each) => each.promptTokens), answer: usage((each) => each.completionTokens) },
      },
      {
        name: sides.local.model,
        kind: 'fine_tune',
        model: sides.local.model,
        shots: 0,
        answers: local,
        isHere: true,
        tokensThere: null,
      },
    ],
    options,
  );
  const [there, here] = comparison.rows.map(({ evaluation }) => evaluation.verdicts.map(({ right }) => right));
  const same = recorded.map((item, i) => isSame(item.answer!, local[i]!.answer));
  const labels = options.labels ?? labelsOf(recorded.map(({ reference }) => textOf(reference)));
  const asReference = local.map((item, i) => ({ ...item, reference: truth(task, recorded[i]!.answer!, labels) }));
  const of = (a: boolean, b: boolean): number => kept.filter((_, i) => there![i] === a && here![i] === b).length;
  const right = compareRight(there!, here!);
  const exact = shareOf(same);
  return {
    task,
    count: kept.length,
    unrecorded: all.length - kept.length,
    agreement: {
      exact,
      bothRight: of(true, true),
      onlyRecorded: of(true, false),
      onlyLocal: of(false, true),
      bothWrong: of(false, false),
      figures: agreementFigures(task, asReference, { labels }),
    },
    comparison,
    right,
    verdict: sentence(comparison, exact),
    differences: kept
      .map((_, i) => ({ i, recordedRight: there![i]!, localRight: here![i]! }))
      .filter(({ i }) => !same[i])
      .sort((a, b) => rank(a) - rank(b) || a.i - b.i)
      .map(({ i, recordedRight, localRight }) => ({
        line: recorded[i]!.line,
        question: recorded[i]!.input.map((message) => `${message.role}: ${said(message)}`).join('\n'),
        expected: said(recorded[i]!.reference),
        recorded: said(recorded[i]!.answer!),
        local: local[i]!.answer === null ? null : said(local[i]!.answer),
        recordedRight,
        localRight,
      })),
  };
}

/** A recorded answer as what is right: of a classification the label in it. */
function truth(task: Task, answer: Message, labels: readonly string[]): Message {
  if (task !== 'classification') return answer;
  return { role: 'assistant', content: findLabel(textOf(answer), labels) ?? textOf(answer) };
}

/** What was recorded need not fit the task (a model may have answered a class with a sentence): then there are none. */
function agreementFigures(task: Task, items: readonly Answered[], { labels }: CompareOptions): readonly Figure[] {
  try {
    return evaluate(task, items, { labels }).figures;
  } catch {
    return [];
  }
}

const rank = ({ recordedRight, localRight }: { recordedRight: boolean; localRight: boolean }): number =>
  recordedRight && !localRight ? 0 : recordedRight === localRight ? 1 : 2;

function isSame(a: Message, b: Message | null): boolean {
  if (b === null || textOf(a) !== textOf(b)) return false;
  const calls = (message: Message): string =>
    JSON.stringify(callsOf(message).map((call) => [call.name, canonical(call.arguments)]));
  return calls(a) === calls(b);
}

/** The same arguments in another order, or with other white space, are the same. */
function canonical(text: string): unknown {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]);
  };
  try {
    return sorted(JSON.parse(text));
  } catch {
    return text;
  }
}

export function said(message: Message): string {
  const calls = callsOf(message).map((call) => `${call.name}(${call.arguments})`);
  return [textOf(message), ...calls].filter((each) => each !== '').join('\n');
}

function sentence({ rows }: Compared, exact: Estimate): string {
  const [recorded, local] = rows;
  const figure = (row: typeof local): string => {
    const { title, estimate } = row!.evaluation.figures[0]!;
    return `${title} ${share(estimate.value)}`;
  };
  const { comparison } = local!.difference!;
  const { value, low, high, small } = comparison.difference;
  const both = `the local model has ${figure(local)}, the recorded one ${share(recorded!.evaluation.figures[0]!.estimate.value)}`;
  const reach = `difference ${points(value)}, 95 % interval ${points(low)} to ${points(high)}`;
  const agreed = `they give the same answer ${share(exact.value)} of the time`;
  const hint = small ? '; few questions, so take this as a hint' : '';
  if (comparison.significant)
    return value < 0
      ? `Not yet: ${both} (${reach}); ${agreed}${hint}.`
      : `Yes, and better: ${both} (${reach}); ${agreed}${hint}.`;
  if (low >= -tolerated) return `Yes: ${both} (${reach}); ${agreed}${hint}.`;
  return `Not shown either way: ${both} (${reach}), so that a loss of up to ${share(-low)} is possible; ${agreed}; more questions would tell${hint}.`;
}

/** A loss that few would notice. */
const tolerated = 0.02;

const share = (value: number): string => `${(100 * value).toFixed(1)} %`;
const points = (value: number): string => `${value >= 0 ? '+' : ''}${(100 * value).toFixed(1)} points`;
