/** What stands around every page: where one can go, which project this is, and whether the server answers. */

import { AppShell, Burger, Group, NavLink, ScrollArea, Text, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconAdjustmentsHorizontal,
  IconBox,
  IconChartBar,
  IconFileText,
  IconHome,
  IconMessage2,
  IconPackageImport,
  IconSchool,
} from '@tabler/icons-react';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { type ReactElement, useEffect } from 'react';
import { useSession } from '../session.ts';
import { Connection } from './connection.tsx';
import { Login } from './login.tsx';
import { Surroundings } from './surroundings.tsx';
import icon from '../icon.svg';
import classes from './frame.module.css';

const places = [
  { to: '/', words: 'Home', Icon: IconHome },
  { to: '/files', words: 'Files', Icon: IconFileText },
  { to: '/jobs', words: 'Jobs', Icon: IconSchool },
  { to: '/models', words: 'Models', Icon: IconBox },
  { to: '/playground', words: 'Playground', Icon: IconMessage2 },
  { to: '/evaluations', words: 'Evaluations', Icon: IconChartBar },
  { to: '/leaving', words: 'Leaving OpenAI', Icon: IconPackageImport },
  { to: '/settings', words: 'Settings', Icon: IconAdjustmentsHorizontal },
] as const;

export function Frame(): ReactElement | null {
  const session = useSession();
  if (session.data === undefined) return session.isError ? <Connection /> : null;
  return session.data.signed_in ? <Inside /> : <Login />;
}

function Inside(): ReactElement {
  const [isOpen, menu] = useDisclosure(false);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  useEffect(() => menu.close(), [path]);
  return (
    <AppShell
      header={{ height: { base: 52, sm: 0 } }}
      navbar={{ width: 216, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding={{ base: 'md', sm: 'xl' }}
      transitionDuration={0}
    >
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <AppShell.Header hiddenFrom="sm">
        <Group h="100%" px="md" gap="sm">
          <Burger
            opened={isOpen}
            onClick={menu.toggle}
            size="sm"
            aria-label={isOpen ? 'Close the menu' : 'Open the menu'}
          />
          <Brand />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="md" aria-label="Pages" className={isOpen ? undefined : classes['closed']}>
        <AppShell.Section visibleFrom="sm" mb="lg" px="xs">
          <Brand />
        </AppShell.Section>
        <AppShell.Section grow component={ScrollArea}>
          {places.map(({ to, words, Icon }) => {
            const isHere = to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`);
            return (
              <NavLink
                key={to}
                component={Link}
                to={to}
                label={words}
                active={isHere}
                {...(isHere && { 'aria-current': 'page' as const })}
                leftSection={<Icon size={18} stroke={1.6} aria-hidden />}
                mb={2}
                styles={{ root: { borderRadius: 'var(--mantine-radius-md)' } }}
              />
            );
          })}
        </AppShell.Section>
        <AppShell.Section>
          <Surroundings />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: 'none' }}>
        <Connection />
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}

function Brand(): ReactElement {
  return (
    <UnstyledButton component={Link} to="/" aria-label="Tunesmith, home">
      <Group gap={10}>
        <img src={icon} width={24} height={24} alt="" />
        <Text fw={600} size="md">
          Tunesmith
        </Text>
      </Group>
    </UnstyledButton>
  );
}
