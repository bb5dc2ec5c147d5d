/** Files. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Files(): ReactElement {
  return <Page title="Files">{null}</Page>;
}
