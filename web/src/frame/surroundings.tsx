/** At the foot of the menu: light or dark, and the way out for whoever came in with a key. */

import { ActionIcon, Group, Text, Tooltip, useMantineColorScheme } from '@mantine/core';
import { IconDeviceDesktop, IconLogout, IconMoon, IconSun } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { useDoor, useSession } from '../session.ts';

const schemes = {
  auto: { next: 'light', words: 'Colours: as your system has them', Icon: IconDeviceDesktop },
  light: { next: 'dark', words: 'Colours: light', Icon: IconSun },
  dark: { next: 'auto', words: 'Colours: dark', Icon: IconMoon },
} as const;

export function Surroundings(): ReactElement {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const session = useSession();
  const door = useDoor();
  const { next, words, Icon } = schemes[colorScheme];
  return (
    <Group justify="space-between" px="xs" wrap="nowrap">
      <Text size="xs" c="dimmed" truncate>
        {session.data?.project == null ? '' : `Project ${session.data.project}`}
      </Text>
      <Group gap={4} wrap="nowrap">
        <Tooltip label={`${words}. Press to change.`}>
          <ActionIcon variant="subtle" color="gray" aria-label={words} onClick={() => setColorScheme(next)}>
            <Icon size={18} stroke={1.6} aria-hidden />
          </ActionIcon>
        </Tooltip>
        {session.data?.key_needed === true && (
          <Tooltip label="Sign out">
            <ActionIcon variant="subtle" color="gray" aria-label="Sign out" onClick={() => void door.leave()}>
              <IconLogout size={18} stroke={1.6} aria-hidden />
            </ActionIcon>
          </Tooltip>
        )}
      </Group>
    </Group>
  );
}
