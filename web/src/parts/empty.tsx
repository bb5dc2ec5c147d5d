/** What a list says that has nothing in it yet: why, and what to do about it. */

import { Stack, Text } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';

interface EmptyProps {
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}

export function Empty({ title, children, action }: EmptyProps): ReactElement {
  return (
    <Stack align="center" gap="xs" py={40} px="md">
      <Text fw={600}>{title}</Text>
      {children !== undefined && (
        <Text c="dimmed" size="sm" maw={460} ta="center" component="div">
          {children}
        </Text>
      )}
      {action}
    </Stack>
  );
}
