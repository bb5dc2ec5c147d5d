/** The table of a comparison. */

import type { Compared, ComparedRow } from '../../evals/compare/compare.ts';
import { probability } from '../../evals/compare/verdict.ts';
import type { Estimate } from '../../evals/metrics/estimate.ts';
import { percent } from '../eval.ts';
import { table } from '../terminal.ts';

export function comparedTable(compared: Compared): string {
  const { rows } = compared;
  const [main, second] = rows[0]!.evaluation.figures;
  const anyFailed = rows.some(({ evaluation }) => evaluation.failed + evaluation.unparsed > 0);
  return table(
    [
      'CONTENDER',
      `${main!.title.toUpperCase()} %`,
      `${second!.title.toUpperCase()} %`,
      'AGAINST REFERENCE',
      'P',
      ...(anyFailed ? ['UNUSABLE'] : []),
      'PROMPT',
      'P50',
      'P95',
      '1,000 THERE',
      '1,000 HERE',
    ],
    rows.map((row) => {
      const { evaluation, difference, there } = row;
      const { figures, costs, failed, unparsed } = evaluation;
      const asked = costs.promptTokens > 0;
      return [
        row.name === compared.verdict.use ? `* ${row.name}` : `  ${row.name}`,
        estimate(figures[0]!.estimate),
        estimate(figures[1]!.estimate),
        difference === null ? 'reference' : change(difference.comparison.difference, difference.significant),
        difference === null ? null : probability(difference.pAdjusted),
        ...(anyFailed ? [failed + unparsed === 0 ? null : String(failed + unparsed)] : []),
        asked ? `${costs.promptTokens.toFixed(0)} tokens` : null,
        milliseconds(costs.latencyMs.p50),
        milliseconds(costs.latencyMs.p95),
        there === null ? null : `$${there.usd.toPrecision(2)}`,
        hereShown(row),
      ];
    }),
  );
}

export const estimate = ({ value, low, high }: Estimate): string =>
  `${percent(value)} (${(100 * low).toFixed(0)}-${(100 * high).toFixed(0)})`;

export function change({ value, low, high }: Estimate, significant: boolean): string {
  const signed = (share: number): string => `${share > 0 ? '+' : ''}${percent(share)}`;
  return `${signed(value)} (${signed(low)} to ${signed(high)})${significant ? ' !' : ''}`;
}

export const milliseconds = (ms: number): string => (ms < 1 ? '< 1 ms' : `${ms.toFixed(0)} ms`);

export function hereShown({ here }: ComparedRow): string | null {
  if (here === null) return null;
  const { seconds, kilowattHours, price } = here;
  if (kilowattHours === null) return seconds < 1 ? '< 1 s' : `${seconds.toFixed(0)} s`;
  const wattHours = 1000 * kilowattHours;
  const energy = wattHours < 0.01 ? '< 0.01 Wh' : `${wattHours.toPrecision(2)} Wh`;
  return price === null ? energy : `${energy}, ${price < 1e-6 ? '0' : price.toPrecision(2)}`;
}
