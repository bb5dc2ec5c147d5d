/** Model. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function ModelPage(): ReactElement {
  return <Page title="Model">{null}</Page>;
}
