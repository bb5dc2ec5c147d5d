/** Compare models. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Compare(): ReactElement {
  return <Page title="Compare models">{null}</Page>;
}
