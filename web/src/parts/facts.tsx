/** Names and values in two columns, which become one on a phone. */

import { Box, Text } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';
import classes from './facts.module.css';

/** Pairs whose value is null are left out. */
export function Facts({ facts }: { readonly facts: readonly (readonly [string, ReactNode] | null)[] }): ReactElement {
  return (
    <Box component="dl" className={`${classes['facts']} figures`}>
      {facts.map((fact) =>
        fact === null || fact[1] === null ? null : (
          <div key={fact[0]} className={classes['fact']}>
            <Text component="dt" size="sm" c="dimmed">
              {fact[0]}
            </Text>
            <Text component="dd" size="sm" m={0} className="outside">
              {fact[1]}
            </Text>
          </div>
        ),
      )}
    </Box>
  );
}
