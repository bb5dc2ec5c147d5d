/** What was stopped or has failed can go on from where it was. */

import { Button, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { Task } from '../../../../src/domain/task.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { startTask } from '../../parts/task-progress.tsx';

interface GoOnProps {
  readonly task: Task;
  readonly onGone: (task: Task) => void;
  readonly children?: string;
}

export function GoOn({ task, onGone, children }: GoOnProps): ReactElement | null {
  const go = useAct(() => startTask(task.type, { continue_from: task.id }), { changes: [['tasks']], onDone: onGone });
  if (task.status !== 'cancelled' && task.status !== 'failed') return null;
  return (
    <>
      {children !== undefined && (
        <Text size="sm" c="dimmed" my="sm">
          {children}
        </Text>
      )}
      {go.isError && <Failure error={go.error} />}
      <Button size="xs" variant="default" mt="xs" loading={go.isPending} onClick={() => go.mutate(undefined)}>
        Go on from here
      </Button>
    </>
  );
}
