/** Who is asking: whether this server needs a key, and whose session the cookie is. */

import { useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import type { Session } from '../../src/domain/session.ts';
import { sentenceOf } from './api.ts';

/** `/session` lies beside `/v1`, since it is about browsers and not about the API. */
async function askSession(method: 'GET' | 'POST' | 'DELETE', key?: string): Promise<Session> {
  const answer = await fetch('/session', {
    method,
    ...(key !== undefined && { body: JSON.stringify({ key }), headers: { 'content-type': 'application/json' } }),
  });
  const body = (await answer.json()) as Session & { error?: { message: string } };
  if (!answer.ok) throw new Error(body.error?.message ?? `The server answered with status ${answer.status}.`);
  return body;
}

export function useSession(): UseQueryResult<Session> {
  return useQuery({ queryKey: ['session'], queryFn: () => askSession('GET'), retry: true, retryDelay: 1000 });
}

export interface Door {
  readonly enter: (key: string) => Promise<string | null>;
  readonly leave: () => Promise<void>;
}

/** `enter` gives what is wrong with the key, or null. */
export function useDoor(): Door {
  const client = useQueryClient();
  return {
    enter: async (key) => {
      try {
        client.setQueryData(['session'], await askSession('POST', key));
        return null;
      } catch (error) {
        return sentenceOf(error);
      }
    },
    leave: async () => {
      const session = await askSession('DELETE');
      // The frame shows the door then; what the one who leaves has seen is not for who comes next.
      client.setQueryData(['session'], session);
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
    },
  };
}
