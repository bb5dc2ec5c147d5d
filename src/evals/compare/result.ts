/** A comparison as it goes over the wire: without single verdicts, and with null where JSON has no number. */

import type { ComparedContender, CompareResult } from '../../domain/comparison.ts';
import { reliabilityOf } from '../api/criterion-figures.ts';
import { worstMistakes } from '../mistakes.ts';
import type { ComparedRow } from './compare.ts';
import type { ComparisonRun } from './run.ts';

const mistakesShown = 10;

export function compareResult(
  { compared, answersOf, reason, leaked, train }: ComparisonRun,
  { there, notes }: { readonly there: string; readonly notes: readonly string[] },
): CompareResult {
  const { task, count, reference, rows, verdict } = compared;
  const { use, best, fineTuningWorthIt, unsure, sentence } = verdict;
  return {
    task,
    reason,
    count,
    reference,
    verdict: { use, best, fine_tuning_worth_it: fineTuningWorthIt, unsure, sentence },
    there,
    leaked: leaked.size,
    training_file: train,
    contenders: rows.map((row) => contenderOf(row, answersOf)),
    notes,
  };
}

function contenderOf(row: ComparedRow, answersOf: ComparisonRun['answersOf']): ComparedContender {
  const { name, kind, model, shots, evaluation, difference, there, here } = row;
  const { task, count, failed, unparsed, figures, parts, confusion, calibration, costs } = evaluation;
  return {
    name,
    kind,
    model,
    shots,
    task,
    count,
    failed,
    unparsed,
    figures,
    parts,
    confusion,
    reliability: calibration === null ? null : reliabilityOf(calibration),
    difference:
      difference === null
        ? null
        : {
            ...difference.comparison.difference,
            p_value: numberOrNull(difference.pAdjusted),
            significant: difference.significant,
          },
    latency_ms: costs.latencyMs,
    prompt_tokens: costs.promptTokens,
    completion_tokens: costs.completionTokens,
    there_usd: there?.usd ?? null,
    here: here === null ? null : { seconds: here.seconds, kilowatt_hours: here.kilowattHours, price: here.price },
    mistakes: worstMistakes(evaluation, answersOf.get(name) ?? [], mistakesShown),
  };
}

const numberOrNull = (value: number): number | null => (Number.isNaN(value) ? null : value);
