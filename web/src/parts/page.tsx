/** The frame of a page: its name, which the tab has too and the keyboard lands on, what can be done with all of it. */

import { Box, Group, Text, Title } from '@mantine/core';
import { IconChevronLeft } from '@tabler/icons-react';
import { type ReactElement, type ReactNode, useEffect, useRef } from 'react';
import { PageLink } from './links.tsx';

interface PageProps {
  readonly title: string;
  /** A sentence on what this page is for. */
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  /** Where the page's things are listed. */
  readonly back?: { readonly to: string; readonly words: string };
  readonly children: ReactNode;
}

export function Page({ title, about, actions, back, children }: PageProps): ReactElement {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Tunesmith`;
  }, [title]);
  // Whoever came here by keyboard or hears the page starts at its name; a first load starts at the top, as browsers do.
  useEffect(() => {
    if (document.activeElement !== document.body && document.activeElement !== null) heading.current?.focus();
  }, []);
  return (
    <Box maw={1200} mx="auto">
      {back !== undefined && (
        <PageLink to={back.to} size="sm" mb="xs" display="inline-flex" style={{ alignItems: 'center' }}>
          <IconChevronLeft size={16} aria-hidden /> {back.words}
        </PageLink>
      )}
      <Group justify="space-between" align="flex-start" mb="xs" gap="sm">
        <Title order={1} ref={heading} tabIndex={-1} className="outside" style={{ flex: '1 1 16rem', minWidth: 0 }}>
          {title}
        </Title>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {about !== undefined && (
        <Text c="dimmed" maw={720} component="div">
          {about}
        </Text>
      )}
      <Box mt="lg">{children}</Box>
    </Box>
  );
}
