/** The dashboard: what every page has around it, and which page belongs to which address. */

import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { queries } from './live.ts';
import { router } from './routes.tsx';
import { cssVariables, theme } from './theme.ts';

/** The server lets only those style tags in that carry the nonce of its answer. */
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce;
// What keeps the page still behind a dialog is a style tag of another package, which looks for the nonce here.
Object.assign(globalThis, { __webpack_nonce__: nonce });

export function App(): ReactElement {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce ?? ''}
    >
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
