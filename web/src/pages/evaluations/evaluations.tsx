/** Evaluations. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Evaluations(): ReactElement {
  return <Page title="Evaluations">{null}</Page>;
}
