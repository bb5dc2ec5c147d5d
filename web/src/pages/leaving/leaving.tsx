/** Leaving OpenAI. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';

export function Leaving(): ReactElement {
  return <Page title="Leaving OpenAI">{null}</Page>;
}
