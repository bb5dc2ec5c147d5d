/**
 * A run as a page for people: counts with their interval, criteria, costs, and the items that did not pass.
 *
 * Whoever has the report's address may read it: it holds a key that belongs to this run alone, since browsers do not
 * send keys of the API. Data and models write what they like, and all of it is escaped.
 */

import { timingSafeEqual } from 'node:crypto';
import type { Eval, EvalRun, OutputItem } from '../../domain/eval.ts';
import { wilson } from '../metrics/estimate.ts';
import { percent } from '../report/charts.ts';
import { html, type Html } from '../report/html.ts';
import { pageHtml } from '../report/page.ts';
import { findRun, type KeptRun, keptRunOf, type Rows } from './records.ts';

/** Of each kind, so that the page stays one that can be read. */
const itemsShown = 100;

/** Null for a run that is not there, and for a key that is not its own. */
export async function reportPage(database: Rows, id: string, key: string): Promise<string | null> {
  const row = await findRun(database, id);
  if (row === undefined || !sameText(row.report_key, key)) return null;
  const of = await database.selectFrom('evals').select('object').where('id', '=', row.eval_id).executeTakeFirst();
  const name = of === undefined ? '' : (JSON.parse(of.object) as Eval).name;
  const some = async (status: OutputItem['status']): Promise<OutputItem[]> => {
    const found = await database
      .selectFrom('eval_output_items')
      .select('object')
      .where('run_id', '=', id)
      .where('status', '=', status)
      .orderBy('n')
      .limit(itemsShown)
      .execute();
    return found.map(({ object }) => JSON.parse(object) as OutputItem);
  };
  return written(keptRunOf(row), name, await some('error'), await some('fail'), await some('pass'));
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

type Items = readonly OutputItem[];

function written(run: KeptRun, evalName: string, errored: Items, failed: Items, passed: Items): string {
  const { id, name, status, model, result_counts: counts, created_at, error } = run;
  const judged = counts.passed + counts.failed;
  const title = [evalName || run.eval_id, name || id].join(': ');
  const body = html`<h1>${title}</h1>
    <p>
      ${model === '' ? 'Answers that came with the data' : html`Answers of <b>${model}</b>`}, run ${id},
      ${new Date(created_at * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC. Status:
      <b>${status.replace('_', ' ')}</b>. ${error === null ? null : html`<br />${error.code}: ${error.message}`}
    </p>
    <h2>Result</h2>
    <p>
      ${counts.passed} passed, ${counts.failed} failed and ${counts.errored} could not be judged, of ${counts.total}.
      ${judged === 0 ? null : passRate(counts)}
    </p>
    <h2>Criteria</h2>
    ${criteriaTable(run.per_testing_criteria_results)}
    ${run.per_model_usage.length === 0 ? null : usageTable(run.per_model_usage)}
    ${section('Could not be judged', errored, counts.errored)} ${section('Failed', failed, counts.failed)}
    ${section('Passed', passed, counts.passed)}`;
  return pageHtml(title, body);
}

function passRate({ passed, failed }: EvalRun['result_counts']): Html {
  const { value, low, high, small } = wilson(passed, passed + failed);
  return html`That is ${percent(value)} of those that were judged (95 % interval: ${percent(low)} – ${percent(high)}).
  ${small ? html`<span class="soft">So few items make it a hint.</span>` : null}`;
}

function criteriaTable(results: EvalRun['per_testing_criteria_results']): Html {
  return html`<table>
    <tr>
      <th>Criterion</th>
      <th class="number">Passed</th>
      <th class="number">Not passed</th>
    </tr>
    ${results.map(
      (each) =>
        html`<tr>
          <td>${nameIn(each.testing_criteria)}</td>
          <td class="number">${each.passed}</td>
          <td class="number">${each.failed}</td>
        </tr>`,
    )}
  </table>`;
}

function usageTable(usage: EvalRun['per_model_usage']): Html {
  return html`<h2>Models</h2>
    <table>
      <tr>
        <th>Model</th>
        <th class="number">Calls</th>
        <th class="number">Prompt tokens</th>
        <th class="number">Answer tokens</th>
      </tr>
      ${usage.map(
        (each) =>
          html`<tr>
            <td>${each.model_name}</td>
            <td class="number">${each.invocation_count}</td>
            <td class="number">${each.prompt_tokens}</td>
            <td class="number">${each.completion_tokens}</td>
          </tr>`,
      )}
    </table>`;
}

function section(title: string, items: Items, total: number): Html | null {
  if (items.length === 0) return null;
  const part = items.length < total ? html`<p class="soft">The first ${items.length} of ${total}.</p>` : null;
  return html`<h2>${title}</h2>
    ${part} ${items.map(itemDetails)}`;
}

function itemDetails({ datasource_item_id, datasource_item, sample, results }: OutputItem): Html {
  const answer = sample.output.map(({ content }) => content ?? '').join('\n');
  return html`<details>
    <summary>Item ${datasource_item_id}: ${shortened(answer === '' ? (sample.error?.message ?? '') : answer)}</summary>
    <pre>${JSON.stringify(datasource_item, null, 2)}</pre>
    ${sample.error === null ? null : html`<p>${sample.error.code}: ${sample.error.message}</p>`}
    ${
      answer === ''
        ? null
        : html`<p class="soft">Answer</p>
            <pre>${answer}</pre>`
    }
    <table>
      ${results.map(
        ({ name, score, passed, ...rest }) =>
          html`<tr>
            <td>${nameIn(name)}</td>
            <td>${passed ? 'passed' : rest['error'] === undefined ? 'failed' : 'not judged'}</td>
            <td class="number">${score}</td>
            <td>${messageIn(rest['error'])}</td>
          </tr>`,
      )}
    </table>
  </details>`;
}

/** A criterion's id is its name and a suffix that says nothing to readers. */
const nameIn = (id: string): string => id.replace(/-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '');

const messageIn = (error: unknown): string => (error as { message?: string } | undefined)?.message ?? '';
const shortened = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text);
