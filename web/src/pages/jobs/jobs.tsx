/** Jobs. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Jobs(): ReactElement {
  return <Page title="Jobs">{null}</Page>;
}
