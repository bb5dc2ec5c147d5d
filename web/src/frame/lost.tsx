/** An address that is no page. */

import { Anchor, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { Page } from '../parts/page.tsx';

export function Lost(): ReactElement {
  return (
    <Page title="There is no such page">
      <Text>
        The address may be mistyped, or what it showed was deleted. Everything starts at{' '}
        <Anchor component={Link} to="/">
          home
        </Anchor>
        .
      </Text>
    </Page>
  );
}
