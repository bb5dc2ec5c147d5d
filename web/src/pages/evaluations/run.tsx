/** A run of an evaluation: how far it is, what it came to, and every single item, the worst first. */

import { Button, Group, Progress, SimpleGrid, Table, Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';
import type { EvalRun } from '../../../../src/domain/eval.ts';
import type { CriterionReport, EvalRunReport } from '../../../../src/domain/evaluation.ts';
import { openai } from '../../api.ts';
import { useAct, useLive } from '../../live.ts';
import { Answered, Failure } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Facts } from '../../parts/facts.tsx';
import { count, counted, decimal, moment } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { Figured, SmallNote } from './estimates.tsx';
import { kindWords } from './graders.ts';
import { CellItems, Items } from './output-items.tsx';
import { Matrix, ReliabilityDiagram, Scores } from './pictures.tsx';
import { WideTable } from './wide-table.tsx';

const isOver = ({ status }: EvalRun): boolean => ['completed', 'failed', 'canceled'].includes(status);
const slowlyMs = 4000;

export function RunPage(): ReactElement {
  const { evalId, runId } = useParams({ from: '/evaluations/$evalId/runs/$runId' });
  const navigate = useNavigate();
  const path = `/evals/${evalId}/runs/${runId}`;
  const run = useLive(['run', runId], (signal) => openai.get<EvalRun>(path, { signal }), {
    every: (known) => (known !== undefined && isOver(known) ? false : 1000),
  });
  const over = run.data !== undefined && isOver(run.data);
  // Figures of a run that goes on are those of the items that are judged; they need not change with each of them.
  const report = useLive(
    ['run-report', runId, over],
    (signal) => openai.get<EvalRunReport>(`${path}/report`, { signal }),
    { enabled: run.data !== undefined, every: over ? false : slowlyMs, keepsPrevious: true },
  );
  const cancel = useAct(() => openai.post(`${path}/cancel`), { changes: [['run', runId]] });
  return (
    <Page
      title={run.data === undefined ? 'Run' : run.data.name || run.data.model || 'Run'}
      back={{ to: `/evaluations/${evalId}`, words: 'The evaluation' }}
      actions={
        run.data === undefined ? null : over ? (
          <AskFirst
            words="Delete"
            question="Delete this run?"
            verb="Delete"
            consequences="What came of its items goes with it. The evaluation and its other runs stay."
            onSure={async () => {
              await openai.delete(path);
              void navigate({ to: '/evaluations/$evalId', params: { evalId } });
            }}
          />
        ) : (
          <Button variant="default" loading={cancel.isPending} onClick={() => cancel.mutate(undefined)}>
            Stop
          </Button>
        )
      }
    >
      <Answered query={run}>
        {(known) => (
          <>
            <Progressed run={known} report={report.data ?? null} />
            {cancel.isError && <Failure error={cancel.error} />}
            {report.isError && <Failure error={report.error} />}
            {report.data !== undefined && (
              <>
                {report.data.criteria.map((criterion) => (
                  <CriterionPanel key={criterion.id} criterion={criterion} path={path} />
                ))}
                <Items path={path} runId={runId} isOver={over} criteria={report.data.criteria} />
              </>
            )}
          </>
        )}
      </Answered>
    </Page>
  );
}

function Progressed({ run, report }: { readonly run: EvalRun; readonly report: EvalRunReport | null }): ReactElement {
  const { total, passed, failed, errored } = run.result_counts;
  const done = passed + failed + errored;
  return (
    <Panel>
      <Group justify="space-between" mb="sm" aria-live="polite">
        <Status status={run.status} />
        <Text size="sm" className="figures">
          {isOver(run)
            ? counted(total, 'item')
            : total === 0
              ? 'Reading the items'
              : `${count(done)} of ${counted(total, 'item')} judged`}
        </Text>
      </Group>
      {!isOver(run) && total > 0 && (
        <Progress.Root mb="sm">
          <Progress.Section value={(100 * done) / total} aria-label="Items judged" />
        </Progress.Root>
      )}
      {run.error !== null && <Failure error={new Error(run.error.message)} />}
      <Facts
        facts={[
          [
            'Passed',
            report?.pass_rate == null ? `${count(passed)} items` : <Figured key="rate" estimate={report.pass_rate} />,
          ],
          ['Failed', counted(failed, 'item')],
          errored > 0 ? ['Could not be judged', counted(errored, 'item')] : null,
          ['Model', run.model || 'answers of the file'],
          report?.tokens == null
            ? null
            : [
                'Tokens per item',
                `${decimal(report.tokens.prompt)} in the prompt, ${decimal(report.tokens.completion)} answered`,
              ],
          ['Started', moment(run.created_at)],
        ]}
      />
      {done > 0 && <SmallNote estimate={report?.pass_rate ?? null} of="items" />}
    </Panel>
  );
}

