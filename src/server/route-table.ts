/** Which methods an address has: a router only knows whether one of them fits, and 405 must name the others. */

import type { FastifyInstance } from 'fastify';

const tables = new WeakMap<FastifyInstance, RouteTable>();

export class RouteTable {
  readonly #routes: { segments: readonly string[]; method: string }[] = [];

  /** Listens to the routes that are registered from now on. */
  constructor(app: FastifyInstance) {
    tables.set(app, this);
    app.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) this.#routes.push({ segments: segmentsOf(url), method: one });
    });
  }

  /** All of them, as they were registered. */
  all(): { method: string; url: string }[] {
    return this.#routes.map(({ segments, method }) => ({ method, url: `/${segments.join('/')}` }));
  }

  methodsAt(path: string): string[] {
    const asked = segmentsOf(path);
    const fitting = this.#routes.filter(
      ({ segments }) =>
        segments.length === asked.length && segments.every((name, i) => name.startsWith(':') || name === asked[i]),
    );
    return [...new Set(fitting.map((route) => route.method))].sort();
  }
}

/** The table that an app was made with. */
export const routeTableOf = (app: FastifyInstance): RouteTable | undefined => tables.get(app);

const segmentsOf = (path: string): string[] => path.split('/').filter((segment) => segment !== '');
