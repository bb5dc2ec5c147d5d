/** Code to read and to take along; several languages of the same thing as tabs. */

import { ActionIcon, Box, Group, SegmentedControl, Tooltip } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { type ReactElement, useState } from 'react';
import classes from './code.module.css';

interface CodeProps {
  /** Language → text; one of them is shown. */
  readonly versions: Readonly<Record<string, string>>;
  readonly label: string;
}

export function Code({ versions, label }: CodeProps): ReactElement {
  const names = Object.keys(versions);
  const [chosen, choose] = useState(names[0]!);
  const name = names.includes(chosen) ? chosen : names[0]!;
  const text = versions[name]!;
  const clipboard = useClipboard();
  return (
    <Box className={classes['code']}>
      <Group justify="space-between" wrap="nowrap" p={6} gap="xs">
        {names.length > 1 ? (
          <SegmentedControl size="xs" data={names} value={name} onChange={choose} aria-label={`${label}, language`} />
        ) : (
          <span />
        )}
        <Tooltip label={clipboard.copied ? 'Copied' : 'Copy'}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={clipboard.copied ? 'Copied' : `Copy: ${label}`}
            onClick={() => clipboard.copy(text)}
          >
            {clipboard.copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
          </ActionIcon>
        </Tooltip>
      </Group>
      <pre className={classes['text']} tabIndex={0} role="region" aria-label={label}>
        <code>{text}</code>
      </pre>
    </Box>
  );
}
