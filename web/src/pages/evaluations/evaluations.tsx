/** The evaluations of the project, and the ways to learn which model and which settings are best. */

import { Group, SimpleGrid, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { Eval, EvalRun } from '../../../../src/domain/eval.ts';
import { openai, type ListOf } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { LongList, type Column } from '../../parts/long-list.tsx';
import { counted, fromNow, percent } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { PageButton, PageLink } from '../../parts/links.tsx';

const slowlyMs = 3000;

export function Evaluations(): ReactElement {
  const evals = useLive(['evals'], (signal) =>
    openai.get<ListOf<Eval>>('/evals', { query: { order: 'desc', limit: 200 }, signal }),
  );
  return (
    <Page
      title="Evaluations"
      about="How good a model is, in figures with their uncertainty: on your questions, by your graders."
      actions={<PageButton to="/evaluations/new">New evaluation</PageButton>}
    >
      <SimpleGrid cols={{ base: 1, sm: 2 }} mb="lg">
        <Way to="/evaluations/compare" words="Compare models">
          Bases, examples in the prompt, fine-tunes and simple baselines on one test: which one to use, and whether
          fine-tuning was worth it.
        </Way>
        <Way to="/evaluations/sweeps" words="Sweeps and learning curves">
          Which hyper-parameters suit your data, and what more data would bring.
        </Way>
      </SimpleGrid>
      <Panel title="Your evaluations" flush>
        <Answered query={evals}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty
                title="No evaluation yet"
                action={
                  <PageButton to="/evaluations/new" variant="default">
                    Make the first one
                  </PageButton>
                }
              >
                Bring a file of questions with right answers, choose how answers are judged, and run it on any model.
              </Empty>
            ) : (
              <LongList label="Evaluations" rows={data} keyOf={({ id }) => id} columns={columns} rowHeight={52} />
            )
          }
        </Answered>
      </Panel>
    </Page>
  );
}

function Way({
  to,
  words,
  children,
}: {
  readonly to: string;
  readonly words: string;
  readonly children: string;
}): ReactElement {
  return (
    <section className="panel" style={{ padding: 'var(--mantine-spacing-md)' }}>
      <PageLink to={to} fw={600}>
        {words}
      </PageLink>
      <Text size="sm" c="dimmed" mt={4}>
        {children}
      </Text>
    </section>
  );
}

const columns: readonly Column<Eval>[] = [
  {
    name: 'Name',
    width: '2fr',
    always: true,
    cell: ({ id, name }) => (
      <PageLink to="/evaluations/$evalId" params={{ evalId: id }} truncate display="block">
        {name || id}
      </PageLink>
    ),
  },
  {
    name: 'Graders',
    width: '7rem',
    cell: ({ testing_criteria }) => counted(testing_criteria.length, 'grader'),
  },
  { name: 'Newest run', width: '2fr', always: true, cell: ({ id }) => <NewestRun evalId={id} /> },
  { name: 'Made', width: '9rem', cell: ({ created_at }) => fromNow(created_at) },
];

function NewestRun({ evalId }: { readonly evalId: string }): ReactElement | null {
  const { data } = useLive(
    ['evals', evalId, 'newest-run'],
    (signal) => openai.get<ListOf<EvalRun>>(`/evals/${evalId}/runs`, { query: { order: 'desc', limit: 1 }, signal }),
    { every: slowlyMs },
  );
  const run = data?.data[0];
  if (data === undefined) return null;
  if (run === undefined)
    return (
      <Text size="sm" c="dimmed">
        not run yet
      </Text>
    );
  const { passed, failed, total } = run.result_counts;
  return (
    <Group gap="sm" wrap="nowrap">
      <Status status={run.status} />
      <Text size="sm" className="figures" truncate>
        {run.status === 'completed' && passed + failed > 0
          ? percent(passed / (passed + failed))
          : `${passed + failed} of ${total}`}
        {run.model !== '' && (
          <Text component="span" size="sm" c="dimmed">
            {' '}
            {run.model}
          </Text>
        )}
      </Text>
    </Group>
  );
}
