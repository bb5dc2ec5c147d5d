/** Says that the server does not answer, for as long as it does not. */

import { Alert } from '@mantine/core';
import { IconPlugConnectedX } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useSyncExternalStore } from 'react';
import { isUnreachable } from '../api.ts';

export function Connection(): ReactElement {
  return (
    <div role="status">
      {useIsCut() && (
        <Alert
          mb="lg"
          color="yellow"
          icon={<IconPlugConnectedX aria-hidden />}
          title="The server does not answer"
          styles={{ title: { color: 'var(--mantine-color-text)' } }}
        >
          This page shows what it knew last, and goes on by itself as soon as the server is there again. Nothing that it
          has acknowledged is lost.
        </Alert>
      )}
    </div>
  );
}

/** Whether the newest question of any list that is being looked at went unanswered. */
function useIsCut(): boolean {
  const cache = useQueryClient().getQueryCache();
  const read = (): boolean => {
    const looked = cache.getAll().filter((query) => query.getObserversCount() > 0);
    return looked.some(
      ({ state }) =>
        isUnreachable(state.error ?? state.fetchFailureReason) ||
        isFetchFailure(state.error ?? state.fetchFailureReason),
    );
  };
  return useSyncExternalStore((changed) => cache.subscribe(changed), read);
}

/** What `fetch` itself throws, where the SDK is not in between. */
const isFetchFailure = (error: unknown): boolean => error instanceof TypeError;
