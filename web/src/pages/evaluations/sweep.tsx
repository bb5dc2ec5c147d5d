/** A sweep or a learning curve as it runs, and what came of it. */

import { Table, Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import type { LearningCurveResult, SweepResult, SweepTrial } from '../../../../src/domain/sweep.ts';
import type { Task } from '../../../../src/domain/task.ts';
import { isMissing, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { count, decimal } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { isOver, TaskProgress, useTask } from '../../parts/task-progress.tsx';
import { ReportButton } from './comparison.tsx';
import { CurvePicture } from './curve-picture.tsx';
import { Figured, inWords } from './estimates.tsx';
import { GoOn } from './go-on.tsx';
import { ParallelCoordinates } from './parallel-coordinates.tsx';
import { WideTable } from './wide-table.tsx';
import { PageLink } from '../../parts/links.tsx';

export function Sweep(): ReactElement {
  const { taskId } = useParams({ strict: false }) as { taskId: string };
  const navigate = useNavigate();
  const task = useTask(taskId);
  const over = task.data !== undefined && isOver(task.data);
  const early = useLive(
    ['task', taskId, 'progress.json'],
    async (signal) => {
      try {
        return JSON.parse(await openai.get<string>(`/tasks/${taskId}/files/progress.json`, { signal })) as object;
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    { enabled: task.data !== undefined && task.data.result === null, every: over ? false : 1000 },
  );
  const isCurve = task.data?.type === 'learning_curve';
  const known = task.data?.result ?? early.data ?? null;
  return (
    <Page
      title={isCurve ? 'Learning curve' : 'Sweep'}
      back={{ to: '/evaluations/sweeps', words: 'Sweeps and learning curves' }}
      about={task.data === undefined ? undefined : aboutOf(task.data)}
      actions={
        task.data !== undefined && (
          <>
            {task.data.status === 'succeeded' && <ReportButton task={taskId} />}
            <AskFirst
              words="Delete"
              question={`Delete this ${isCurve ? 'learning curve' : 'sweep'}?`}
              verb="Delete"
              consequences="What it knows goes. Jobs it has started, and their models, stay."
              onSure={async () => {
                await openai.delete(`/tasks/${taskId}`);
                void navigate({ to: '/evaluations/sweeps' });
              }}
            />
          </>
        )
      }
    >
      <Answered query={task}>
        {(found) => (
          <>
            {(!isOver(found) || found.error !== null || found.status === 'cancelled') && (
              <Panel>
                <TaskProgress task={found} label="Training" />
                <GoOn
                  task={found}
                  onGone={({ id }) => void navigate({ to: '/evaluations/sweeps/$taskId', params: { taskId: id } })}
                >
                  Jobs that it has started train on by themselves, and count when it goes on; they can be cancelled on
                  the page of jobs.
                </GoOn>
              </Panel>
            )}
            {known !== null &&
              (isCurve ? <Curve curve={known as LearningCurveResult} /> : <Swept sweep={known as SweepResult} />)}
          </>
        )}
      </Answered>
    </Page>
  );
}

function aboutOf({ request }: Task): string {
  const { model, models, seed } = request as { model?: string; models?: readonly string[]; seed?: number | null };
  return `${models?.join(', ') ?? model ?? ''}${seed == null ? '' : `, seed ${seed}`}`;
}

function Sentences({ all }: { readonly all: readonly string[] }): ReactElement | null {
  if (all.length === 0) return null;
  return (
    <Panel title="What came out">
      {all.map((sentence, i) => (
        <Text key={sentence} size={i === 0 ? 'lg' : 'sm'} c={i === 0 ? undefined : 'dimmed'} mb={6} className="outside">
          {sentence}
        </Text>
      ))}
    </Panel>
  );
}

function Swept({ sweep }: { readonly sweep: SweepResult }): ReactElement {
  const { trials, rungs, varied, metric, winner, sentences, validation_examples } = sweep;
  const measured = trials.some(({ results }) => results.some(({ figure }) => figure !== null));
  return (
    <>
      <Sentences all={sentences} />
      {measured && (
        <Panel
          title="Trials"
          about="A line is a trial, from its settings to its figures; it ends where the trial was stopped."
        >
          <ParallelCoordinates sweep={sweep} />
        </Panel>
      )}
      <Panel
        title="Trial by trial"
        about={`The best first, by ${metric.name} (${metric.lower_is_better ? 'lower' : 'higher'} is better) on ${count(validation_examples)} validation examples.`}
        flush
      >
        <WideTable label="Trials" least={180 + 140 * (varied.length + rungs.length)}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Trial</Table.Th>
              {varied.map((name) => (
                <Table.Th key={name} ta="right">
                  {name.replaceAll('_', ' ')}
                </Table.Th>
              ))}
              {rungs.map(({ examples }) => (
                <Table.Th key={examples} ta="right">
                  on {count(examples)} examples
                </Table.Th>
              ))}
              <Table.Th>Job</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody className="figures">
            {trials.map((trial) => (
              <TrialRow key={trial.id} trial={trial} sweep={sweep} isWinner={trial.id === winner} />
            ))}
          </Table.Tbody>
        </WideTable>
      </Panel>
    </>
  );
}

interface TrialRowProps {
  readonly trial: SweepTrial;
  readonly sweep: SweepResult;
  readonly isWinner: boolean;
}

function TrialRow({
  trial: { id, values, results },
  sweep: { varied, rungs, metric },
  isWinner,
}: TrialRowProps): ReactElement {
  const job = results.at(-1)?.job ?? null;
  const reason = results.find((result) => result.reason !== null)?.reason;
  return (
    <>
      <Table.Tr>
        <Table.Th scope="row" fw={isWinner ? 700 : 400}>
          {id}
          {isWinner && ' best'}
        </Table.Th>
        {varied.map((name) => (
          <Table.Td key={name} ta="right" className="outside">
            {typeof values[name] === 'number' ? decimal(values[name]) : String(values[name] ?? '–')}
          </Table.Td>
        ))}
        {rungs.map(({ examples }, i) => {
          const result = results[i];
          return (
            <Table.Td key={examples} ta="right">
              {result === undefined ? (
                ''
              ) : result.figure === null ? (
                'failed'
              ) : metric.name === 'valid_loss' ? (
                inWords(result.figure.value, metric.name)
              ) : (
                <Figured estimate={result.figure} />
              )}
            </Table.Td>
          );
        })}
        <Table.Td>{job !== null && <JobLink job={job} />}</Table.Td>
      </Table.Tr>
      {reason != null && (
        <Table.Tr>
          <Table.Td colSpan={2 + varied.length + rungs.length}>
            <Text size="sm" c="dimmed" className="outside">
              {id} failed: {reason}
            </Text>
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

function JobLink({ job }: { readonly job: string }): ReactElement {
  return (
    <PageLink to="/jobs/$id" params={{ id: job }} size="sm">
      {job.slice(0, 14)}…
    </PageLink>
  );
}

function Curve({ curve }: { readonly curve: LearningCurveResult }): ReactElement {
  const { trainings, metric, sentences, points, validation_examples } = curve;
  return (
    <>
      <Sentences all={sentences} />
      {(points.length > 0 || trainings.some(({ figure }) => figure !== null)) && (
        <Panel
          title={metric.name.replaceAll('_', ' ')}
          about={`By the number of training examples, on ${count(validation_examples)} validation examples; hollow points are foretold.`}
        >
          <CurvePicture curve={curve} />
        </Panel>
      )}
      <Panel title="Trainings" flush>
        <WideTable label="Trainings" least={480}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th ta="right">Examples</Table.Th>
              <Table.Th ta="right">Repeat</Table.Th>
              <Table.Th ta="right">{metric.name.replaceAll('_', ' ')}</Table.Th>
              <Table.Th>Job</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody className="figures">
            {trainings.map(({ examples, repeat, figure, job, reason }) => (
              <Table.Tr key={`${examples} ${repeat}`}>
                <Table.Td ta="right">{count(examples)}</Table.Td>
                <Table.Td ta="right">{repeat + 1}</Table.Td>
                <Table.Td ta="right" className="outside">
                  {figure !== null ? (
                    metric.name === 'valid_loss' ? (
                      inWords(figure.value, metric.name)
                    ) : (
                      <Figured estimate={figure} />
                    )
                  ) : (
                    (reason ?? 'not yet')
                  )}
                </Table.Td>
                <Table.Td>{job !== null && <JobLink job={job} />}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </WideTable>
      </Panel>
    </>
  );
}
