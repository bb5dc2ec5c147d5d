/** Settings. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Settings(): ReactElement {
  return <Page title="Settings">{null}</Page>;
}
