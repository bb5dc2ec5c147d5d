/** A comparison as it runs, and what came of it: the sentence, the intervals, the table, each one's mistakes. */

import { Accordion, Button, Group, Stack, Table, Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import type {
  ComparedContender,
  ComparedMistake,
  CompareRequest,
  CompareResult,
} from '../../../../src/domain/comparison.ts';
import { openai } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { count, counted, dollars, duration, percent } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { saveFile } from '../../parts/save-file.ts';
import { isOver, TaskProgress, useTask } from '../../parts/task-progress.tsx';
import { Figured, Intervals, SmallNote } from './estimates.tsx';
import { GoOn } from './go-on.tsx';
import { Matrix, ReliabilityDiagram } from './pictures.tsx';
import { saveRows } from './take-away.ts';
import { several, useFileName } from './undertakings.tsx';
import { WideTable } from './wide-table.tsx';

export function Comparison(): ReactElement {
  const { taskId } = useParams({ strict: false }) as { taskId: string };
  const navigate = useNavigate();
  const nameOf = useFileName();
  const task = useTask(taskId);
  const request = task.data?.request as CompareRequest | undefined;
  return (
    <Page
      title={request === undefined ? 'Comparison' : `${several(request.models)} on ${nameOf(request.test_file)}`}
      back={{ to: '/evaluations/compare', words: 'Comparisons' }}
      actions={
        task.data !== undefined && (
          <>
            {task.data.status === 'succeeded' && <ReportButton task={taskId} />}
            <AskFirst
              words="Delete"
              question="Delete this comparison?"
              verb="Delete"
              consequences="Its result and the answers it remembers go. Models and files stay."
              onSure={async () => {
                await openai.delete(`/tasks/${taskId}`);
                void navigate({ to: '/evaluations/compare' });
              }}
            />
          </>
        )
      }
    >
      <Answered query={task}>
        {(known) => (
          <>
            {(!isOver(known) || known.status !== 'succeeded') && (
              <Panel>
                <TaskProgress task={known} label="Comparing" />
                <GoOn
                  task={known}
                  onGone={({ id }) => void navigate({ to: '/evaluations/compare/$taskId', params: { taskId: id } })}
                />
              </Panel>
            )}
            {known.result !== null && <Result result={known.result as CompareResult} />}
          </>
        )}
      </Answered>
    </Page>
  );
}

export function ReportButton({ task }: { readonly task: string }): ReactElement {
  const fetchReport = useAct(
    async () =>
      await (await openai.get<Response>(`/tasks/${task}/files/report.html`, { __binaryResponse: true })).blob(),
    { onDone: (blob) => saveFile('report.html', blob) },
  );
  return (
    <Button variant="default" size="xs" loading={fetchReport.isPending} onClick={() => fetchReport.mutate(undefined)}>
      Download the report
    </Button>
  );
}

function Result({ result }: { readonly result: CompareResult }): ReactElement {
  const { contenders, verdict, count: questions, reason, task, training_file, leaked, reference, there } = result;
  const main = contenders[0]!.figures[0]!;
  return (
    <>
      <Panel title="What to use">
        <Text size="lg" mb="sm" className="outside" aria-live="polite">
          {verdict.sentence}
        </Text>
        <Text size="sm" c="dimmed" className="outside">
          {counted(questions, 'question')} ({task.replace('_', ' ')}: {reason}).{' '}
          {training_file === null ? 'No training file was known.' : `Training file: ${training_file}.`}
          {leaked > 0 &&
            ` ${counted(leaked, 'question')} ${leaked === 1 ? 'stands' : 'stand'} in a training file too, which flatters whoever learnt from it.`}
        </Text>
        <SmallNote estimate={main.estimate} of="questions" />
      </Panel>
      <Panel title={main.title} about="With 95 % intervals; the diamond is the one to use.">
        <Intervals
          label={`${main.title} of each contender`}
          rows={contenders.map(({ name, figures }) => ({
            name,
            estimate: figures[0]!.estimate,
            isChosen: name === verdict.use,
          }))}
        />
      </Panel>
      <Panel
        title="All in one table"
        about={`Differences are against ${reference}, in points, with p-values corrected for so many comparisons. “There” is a thousand requests at the prices of ${there}; “here” is this machine's time for a thousand.`}
        flush
        actions={
          <Button size="compact-sm" variant="default" onClick={() => saveRows('comparison', tableOf(contenders))}>
            Download as CSV
          </Button>
        }
      >
        <ContendersTable contenders={contenders} use={verdict.use} />
      </Panel>
      <Panel title="Each one closely" flush>
        <Accordion variant="default" multiple keepMounted={false}>
          {contenders.map((contender, i) => (
            <Accordion.Item key={contender.name} value={String(i)}>
              <Accordion.Control>
                <span className="outside">{contender.name}</span>
              </Accordion.Control>
              <Accordion.Panel>
                <Closely contender={contender} />
              </Accordion.Panel>
            </Accordion.Item>
          ))}
        </Accordion>
      </Panel>
    </>
  );
}

const points = (share: number): string => `${share > 0 ? '+' : ''}${(100 * share).toFixed(1)}`;

function ContendersTable({
  contenders,
  use,
}: {
  readonly contenders: readonly ComparedContender[];
  readonly use: string;
}): ReactElement {
  const titles = contenders[0]!.figures.slice(0, 2).map(({ title }) => title);
  return (
    <WideTable label="Contenders" least={1000} horizontalSpacing="sm" fz="sm">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Contender</Table.Th>
          {titles.map((title) => (
            <Table.Th key={title} ta="right">
              {title}
            </Table.Th>
          ))}
          <Table.Th ta="right">Difference</Table.Th>
          <Table.Th ta="right">p</Table.Th>
          <Table.Th ta="right">Prompt</Table.Th>
          <Table.Th ta="right">Latency p50 / p95</Table.Th>
          <Table.Th ta="right">1,000 there</Table.Th>
          <Table.Th ta="right">1,000 here</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody className="figures">
        {contenders.map(({ name, figures, difference, prompt_tokens, latency_ms, there_usd, here }) => (
          <Table.Tr key={name}>
            <Table.Th scope="row" fw={name === use ? 700 : 400} className="outside" miw={150}>
              {name}
              {name === use && (
                <Text component="span" size="xs" c="dimmed">
                  {' '}
                  the one to use
                </Text>
              )}
            </Table.Th>
            {figures.slice(0, 2).map(({ name: figure, estimate }) => (
              <Table.Td key={figure} ta="right">
                <Figured estimate={estimate} />
              </Table.Td>
            ))}
            <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
              {difference === null ? (
                'reference'
              ) : (
                <>
                  {points(difference.value)}{' '}
                  <Text component="span" size="xs" c="dimmed">
                    ({points(difference.low)} to {points(difference.high)})
                  </Text>
                </>
              )}
            </Table.Td>
            <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
              {difference?.p_value == null
                ? ''
                : difference.p_value < 0.001
                  ? '< 0.001'
                  : difference.p_value.toFixed(3)}
              {difference?.significant === true && ' !'}
            </Table.Td>
            <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
              {prompt_tokens > 0 ? `${count(prompt_tokens)} tokens` : ''}
            </Table.Td>
            <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
              {count(latency_ms.p50)} / {count(latency_ms.p95)} ms
            </Table.Td>
            <Table.Td ta="right">{there_usd === null ? '' : dollars(there_usd)}</Table.Td>
            <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
              {here === null ? '' : duration(here.seconds)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </WideTable>
  );
}

const tableOf = (contenders: readonly ComparedContender[]) => [
  ['contender', 'kind', 'figure', 'value', 'low', 'high', 'p', 'latency p50 ms', 'prompt tokens'],
  ...contenders.flatMap(({ name, kind, figures, difference, latency_ms, prompt_tokens }) =>
    figures.map(({ title, estimate: { value, low, high } }, i) => [
      name,
      kind,
      title,
      value,
      low,
      high,
      i === 0 ? (difference?.p_value ?? null) : null,
      latency_ms.p50,
      prompt_tokens,
    ]),
  ),
];

function Closely({
  contender: { figures, confusion, reliability, mistakes, failed, unparsed },
}: {
  readonly contender: ComparedContender;
}): ReactElement {
  return (
    <Stack gap="lg">
      <Table verticalSpacing={4} maw={520}>
        <Table.Tbody>
          {figures.map(({ name, title, estimate }) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" fw={400}>
                {title}
              </Table.Th>
              <Table.Td ta="right">
                <Figured estimate={estimate} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {failed + unparsed > 0 && (
        <Text size="sm">
          {counted(failed, 'question')} without an answer, {count(unparsed)} that could not be read.
        </Text>
      )}
      {confusion !== null && confusion.labels.length <= 30 && <Matrix matrix={confusion} />}
      {reliability !== null && (
        <div style={{ maxWidth: 520 }}>
          <ReliabilityDiagram reliability={reliability} />
        </div>
      )}
      <div>
        <Text fw={600} size="sm" mb="xs">
          {mistakes.length === 0 ? 'No mistakes' : 'Worst mistakes'}
        </Text>
        <Stack gap="md">
          {mistakes.map((mistake) => (
            <Mistake key={mistake.line} mistake={mistake} />
          ))}
        </Stack>
      </div>
    </Stack>
  );
}

function Mistake({
  mistake: { line, input, expected, answered, error, confidence },
}: {
  readonly mistake: ComparedMistake;
}): ReactElement {
  return (
    <Stack gap={2}>
      <Text size="xs" c="dimmed">
        Line {line}
        {confidence !== null && `, held ${percent(confidence)} probable`}
      </Text>
      <Text size="sm" className="outside" lineClamp={6}>
        {input}
      </Text>
      <Group gap="lg">
        <Text size="sm" className="outside">
          expected: <b>{expected}</b>
        </Text>
        <Text size="sm" className="outside">
          answered: <b>{answered ?? `nothing (${error ?? 'unknown'})`}</b>
        </Text>
      </Group>
    </Stack>
  );
}
