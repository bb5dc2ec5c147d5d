/** A local model's answers to recorded questions, held against the recording: what every caller of `parity` shares. */

import { stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ParityResult, ParitySide } from '../domain/openai-capture.ts';
import type { Answered } from '../evals/ask.ts';
import type { ComparedRow } from '../evals/compare/compare.ts';
import type { Recognised } from '../evals/task.ts';
import { parity, type Parity } from './parity.ts';
import { costOf, parityHtml } from './parity-report.ts';
import { answeredOf, type Recording } from './recording.ts';

export interface Held {
  readonly chosen: Recognised;
  readonly model: string;
  readonly local: readonly Answered[];
  readonly watts?: number | undefined;
  readonly kilowattHourPrice?: number | undefined;
}

export function holdAgainst(recording: Recording, { chosen, model, local, ...costs }: Held): Parity {
  const { task, labels } = chosen;
  const sides = {
    recorded: { model: recording.model, answers: answeredOf(recording, labels) },
    local: { model, answers: local },
  };
  return parity(task, sides, { labels: labels.length > 0 ? labels : undefined, ...costs });
}

/** Both under the same limit, or one could say what the other had no room for. */
export function roomIn({ answers }: Recording): number | undefined {
  const parameters = answers.find((answer) => answer !== null)?.parameters;
  return parameters?.max_completion_tokens ?? parameters?.max_tokens;
}

export async function writeParityReport(path: string, parity: Parity, { answers }: Recording): Promise<void> {
  const first = answers.find((answer) => answer !== null);
  const recordedAt = first === undefined ? null : new Date(first.taken_at);
  await writeFile(path, parityHtml(parity, { recordedAt, createdAt: new Date() }));
}

const differencesMax = 100;
const textMax = 2000;

/** What goes over the wire; the report has the rest. */
export async function parityResult(
  { model, chosen }: Pick<Held, 'model' | 'chosen'>,
  recorded: string,
  { agreement, comparison, right, differences, count, unrecorded, verdict, task }: Parity,
  report: string,
): Promise<ParityResult> {
  const [there, here] = comparison.rows;
  const { difference, pValue } = here!.difference!.comparison;
  const result: ParityResult = {
    recorded,
    local: model,
    task,
    reason: chosen.reason,
    count,
    unrecorded,
    verdict,
    agreement: {
      exact: agreement.exact,
      both_right: agreement.bothRight,
      only_recorded: agreement.onlyRecorded,
      only_local: agreement.onlyLocal,
      both_wrong: agreement.bothWrong,
      figures: agreement.figures,
    },
    difference: { estimate: difference, p_value: pValue },
    right_or_wrong: { estimate: right.difference, p_value: right.pValue },
    sides: [sideOf(there!), sideOf(here!)],
    difference_count: differences.length,
    differences: differences.slice(0, differencesMax).map((each) => ({
      line: each.line,
      question: cut(each.question),
      expected: cut(each.expected),
      recorded: cut(each.recorded),
      local: each.local === null ? null : cut(each.local),
      recorded_right: each.recordedRight,
      local_right: each.localRight,
    })),
    files: [{ name: basename(report), bytes: (await stat(report)).size }],
  };
  // What cannot be told is null: JSON has no NaN.
  return JSON.parse(JSON.stringify(result)) as ParityResult;
}

const sideOf = (row: ComparedRow): ParitySide => ({
  name: row.name,
  figures: row.evaluation.figures,
  latency_ms: row.evaluation.costs.latencyMs,
  prompt_tokens: row.evaluation.costs.promptTokens,
  completion_tokens: row.evaluation.costs.completionTokens,
  cost: costOf(row),
});

const cut = (text: string): string => (text.length > textMax ? `${text.slice(0, textMax)}…` : text);
