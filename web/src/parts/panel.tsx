/** A part of a page, with a name of its own. */

import { Box, Group, Text, Title } from '@mantine/core';
import { type ReactElement, type ReactNode, useId } from 'react';

interface PanelProps {
  readonly title?: string;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  /** Lists go from edge to edge. */
  readonly flush?: boolean;
  readonly children: ReactNode;
}

export function Panel({ title, about, actions, flush = false, children }: PanelProps): ReactElement {
  const id = useId();
  return (
    <Box component="section" className="panel" mb="lg" {...(title !== undefined && { 'aria-labelledby': id })}>
      {(title !== undefined || actions !== undefined) && (
        <Group justify="space-between" align="flex-start" px="md" pt="md" pb={flush ? 'sm' : 0} gap="xs">
          <Box style={{ flex: '1 1 12rem', minWidth: 0 }}>
            {title !== undefined && (
              <Title order={2} id={id}>
                {title}
              </Title>
            )}
            {about !== undefined && (
              <Text size="sm" c="dimmed" component="div">
                {about}
              </Text>
            )}
          </Box>
          {actions !== undefined && <Group gap="xs">{actions}</Group>}
        </Group>
      )}
      <Box p={flush ? 0 : 'md'}>{children}</Box>
    </Box>
  );
}
