/** Parity as one HTML file that needs nothing else: the sentence, agreement, both models' figures, what they differ on. */

import type { ComparedRow } from '../evals/compare/compare.ts';
import { percent } from '../evals/report/charts.ts';
import { html, type Html } from '../evals/report/html.ts';
import { pageHtml } from '../evals/report/page.ts';
import { figuresTable, interval } from '../evals/report/report.ts';
import type { Difference, Parity } from './parity.ts';

const differencesShown = 50;

export function parityHtml(
  parity: Parity,
  facts: { readonly recordedAt: Date | null; readonly createdAt: Date },
): string {
  const { agreement, comparison, right, differences, count, unrecorded, task, verdict } = parity;
  const rows = comparison.rows;
  const title = `${rows[1]!.name} in place of ${rows[0]!.name}`;
  const body = html`<h1>${title}</h1>
    <p><b>${verdict}</b></p>
    <p>
      ${count} recorded questions${unrecorded > 0 ? ` (${unrecorded} more were never recorded)` : ''}, kind of task:
      ${task.replace('_', ' ')}. Recorded ${minute(facts.recordedAt)}; compared ${minute(facts.createdAt)}.
    </p>
    <h2>Agreement</h2>
    <p>
      The same answer to the letter: ${percent(agreement.exact.value)}
      <span class="soft">${interval(agreement.exact)}</span>
    </p>
    <table>
      <tr>
        <th></th>
        <th class="number">Local right</th>
        <th class="number">Local wrong</th>
      </tr>
      <tr>
        <th>Recorded right</th>
        <td class="number">${agreement.bothRight}</td>
        <td class="number">${agreement.onlyRecorded}</td>
      </tr>
      <tr>
        <th>Recorded wrong</th>
        <td class="number">${agreement.onlyLocal}</td>
        <td class="number">${agreement.bothWrong}</td>
      </tr>
    </table>
    <p class="soft">McNemar's exact test of right and wrong: ${probability(right.pValue)}.</p>
    ${
      agreement.figures.length === 0
        ? null
        : html`<p>With the recorded answers as what is right:</p>
            ${figuresTable(agreement.figures)}`
    }
    <h2>Quality, by the right answers</h2>
    <div class="scroll">${qualityTable(rows)}</div>
    <h2>Cost and latency</h2>
    <div class="scroll">${costTable(rows)}</div>
    <h2>What they differ on</h2>
    ${differences.length === 0 ? html`<p>Nothing.</p>` : differences.slice(0, differencesShown).map(difference)}
    ${differences.length > differencesShown ? html`<p class="soft">And ${differences.length - differencesShown} more.</p>` : null}`;
  return pageHtml(title, body);
}

const minute = (time: Date | null): string =>
  time === null ? 'at an unknown time' : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

function qualityTable(rows: readonly ComparedRow[]): Html {
  return html`<table>
    <tr>
      <th>Figure</th>
      ${rows.map(({ name }) => html`<th class="number">${name}</th>`)}
    </tr>
    ${rows[0]!.evaluation.figures.map(
      ({ name, title }) =>
        html`<tr>
          <td>${title}</td>
          ${rows.map(({ evaluation }) => {
            const found = evaluation.figures.find((each) => each.name === name)?.estimate;
            return html`<td class="number">
              ${found === undefined ? '–' : html`${percent(found.value)} <span class="soft">${interval(found)}</span>`}
            </td>`;
          })}
        </tr>`,
    )}
  </table>`;
}

function costTable(rows: readonly ComparedRow[]): Html {
  const lines: readonly (readonly [string, (row: ComparedRow) => string])[] = [
    ['Latency, median', ({ evaluation }) => `${evaluation.costs.latencyMs.p50.toFixed(0)} ms`],
    ['Latency, 95 of 100 within', ({ evaluation }) => `${evaluation.costs.latencyMs.p95.toFixed(0)} ms`],
    ['Prompt tokens', ({ evaluation }) => evaluation.costs.promptTokens.toFixed(1)],
    ['Answer tokens', ({ evaluation }) => evaluation.costs.completionTokens.toFixed(1)],
    ['A thousand requests', costOf],
  ];
  return html`<table>
    <tr>
      <th></th>
      ${rows.map(({ name }) => html`<th class="number">${name}</th>`)}
    </tr>
    ${lines.map(
      ([title, of]) =>
        html`<tr>
          <td>${title}</td>
          ${rows.map((row) => html`<td class="number">${of(row)}</td>`)}
        </tr>`,
    )}
  </table>`;
}

/** Of a thousand requests: dollars there, the machine's time here. */
export function costOf({ kind, there, here }: ComparedRow): string {
  if (kind === 'endpoint') return there === null ? 'price not known' : `$${there.usd.toFixed(4)}`;
  if (here === null) return '–';
  const energy = here.kilowattHours === null ? '' : `, ${(1000 * here.kilowattHours).toPrecision(2)} Wh`;
  const price = here.price === null ? '' : `, which cost ${here.price.toPrecision(2)}`;
  return `${here.seconds.toFixed(1)} s of this machine${energy}${price}`;
}

export const probability = (value: number): string =>
  Number.isNaN(value) ? 'p unknown' : value < 0.001 ? 'p < 0.001' : `p = ${value.toFixed(3)}`;

function difference({ line, question, expected, recorded, local, recordedRight, localRight }: Difference): Html {
  const mark = (right: boolean): string => (right ? 'right' : 'wrong');
  return html`<details>
    <summary>Line ${line}: recorded ${mark(recordedRight)}, local ${mark(localRight)}</summary>
    <pre>${question}</pre>
    <table>
      <tr>
        <th>Expected</th>
        <td><pre>${expected}</pre></td>
      </tr>
      <tr>
        <th>Recorded</th>
        <td><pre>${recorded}</pre></td>
      </tr>
      <tr>
        <th>Local</th>
        <td><pre>${local ?? 'nothing'}</pre></td>
      </tr>
    </table>
  </details>`;
}
