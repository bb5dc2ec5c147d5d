/** An address that is no page. */

import { Text } from '@mantine/core';
import type { ReactElement } from 'react';
import { Page } from '../parts/page.tsx';
import { PageLink } from '../parts/links.tsx';

export function Lost(): ReactElement {
  return (
    <Page title="There is no such page">
      <Text>
        The address may be mistyped, or what it showed was deleted. Everything starts at{' '}
        <PageLink to="/">home</PageLink>.
      </Text>
    </Page>
  );
}
