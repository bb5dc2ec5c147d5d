/** Home. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Home(): ReactElement {
  return <Page title="Home">{null}</Page>;
}
