/** What stands where an answer will be: nothing for a moment, then a wheel; the reason when there is none; then it. */

import { Alert, Button, Group, Loader, Text } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactElement, type ReactNode, useEffect, useState } from 'react';
import { isUnreachable, sentenceOf } from '../api.ts';

interface AnsweredProps<Answer> {
  readonly query: UseQueryResult<Answer>;
  readonly children: (answer: Answer) => ReactNode;
}

export function Answered<Answer>({ query, children }: AnsweredProps<Answer>): ReactNode {
  if (query.data !== undefined) return children(query.data);
  if (query.isError && !isUnreachable(query.error))
    return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  return <Waiting />;
}

export function Failure({ error, onRetry }: { readonly error: unknown; readonly onRetry?: () => void }): ReactElement {
  return (
    <Alert color="red" role="alert" my="sm">
      <Group justify="space-between" gap="sm">
        <Text size="sm" className="outside" style={{ flex: '1 1 14rem' }}>
          {sentenceOf(error)}
        </Text>
        {onRetry !== undefined && (
          <Button size="compact-sm" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Group>
    </Alert>
  );
}

/** Most answers are here before a wheel could be seen. */
export function Waiting(): ReactElement | null {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return isSlow ? (
    <Group p="md" gap="sm" role="status">
      <Loader size="sm" />
      <Text size="sm" c="dimmed">
        Looking…
      </Text>
    </Group>
  ) : null;
}
