/** Settings: who may come in, what models are called, who is told, what is kept, and what leaves this machine. */

import type { ReactElement } from 'react';
import { Waiting } from '../../parts/answered.tsx';
import { Page } from '../../parts/page.tsx';
import { useSession } from '../../session.ts';
import { Aliases } from './aliases.tsx';
import { Keys } from './keys.tsx';
import { Limits } from './limits.tsx';
import { Outbound } from './outbound.tsx';
import { Projects } from './projects.tsx';
import { Storage } from './storage.tsx';
import { Webhooks } from './webhooks.tsx';

export function Settings(): ReactElement {
  const { data: session } = useSession();
  return (
    <Page title="Settings">
      {session === undefined ? (
        <Waiting />
      ) : (
        <>
          <Outbound />
          <Keys session={session} />
          {session.operator && <Projects />}
          <Aliases isOperator={session.operator} />
          <Webhooks />
          <Storage />
          <Limits />
        </>
      )}
    </Page>
  );
}
