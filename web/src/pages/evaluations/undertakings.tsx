/** Tasks of this area as a list: what was asked, how it stands, where its result is. */

import { Group, Table, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { Task, TaskType } from '../../../../src/domain/task.ts';
import { openai, type ListOf } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { count, fromNow } from '../../parts/numbers.ts';
import { Status } from '../../parts/status.tsx';
import { useFiles } from './choices.tsx';
import { WideTable } from './wide-table.tsx';
import { PageLink } from '../../parts/links.tsx';

interface UndertakingsProps {
  readonly types: readonly TaskType[];
  /** The address of one, without its id. */
  readonly at: '/evaluations/compare' | '/evaluations/sweeps';
  /** What it is of: "ft:… and 2 more". */
  readonly about: (task: Task) => string;
  readonly none: string;
}

export function Undertakings({ types, at, about, none }: UndertakingsProps): ReactElement {
  const tasks = useLive(['tasks', ...types], async (signal) => {
    const pages = await Promise.all(
      types.map((type) => openai.get<ListOf<Task>>('/tasks', { query: { type, limit: 50 }, signal })),
    );
    return pages.flatMap((page) => page.data).sort((a, b) => b.created_at - a.created_at);
  });
  return (
    <Answered query={tasks}>
      {(all) =>
        all.length === 0 ? (
          <Empty title="None yet">{none}</Empty>
        ) : (
          <WideTable label="So far" least={480}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>What</Table.Th>
                <Table.Th>Status</Table.Th>
                <Table.Th>Asked for</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {all.map((task) => (
                <Table.Tr key={task.id}>
                  <Table.Td>
                    <PageLink to={`${at}/$taskId`} params={{ taskId: task.id }} className="outside">
                      {about(task)}
                    </PageLink>
                  </Table.Td>
                  <Table.Td>
                    <Group gap="xs" wrap="nowrap">
                      <Status status={task.status} />
                      {task.status === 'running' && task.progress.total !== null && (
                        <Text size="sm" c="dimmed" className="figures" style={{ whiteSpace: 'nowrap' }}>
                          {count(task.progress.done)} of {count(task.progress.total)} {task.progress.unit}
                        </Text>
                      )}
                    </Group>
                  </Table.Td>
                  <Table.Td style={{ whiteSpace: 'nowrap' }}>{fromNow(task.created_at)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </WideTable>
        )
      }
    </Answered>
  );
}

/** A file's name, while it is there. */
export function useFileName(): (id: string | null | undefined) => string {
  const files = useFiles(['fine-tune', 'evals']);
  return (id) => (id == null ? '' : (files.find((file) => file.id === id)?.filename ?? id));
}

export const several = (names: readonly string[]): string =>
  names.length <= 2 ? names.join(' and ') : `${names[0]} and ${names.length - 1} more`;
