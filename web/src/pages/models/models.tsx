/** Models. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Models(): ReactElement {
  return <Page title="Models">{null}</Page>;
}
