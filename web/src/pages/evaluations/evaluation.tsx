/** Evaluation. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Evaluation(): ReactElement {
  return <Page title="Evaluation">{null}</Page>;
}
