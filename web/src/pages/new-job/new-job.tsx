/** New job. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function NewJob(): ReactElement {
  return <Page title="New job">{null}</Page>;
}
