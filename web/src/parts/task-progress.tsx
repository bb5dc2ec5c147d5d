/** How far a task of the server's is, live: what it does now, how much is done, how to stop it, how it ended. */

import { Box, Button, Group, Progress, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { Task } from '../../../src/domain/task.ts';
import { openai } from '../api.ts';
import { useAct, useLive } from '../live.ts';
import { Failure } from './answered.tsx';
import { bytes, count } from './numbers.ts';
import { Status } from './status.tsx';

export const isOver = (task: Task): boolean => ['succeeded', 'failed', 'cancelled'].includes(task.status);

/** The task as it is now; asked about until it is over. */
export function useTask(id: string | null) {
  return useLive(['task', id], (signal) => openai.get<Task>(`/tasks/${id}`, { signal }), {
    enabled: id !== null,
    every: (task) => (task !== undefined && isOver(task) ? false : 500),
  });
}

export function startTask(type: string, fields: object): Promise<Task> {
  return openai.post<Task>('/tasks', { body: { type, ...fields } });
}

export function TaskProgress({ task, label }: { readonly task: Task; readonly label: string }): ReactElement {
  const cancel = useAct(() => openai.post(`/tasks/${task.id}/cancel`), { changes: [['task', task.id], ['tasks']] });
  const { done, total, unit, message } = task.progress;
  const amount = unit === 'bytes' ? bytes : (value: number) => `${count(value)} ${unit}`;
  const share = total === null || total === 0 ? null : Math.min(1, done / total);
  return (
    <Box>
      <Group justify="space-between" mb={6} gap="sm">
        <Text size="sm" className="outside" style={{ flex: '1 1 12rem' }}>
          {message ?? label}
        </Text>
        {isOver(task) ? (
          <Status status={task.status} />
        ) : (
          <Group gap="sm">
            <Text size="sm" c="dimmed" className="figures">
              {total === null ? amount(done) : `${amount(done)} of ${amount(total)}`}
            </Text>
            <Button size="compact-sm" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
              Stop
            </Button>
          </Group>
        )}
      </Group>
      {!isOver(task) && (
        <Progress.Root>
          <Progress.Section
            value={share === null ? 100 : share * 100}
            animated={share === null}
            striped={share === null}
            aria-label={label}
          />
        </Progress.Root>
      )}
      {task.error !== null && <Failure error={new Error(task.error.message)} />}
      {cancel.isError && <Failure error={cancel.error} />}
    </Box>
  );
}
