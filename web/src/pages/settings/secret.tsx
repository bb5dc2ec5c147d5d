/** A secret that is shown this once. */

import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';
import { Code } from '../../parts/code.tsx';

interface SecretProps {
  readonly label: string;
  readonly value: string;
  readonly onDone: () => void;
  readonly children?: ReactNode;
}

export function Secret({ label, value, onDone, children }: SecretProps): ReactElement {
  return (
    <Stack gap="md">
      <Text size="sm">Copy it to a safe place now: it is kept nowhere, and not shown again.</Text>
      <Code label={label} versions={{ [label]: value }} />
      {children !== undefined && (
        <Alert color="yellow" role="note">
          <Text size="sm">{children}</Text>
        </Alert>
      )}
      <Group justify="flex-end">
        <Button onClick={onDone}>I have copied it</Button>
      </Group>
    </Stack>
  );
}
