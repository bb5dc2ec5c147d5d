/** Every object that was taken, with its hash, for whoever wants to see that nothing is missing. */

import { Anchor, Box, Collapse, Group, SegmentedControl, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactElement, useId, useState } from 'react';
import type { CapturedObject, CaptureKind, OpenAICaptureDetails } from '../../../../src/domain/openai-capture.ts';
import { type ListOf, openai } from '../../api.ts';
import { Failure, Waiting } from '../../parts/answered.tsx';
import { type Column, LongList } from '../../parts/long-list.tsx';
import { bytes, moment } from '../../parts/numbers.ts';

const pageSize = 500;
const kinds: readonly { readonly value: CaptureKind | 'all'; readonly label: string }[] = [
  { value: 'all', label: 'All' },
  { value: 'fine_tuning_jobs', label: 'Jobs' },
  { value: 'files', label: 'Files' },
  { value: 'evals', label: 'Evals' },
  { value: 'stored_completions', label: 'Answers' },
];

const columns: readonly Column<CapturedObject>[] = [
  {
    name: 'Object',
    width: 'minmax(0, 3fr)',
    always: true,
    cell: ({ id }) => (
      <Text size="sm" truncate title={id}>
        {id}
      </Text>
    ),
  },
  {
    name: 'SHA-256',
    width: 'minmax(0, 2fr)',
    cell: ({ sha256 }) => (
      <span className="mono" title={sha256}>
        {sha256.slice(0, 16)}…
      </span>
    ),
  },
  { name: 'Size', width: '5.5rem', isFigure: true, always: true, cell: (each) => bytes(each.bytes) },
  { name: 'Taken', width: '11rem', cell: (each) => moment(each.taken_at) },
];

export function Objects({ capture }: { readonly capture: OpenAICaptureDetails }): ReactElement {
  const [isOpen, list] = useDisclosure(false);
  const id = useId();
  return (
    <Box mt="md">
      <Anchor
        component="button"
        type="button"
        size="sm"
        onClick={list.toggle}
        aria-expanded={isOpen}
        aria-controls={id}
      >
        {isOpen ? 'Hide the objects' : 'Show every object'}
      </Anchor>
      <Collapse expanded={isOpen} id={id}>
        {isOpen && <Listed capture={capture} />}
      </Collapse>
    </Box>
  );
}

function Listed({ capture: { id, finished_at } }: { readonly capture: OpenAICaptureDetails }): ReactElement {
  const [kind, setKind] = useState<CaptureKind | 'all'>('all');
  const query = useInfiniteQuery({
    queryKey: ['openai-capture', id, 'objects', kind, finished_at],
    queryFn: ({ pageParam, signal }) =>
      openai.get<ListOf<CapturedObject>>(`/openai_captures/${id}/objects`, {
        query: { limit: pageSize, ...(kind !== 'all' && { kind }), ...(pageParam !== null && { after: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => (page.has_more ? (page.data.at(-1)?.id ?? null) : null),
  });
  const rows = query.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <Box mt="sm">
      <Group mb="sm" style={{ overflowX: 'auto' }}>
        <SegmentedControl size="xs" data={[...kinds]} value={kind} onChange={setKind} aria-label="Kind of object" />
      </Group>
      {query.isError && <Failure error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending ? (
        <Waiting />
      ) : rows.length === 0 ? (
        <Text size="sm" c="dimmed">
          Nothing of this kind.
        </Text>
      ) : (
        <LongList
          label="Objects"
          rows={rows}
          keyOf={(row) => row.id}
          columns={columns}
          height={400}
          onEnd={() => {
            if (query.hasNextPage && !query.isFetching) void query.fetchNextPage();
          }}
        />
      )}
    </Box>
  );
}