function CriterionPanel({
  criterion,
  path,
}: {
  readonly criterion: CriterionReport;
  readonly path: string;
}): ReactElement {
  const { name, type, passed, failed, errored, pass_rate, mean_score, evaluation, labels, pass_threshold } = criterion;
  const [cell, setCell] = useState<{ readonly actual: number; readonly answered: number } | null>(null);
  const confusion = evaluation?.confusion ?? null;
  const graded = type !== 'string_check' && type !== 'label_model';
  return (
    <Panel title={name} about={`${kindWords[type] ?? type}.`}>
      <Facts
        facts={[
          ['Passed', <Figured key="passed" estimate={pass_rate} />],
          [
            'Items',
            `${count(passed)} passed, ${count(failed)} did not${errored > 0 ? `, ${count(errored)} could not be judged` : ''}`,
          ],
          graded && mean_score !== null
            ? [
                'Mean score',
                `${decimal(mean_score.value, 3)} (${decimal(mean_score.low, 3)} – ${decimal(mean_score.high, 3)})`,
              ]
            : null,
          pass_threshold === null ? null : ['Passes from', decimal(pass_threshold)],
          labels.length === 0
            ? null
            : ['Said', labels.map(({ label, count: times }) => `${label} ${count(times)}`).join(', ')],
        ]}
      />
      {evaluation !== null && <FiguresTable evaluation={evaluation} />}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl" mt="md">
        {confusion !== null && confusion.labels.length <= 30 && (
          <div style={{ minWidth: 0 }}>
            <Text fw={600} size="sm" mb="xs" component="h3">
              What was taken for what
            </Text>
            <Matrix matrix={confusion} onCell={(actual, answered) => setCell({ actual, answered })} />
          </div>
        )}
        {evaluation?.reliability != null && (
          <div style={{ minWidth: 0 }}>
            <Text fw={600} size="sm" mb="xs" component="h3">
              Reliability
            </Text>
            <ReliabilityDiagram reliability={evaluation.reliability} />
          </div>
        )}
        {graded && (
          <div style={{ minWidth: 0 }}>
            <Text fw={600} size="sm" mb="xs" component="h3">
              Scores
            </Text>
            <Scores criterion={criterion} />
          </div>
        )}
      </SimpleGrid>
      {confusion !== null && evaluation?.reliability == null && (
        <Text size="xs" c="dimmed" mt="sm">
          How reliable its probabilities are is known of models of this server, which tell them, and of answers that
          came with their log-probabilities.
        </Text>
      )}
      {cell !== null && confusion !== null && (
        <CellItems
          path={path}
          title={`${confusion.labels[cell.actual]} answered as ${confusion.labels[cell.answered] ?? 'no label'}`}
          of={confusion.rows[cell.actual]![cell.answered]!}
          ids={confusion.items[cell.actual]![cell.answered]!}
          onClose={() => setCell(null)}
        />
      )}
    </Panel>
  );
}

function FiguresTable({
  evaluation: { figures, parts, reason, count: items },
}: {
  readonly evaluation: NonNullable<CriterionReport['evaluation']>;
}): ReactElement {
  const named = parts.filter(({ f1, accuracy }) => f1 !== null || accuracy !== null);
  const [all, setAll] = useState(false);
  const shown = all ? figures : figures.slice(0, 3);
  return (
    <>
      <Text size="sm" c="dimmed" mt="md" mb="xs">
        {counted(items, 'item')}; {reason}.
      </Text>
      <WideTable label="Figures" least={320} verticalSpacing={6} maw={640}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Figure</Table.Th>
            <Table.Th ta="right">Value (95 % interval)</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {shown.map(({ name, title, estimate }) => (
            <Table.Tr key={name}>
              <Table.Td>{title}</Table.Td>
              <Table.Td ta="right">
                <Figured estimate={estimate} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </WideTable>
      {all && named.length > 0 && (
        <WideTable label="Figures of each class" least={520} verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Of each</Table.Th>
              <Table.Th ta="right">Items</Table.Th>
              <Table.Th ta="right">Precision</Table.Th>
              <Table.Th ta="right">Recall</Table.Th>
              <Table.Th ta="right">{named.some(({ f1 }) => f1 !== null) ? 'F1' : 'Accuracy'}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {named.map((part) => (
              <Table.Tr key={part.name}>
                <Table.Td className="outside">{part.name}</Table.Td>
                <Table.Td ta="right" className="figures">
                  {count(part.support)}
                </Table.Td>
                {[part.precision, part.recall, part.f1 ?? part.accuracy].map((estimate, i) => (
                  <Table.Td key={i} ta="right">
                    <Figured estimate={estimate} />
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </WideTable>
      )}
      {(figures.length > 3 || named.length > 0) && (
        <Button size="compact-sm" variant="subtle" onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? 'Fewer figures' : 'All figures'}
        </Button>
      )}
    </>
  );
}
