/** The fine-tuned models of the project, newest first, with how well each does. */

import { Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import type { FineTunedModelObject } from '../../../../src/domain/lineage.ts';
import { type ListOf, openai } from '../../api.ts';
import { Failure, Waiting } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { type Column, LongList } from '../../parts/long-list.tsx';
import { bytes, fromNow, moment } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { figuresOf, shortName } from './figures.ts';
import { PageButton, PageLink } from '../../parts/links.tsx';

const pageSize = 50;

const columns: readonly Column<FineTunedModelObject>[] = [
  {
    name: 'Name',
    width: 'minmax(0, 3fr)',
    always: true,
    cell: ({ id }) => (
      <>
        <PageLink to="/models/$id" params={{ id }} size="sm" fw={500} title={id}>
          {shortName(id)}
        </PageLink>
        <Text size="xs" c="dimmed" truncate>
          {id}
        </Text>
      </>
    ),
  },
  { name: 'Base', width: 'minmax(0, 1fr)', cell: ({ base_model: base }) => <span title={base}>{base}</span> },
  {
    name: 'How well',
    width: 'minmax(0, 1.4fr)',
    cell: (model) => {
      const [first] = figuresOf(model);
      return first === undefined ? (
        <Text span size="sm" c="dimmed">
          Not measured
        </Text>
      ) : (
        `${first.name} ${first.value}`
      );
    },
  },
  { name: 'Size', width: '5rem', isFigure: true, cell: ({ size_bytes: size }) => bytes(size) },
  {
    name: 'Made',
    width: '8rem',
    always: true,
    cell: ({ created_at }) => <time title={moment(created_at)}>{fromNow(created_at)}</time>,
  },
];

export function FineTunedList(): ReactElement {
  const query = useInfiniteQuery({
    queryKey: ['fine-tuned-models'],
    queryFn: ({ pageParam, signal }) =>
      openai.get<ListOf<FineTunedModelObject>>('/fine_tuned_models', {
        query: { limit: pageSize, ...(pageParam !== '' && { after: pageParam }) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: ({ data, has_more: hasMore }) => (hasMore ? data.at(-1)!.id : undefined),
    // Whoever has scrolled far looks at old ones, which hardly change.
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 2 ? 10_000 : 1000),
  });
  const models = query.data?.pages.flatMap(({ data }) => data) ?? null;
  return (
    <Panel title="Fine-tuned models" flush>
      {models === null && (query.isError ? <Failure error={query.error} /> : <Waiting />)}
      {models?.length === 0 && (
        <Empty
          title="No fine-tuned models yet"
          action={
            <PageButton variant="default" to="/jobs/new">
              Train the first one
            </PageButton>
          }
        >
          When a training job is done, its model is here, and answers under its own name.
        </Empty>
      )}
      {models !== null && models.length > 0 && (
        <LongList
          label="Fine-tuned models"
          rows={models}
          keyOf={({ id }) => id}
          columns={columns}
          rowHeight={56}
          onEnd={() => {
            if (query.hasNextPage && !query.isFetching) void query.fetchNextPage();
          }}
        />
      )}
    </Panel>
  );
}
