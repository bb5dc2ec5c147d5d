/** The SHA-256 of something, to be compared by eye or taken along. */

import { ActionIcon, Group, Text, Tooltip } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import type { ReactElement } from 'react';

interface HashProps {
  /** Whose hash it is, for ears: "the base model". */
  readonly of: string;
  readonly sha256: string;
  /** Its beginning only; all of it is copied. */
  readonly short?: boolean;
}

export function Hash({ of, sha256, short = false }: HashProps): ReactElement {
  const { copied, copy } = useClipboard();
  return (
    <Group component="span" gap={4} wrap="nowrap" display="inline-flex" maw="100%">
      <Text component="span" size="xs" className="mono outside" title={sha256}>
        {short ? `${sha256.slice(0, 12)}…` : sha256}
      </Text>
      <Tooltip label={copied ? 'Copied' : 'Copy'}>
        <ActionIcon
          size="sm"
          variant="subtle"
          color="gray"
          aria-label={copied ? 'Copied' : `Copy the SHA-256 of ${of}`}
          onClick={() => copy(sha256)}
        >
          {copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}
