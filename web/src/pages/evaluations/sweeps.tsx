/** Sweeps and learning curves. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Sweeps(): ReactElement {
  return <Page title="Sweeps and learning curves">{null}</Page>;
}
