/** Home: what this machine is doing, how full it is, and what to do first where nothing was done yet. */

import type { ReactElement } from 'react';
import { Page } from '../../parts/page.tsx';
import { Activities } from './activities.tsx';
import { FirstSteps } from './first-steps.tsx';
import { MachinePanel } from './machine-panel.tsx';

export function Home(): ReactElement {
  return (
    <Page title="Home">
      <FirstSteps />
      <Activities />
      <MachinePanel />
    </Page>
  );
}
