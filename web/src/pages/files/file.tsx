/** File. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function FilePage(): ReactElement {
  return <Page title="File">{null}</Page>;
}
