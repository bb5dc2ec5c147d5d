/** Which methods an address has: a router only knows whether one of them fits, and 405 must name the others. */

import type { FastifyInstance } from 'fastify';

export class RouteTable {
  readonly #routes: { segments: readonly string[]; method: string }[] = [];

  /** Listens to the routes that are registered from now on. */
  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) this.#routes.push({ segments: segmentsOf(url), method: one });
    });
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

const segmentsOf = (path: string): string[] => path.split('/').filter((segment) => segment !== '');
