/** How something stands, in a word and a dot; the dot's shape says it too, for whoever does not see its colour. */

import { Group, Text } from '@mantine/core';
import type { ReactElement } from 'react';

type Tone = 'good' | 'busy' | 'wait' | 'bad' | 'quiet';

const tones: Readonly<Record<string, { tone: Tone; words: string }>> = {
  validating_files: { tone: 'wait', words: 'Checking files' },
  queued: { tone: 'wait', words: 'Waiting' },
  pending: { tone: 'wait', words: 'Waiting' },
  running: { tone: 'busy', words: 'Running' },
  in_progress: { tone: 'busy', words: 'Running' },
  validating: { tone: 'busy', words: 'Checking' },
  finalizing: { tone: 'busy', words: 'Finishing' },
  cancelling: { tone: 'busy', words: 'Stopping' },
  paused: { tone: 'quiet', words: 'Paused' },
  succeeded: { tone: 'good', words: 'Done' },
  completed: { tone: 'good', words: 'Done' },
  processed: { tone: 'good', words: 'Ready' },
  uploaded: { tone: 'good', words: 'Ready' },
  delivered: { tone: 'good', words: 'Delivered' },
  pass: { tone: 'good', words: 'Passed' },
  passed: { tone: 'good', words: 'Passed' },
  fail: { tone: 'bad', words: 'Failed' },
  failed: { tone: 'bad', words: 'Failed' },
  error: { tone: 'bad', words: 'Error' },
  given_up: { tone: 'bad', words: 'Given up' },
  cancelled: { tone: 'quiet', words: 'Cancelled' },
  canceled: { tone: 'quiet', words: 'Cancelled' },
  expired: { tone: 'quiet', words: 'Expired' },
};

const shapes: Readonly<Record<Tone, ReactElement>> = {
  good: <circle cx="5" cy="5" r="4.5" fill="currentColor" />,
  busy: (
    <path
      d="M5 .5a4.5 4.5 0 0 1 0 9z M5 .5a4.5 4.5 0 1 0 0 9"
      fill="currentColor"
      stroke="currentColor"
      strokeWidth="1"
      fillRule="evenodd"
      fillOpacity=".35"
    />
  ),
  wait: <circle cx="5" cy="5" r="3.75" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  bad: <path d="M5 .4 9.6 9.2H.4z" fill="currentColor" />,
  quiet: <rect x="1" y="4" width="8" height="2" fill="currentColor" />,
};

/** `status` as the API has it; a status nobody knows is shown as it is. */
export function Status({ status, words }: { readonly status: string; readonly words?: string }): ReactElement {
  const { tone, words: usual } = tones[status] ?? { tone: 'quiet' as const, words: status };
  return (
    <Group component="span" gap={6} wrap="nowrap" display="inline-flex" style={{ color: `var(--${tone})` }}>
      <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden style={{ flex: 'none' }}>
        {shapes[tone]}
      </svg>
      <Text component="span" size="sm" fw={500}>
        {words ?? usual}
      </Text>
    </Group>
  );
}
