/**
 * Which page belongs to which address. Each is fetched when it is first visited, and already when a link to it is
 * pointed at. The server knows the first segments too (`src/server/dashboard.ts`).
 */

import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Frame } from './frame/frame.tsx';
import { Lost } from './frame/lost.tsx';
import { Broken } from './frame/broken.tsx';

const root = createRootRoute({ component: Frame, notFoundComponent: Lost });

const at = <Path extends string, Name extends string>(
  path: Path,
  page: () => Promise<Record<Name, () => ReactNode>>,
  name: Name,
) => createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(page, name) });

const routeTree = root.addChildren([
  at('/', () => import('./pages/home/home.tsx'), 'Home'),
  at('/files', () => import('./pages/files/files.tsx'), 'Files'),
  at('/files/$id', () => import('./pages/files/file.tsx'), 'FilePage'),
  at('/jobs', () => import('./pages/jobs/jobs.tsx'), 'Jobs'),
  at('/jobs/new', () => import('./pages/new-job/new-job.tsx'), 'NewJob'),
  at('/jobs/$id', () => import('./pages/job/job.tsx'), 'JobPage'),
  at('/models', () => import('./pages/models/models.tsx'), 'Models'),
  at('/models/$id', () => import('./pages/models/model.tsx'), 'ModelPage'),
  at('/playground', () => import('./pages/playground/playground.tsx'), 'Playground'),
  at('/evaluations', () => import('./pages/evaluations/evaluations.tsx'), 'Evaluations'),
  at('/evaluations/new', () => import('./pages/evaluations/new-evaluation.tsx'), 'NewEvaluation'),
  at('/evaluations/compare', () => import('./pages/evaluations/compare.tsx'), 'Compare'),
  at('/evaluations/compare/$taskId', () => import('./pages/evaluations/comparison.tsx'), 'Comparison'),
  at('/evaluations/sweeps', () => import('./pages/evaluations/sweeps.tsx'), 'Sweeps'),
  at('/evaluations/sweeps/$taskId', () => import('./pages/evaluations/sweep.tsx'), 'Sweep'),
  at('/evaluations/$evalId', () => import('./pages/evaluations/evaluation.tsx'), 'Evaluation'),
  at('/evaluations/$evalId/runs/$runId', () => import('./pages/evaluations/run.tsx'), 'RunPage'),
  at('/leaving', () => import('./pages/leaving/leaving.tsx'), 'Leaving'),
  at('/settings', () => import('./pages/settings/settings.tsx'), 'Settings'),
]);

export const router = createRouter({
  routeTree,
  defaultPreload: 'intent',
  defaultPreloadStaleTime: 0,
  defaultErrorComponent: Broken,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
