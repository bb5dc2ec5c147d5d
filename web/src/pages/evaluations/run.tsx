/** Run. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function RunPage(): ReactElement {
  return <Page title="Run">{null}</Page>;
}
