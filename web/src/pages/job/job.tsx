/** Job. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function JobPage(): ReactElement {
  return <Page title="Job">{null}</Page>;
}
