/** A list of things with what can be done to each; on a phone what can be done stands below. */

import { Box, Group, Text } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';
import classes from './settings.module.css';

export function Rows({ label, children }: { readonly label: string; readonly children: ReactNode }): ReactElement {
  return (
    <Box component="ul" className={classes['list']} aria-label={label}>
      {children}
    </Box>
  );
}

interface RowProps {
  readonly name: ReactNode;
  readonly about: ReactNode;
  readonly actions?: ReactNode;
  readonly below?: ReactNode;
}

export function Row({ name, about, actions, below }: RowProps): ReactElement {
  return (
    <li className={classes['item']}>
      <Box className={classes['what']}>
        <Text size="sm" fw={500} component="div" className="outside">
          {name}
        </Text>
        <Text size="xs" c="dimmed" component="div" className="outside figures">
          {about}
        </Text>
      </Box>
      {actions !== undefined && <Group gap="xs">{actions}</Group>}
      {below !== undefined && <Box w="100%">{below}</Box>}
    </li>
  );
}

/** In place of rows. */
export const NoRows = ({ children }: { readonly children: ReactNode }): ReactElement => (
  <Text size="sm" c="dimmed" px="md" pb="md" component="div">
    {children}
  </Text>
);
