/** A page that has failed: what happened, and a way on. The rest of the dashboard still works. */

import { Button, Text } from '@mantine/core';
import type { ErrorComponentProps } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { sentenceOf } from '../api.ts';
import { Page } from '../parts/page.tsx';

export function Broken({ error, reset }: ErrorComponentProps): ReactElement {
  // After an update of the server the files of an older page are gone.
  const isOutdated = /dynamically imported module|Importing a module script/i.test(sentenceOf(error));
  return (
    <Page title={isOutdated ? 'There is a newer dashboard' : 'This page has failed'}>
      <Text className="outside" mb="md">
        {isOutdated ? 'The server was updated since this page was opened.' : sentenceOf(error)}
      </Text>
      <Button onClick={() => (isOutdated ? location.reload() : reset())}>{isOutdated ? 'Load it' : 'Try again'}</Button>
    </Page>
  );
}
