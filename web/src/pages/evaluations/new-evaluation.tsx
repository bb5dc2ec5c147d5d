/** New evaluation. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function NewEvaluation(): ReactElement {
  return <Page title="New evaluation">{null}</Page>;
}
