/**
 * How the dashboard is built: from `web/` to `dist/web/`, which the package ships and the server serves.
 *
 * Every tag carries a nonce that the server replaces for each answer, so that its policy can refuse all others.
 */

import react from '@vitejs/plugin-react';
import { resolve } from 'node:path';
import { defineConfig } from 'vite';

/** What `src/server/dashboard.ts` replaces. */
const nonce = 'TUNESMITH_NONCE';

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  html: { cspNonce: nonce },
  build: {
    outDir: resolve(import.meta.dirname, '../dist/web'),
    target: 'es2022',
    // A picture inside of a style sheet would need a hole in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
