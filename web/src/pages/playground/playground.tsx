/** Playground. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Playground(): ReactElement {
  return <Page title="Playground">{null}</Page>;
}
