/** A comparison as one HTML file that needs nothing else: the sentence, the table, intervals side by side, mistakes. */

import type { Answered } from '../ask.ts';
import type { Estimate } from '../metrics/estimate.ts';
import { worstMistakes } from '../mistakes.ts';
import { percent } from '../report/charts.ts';
import { html, type Html } from '../report/html.ts';
import { pageHtml } from '../report/page.ts';
import { figuresTable, interval, mistake } from '../report/report.ts';
import type { Compared, ComparedRow } from './compare.ts';
import { probability } from './verdict.ts';

export interface ComparisonFacts {
  readonly compared: Compared;
  /** By the contender's name. */
  readonly answersOf: ReadonlyMap<string, readonly Answered[]>;
  readonly test: string;
  readonly train: string | null;
  readonly createdAt: Date;
  /** Questions that a training file has as well. */
  readonly leaked: number;
  /** What the columns of the table are. */
  readonly caption: string;
}

interface CaptionFacts {
  readonly there: string;
  readonly watts?: number | undefined;
  readonly kilowattHourPrice?: number | undefined;
}

/** What the columns are. */
export function caption(compared: Compared, { there, watts, kilowattHourPrice }: CaptionFacts): string {
  const energy = watts === undefined ? 'seconds of this machine' : `energy of this machine at ${watts} W${kilowattHourPrice === undefined ? '' : `, a kilowatt-hour at ${kilowattHourPrice}`}`; // prettier-ignore
  return [
    `${compared.count} questions; in brackets 95 % intervals; * marks the one to use`,
    `against ${compared.reference}: difference in points of the first figure, p by paired bootstrap, corrected for ${compared.rows.length - 1} comparisons (Holm), ! where significant`,
    `prompt tokens and latency per request`,
    `there: a thousand requests at the prices of ${there}, in its tokens; here: ${energy} for a thousand`,
  ].join('; ');
}

const mistakesShown = 5;

export function comparisonHtml(facts: ComparisonFacts): string {
  const { compared, answersOf, test, train, createdAt, leaked, caption } = facts;
  const { rows, verdict, task, count } = compared;
  const main = rows[0]!.evaluation.figures[0]!;
  const body = html`<h1>${rows.length} contenders on ${test}</h1>
    <p><b>${verdict.sentence}</b></p>
    <p>
      ${count} questions, kind of task: ${task.replace('_', ' ')}, ${createdAt.toISOString()}.
      ${train === null ? 'No training file was known.' : `Training file: ${train}.`}
    </p>
    ${leaked === 0 ? null : html`<p><b>Careful:</b> ${leaked} questions stand in a training file too, which flatters whoever learnt from it.</p>`}
    ${main.estimate.small ? html`<p class="soft">Only ${count} questions: take the intervals as hints.</p>` : null}
    <h2>${main.title}</h2>
    ${intervals(compared)}
    <h2>All in one table</h2>
    ${comparisonTable(compared)}
    <p class="soft">${caption}</p>
    ${rows.map((row) => details(row, answersOf.get(row.name) ?? []))}`;
  return pageHtml(`Comparison on ${test}`, body);
}

const [width, lineHeight, left] = [640, 26, 230];
const across = (share: number): number => Number((left + share * (width - left - 16)).toFixed(1));

/** Each contender's main figure as a point on the line from 0 to 100 %, with its interval. */
function intervals({ rows, verdict }: Compared): Html {
  const height = lineHeight * (rows.length + 1);
  return html`<svg
    viewBox="0 0 ${width} ${height}"
    role="img"
    aria-label="Main figure of each contender"
    style="max-width: 44rem"
  >
    ${[0, 0.25, 0.5, 0.75, 1].map(
      (share) =>
        html`<line class="grid" x1="${across(share)}" x2="${across(share)}" y1="4" y2="${height - lineHeight}" /><text
            x="${across(share)}"
            y="${height - 8}"
            text-anchor="middle"
          >
            ${100 * share} %
          </text>`,
    )}
    ${rows.map(({ name, evaluation }, i) => {
      const { value, low, high } = evaluation.figures[0]!.estimate;
      const y = lineHeight * (i + 0.5);
      const kind = name === verdict.use ? 'second' : 'first';
      return html`<g>
        <title>${name}: ${percent(value)}, ${percent(low)} – ${percent(high)}</title>
        <text x="${left - 12}" y="${y + 4}" text-anchor="end">${short(name)}</text>
        <line class="reach" stroke-width="3" x1="${across(low)}" x2="${across(high)}" y1="${y}" y2="${y}" />
        <circle class="${kind}" cx="${across(value)}" cy="${y}" r="5" />
      </g>`;
    })}
  </svg>`;
}

const short = (name: string): string => (name.length > 36 ? `…${name.slice(-35)}` : name);

function comparisonTable({ rows, verdict }: Compared): Html {
  const titles = rows[0]!.evaluation.figures.slice(0, 2).map(({ title }) => title);
  const heads = [...titles, 'Against reference', 'p', 'Unusable', 'Prompt tokens', 'Latency p50', 'p95', 'Thousand there', 'Thousand here']; // prettier-ignore
  return html`<div class="scroll">
    <table>
      <tr>
        <th>Contender</th>
        ${heads.map((head) => html`<th class="number">${head}</th>`)}
      </tr>
      ${rows.map((row) => tableRow(row, row.name === verdict.use))}
    </table>
  </div>`;
}

function tableRow({ name, evaluation, difference, there, here }: ComparedRow, use: boolean): Html {
  const { figures, costs, failed, unparsed } = evaluation;
  const figure = (estimate: Estimate): Html =>
    html`<td class="number">${percent(estimate.value)} <span class="soft">${interval(estimate)}</span></td>`;
  const cells = [
    difference === null ? '–' : probability(difference.pAdjusted),
    failed + unparsed,
    costs.promptTokens > 0 ? costs.promptTokens.toFixed(0) : '–',
    `${costs.latencyMs.p50.toFixed(0)} ms`,
    `${costs.latencyMs.p95.toFixed(0)} ms`,
    there === null ? '–' : `$${there.usd.toPrecision(2)}`,
    here === null ? '–' : `${here.seconds.toFixed(1)} s${here.kilowattHours === null ? '' : `, ${(1000 * here.kilowattHours).toPrecision(2)} Wh`}${here.price === null ? '' : `, ${here.price.toPrecision(2)}`}`, // prettier-ignore
  ];
  return html`<tr>
    <td>${use ? html`<b>${name}</b>` : name}</td>
    ${figures.slice(0, 2).map(({ estimate }) => figure(estimate))}
    <td class="number">
      ${
        difference === null
          ? 'reference'
          : html`${signed(difference.comparison.difference.value)}
              <span class="soft"
                >${signed(difference.comparison.difference.low)} –
                ${signed(difference.comparison.difference.high)}</span
              >${difference.significant ? html` <b>!</b>` : null}`
      }
    </td>
    ${cells.map((cell) => html`<td class="number">${cell}</td>`)}
  </tr>`;
}

const signed = (share: number): string => `${share > 0 ? '+' : ''}${(100 * share).toFixed(1)}`;

/** All figures of a contender and where it went most wrong, folded away. */
function details({ name, evaluation }: ComparedRow, answers: readonly Answered[]): Html {
  const mistakes = worstMistakes(evaluation, answers, mistakesShown);
  return html`<details>
    <summary>${name}: all figures, worst mistakes</summary>
    ${figuresTable(evaluation.figures)} ${mistakes.map(mistake)}
  </details>`;
}
