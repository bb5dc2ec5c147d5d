/** One evaluation: its graders, its runs beside one another, and a new run on any model. */

import { Table, Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import type { Eval, EvalRun } from '../../../../src/domain/eval.ts';
import type { EvalRunReport } from '../../../../src/domain/evaluation.ts';
import { openai, type ListOf } from '../../api.ts';
import { useLive, useOnce } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Empty } from '../../parts/empty.tsx';
import { fromNow, percent } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { Figured, Intervals } from './estimates.tsx';
import { kindWords, sentenceOf } from './graders.ts';
import { NewRun } from './new-run.tsx';
import { WideTable } from './wide-table.tsx';
import { PageLink } from '../../parts/links.tsx';

const isOver = ({ status }: EvalRun): boolean => ['completed', 'failed', 'canceled'].includes(status);

export function Evaluation(): ReactElement {
  const { evalId } = useParams({ from: '/evaluations/$evalId' });
  const navigate = useNavigate();
  const found = useOnce(['eval', evalId], (signal) => openai.get<Eval>(`/evals/${evalId}`, { signal }));
  const runs = useLive(['evals', evalId, 'runs'], (signal) =>
    openai.get<ListOf<EvalRun>>(`/evals/${evalId}/runs`, { query: { order: 'desc', limit: 100 }, signal }),
  );
  return (
    <Page
      title={found.data?.name || 'Evaluation'}
      back={{ to: '/evaluations', words: 'Evaluations' }}
      actions={
        found.data !== undefined && (
          <AskFirst
            words="Delete"
            question={`Delete ${found.data.name || evalId}?`}
            verb="Delete"
            consequences="Its runs and everything that came of them go too. The file of questions and the models stay."
            onSure={async () => {
              await openai.evals.delete(evalId);
              void navigate({ to: '/evaluations' });
            }}
          />
        )
      }
    >
      <Answered query={found}>
        {(evaluation) => (
          <>
            {runs.data?.data.length === 0 && <NewRun evaluation={evaluation} />}
            <Panel
              title="Runs"
              about="Each model that was asked, with the share of items that passed and its 95 % interval."
              flush
            >
              <Answered query={runs}>{({ data }) => <Runs runs={data} />}</Answered>
            </Panel>
            {runs.data !== undefined && runs.data.data.length > 0 && <NewRun evaluation={evaluation} />}
            <Panel title="Graders" flush>
              <WideTable label="Graders" least={480}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Name</Table.Th>
                    <Table.Th>How it judges</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {evaluation.testing_criteria.map((grader) => (
                    <Table.Tr key={grader.id}>
                      <Table.Td className="outside">{grader.name}</Table.Td>
                      <Table.Td>
                        <Text size="sm">{kindWords[grader.type] ?? grader.type}</Text>
                        <Text size="xs" c="dimmed" className="outside mono">
                          {sentenceOf(grader)}
                        </Text>
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </WideTable>
            </Panel>
          </>
        )}
      </Answered>
    </Page>
  );
}

const runsDrawn = 12;

function Runs({ runs }: { readonly runs: readonly EvalRun[] }): ReactElement {
  const reports = useLive(
    ['run-rates', ...runs.map(({ id, status }) => `${id} ${status}`)],
    (signal) =>
      Promise.all(
        runs
          .filter(({ status, result_counts: { passed, failed } }) => status === 'completed' && passed + failed > 0)
          .slice(0, runsDrawn)
          .map((run) => openai.get<EvalRunReport>(`/evals/${run.eval_id}/runs/${run.id}/report`, { signal })),
      ),
    { every: false, keepsPrevious: true },
  );
  if (runs.length === 0)
    return (
      <Empty title="Not run yet">
        Choose a model above; it is asked every question, and the graders judge its answers.
      </Empty>
    );
  const rates = new Map((reports.data ?? []).map((report) => [report.run_id, report.pass_rate]));
  const nameOf = ({ name, model, id }: EvalRun): string => name || model || id;
  const drawn = runs.flatMap((run) => {
    const estimate = rates.get(run.id);
    return estimate == null ? [] : [{ name: `${nameOf(run)} · ${fromNow(run.created_at)}`, estimate, isChosen: false }];
  });
  const best = drawn.reduce((most, { estimate }) => Math.max(most, estimate.value), -1);
  return (
    <>
      {drawn.length > 1 && (
        <div style={{ padding: '0 var(--mantine-spacing-md)' }}>
          <Intervals
            label="Share of items that passed, run by run"
            rows={drawn.map((row) => ({ ...row, isChosen: row.estimate.value === best }))}
          />
        </div>
      )}
      <WideTable label="Runs" least={560}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Run</Table.Th>
            <Table.Th>Status</Table.Th>
            <Table.Th ta="right">Passed</Table.Th>
            <Table.Th ta="right">Items</Table.Th>
            <Table.Th>Started</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {runs.map((run) => {
            const { total, passed, failed, errored } = run.result_counts;
            return (
              <Table.Tr key={run.id}>
                <Table.Td>
                  <PageLink
                    to="/evaluations/$evalId/runs/$runId"
                    params={{ evalId: run.eval_id, runId: run.id }}
                    className="outside"
                  >
                    {nameOf(run)}
                  </PageLink>
                </Table.Td>
                <Table.Td>
                  <Status status={run.status} />
                </Table.Td>
                <Table.Td ta="right">
                  {rates.has(run.id) ? (
                    <Figured estimate={rates.get(run.id)!} />
                  ) : passed + failed > 0 ? (
                    percent(passed / (passed + failed))
                  ) : (
                    '–'
                  )}
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  {isOver(run) ? total : `${passed + failed + errored} of ${total}`}
                </Table.Td>
                <Table.Td style={{ whiteSpace: 'nowrap' }}>{fromNow(run.created_at)}</Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </WideTable>
    </>
  );
}
