/** `/reports/:run`: where the `report_url` of a run leads. Its key is in the address, and is good for that page only. */

import type { FastifyInstance } from 'fastify';
import { notFound } from '../../domain/errors.ts';
import { reportPage } from '../../evals/api/report.ts';
import type { House } from '../../house.ts';
import { pagePolicy } from '../openapi/page.ts';

type ByRun = { Params: { run: string }; Querystring: { key?: string | string[] } };

export function reportRoutes(app: FastifyInstance, { database }: House): void {
  app.get<ByRun>('/reports/:run', async (request, reply) => {
    const { key } = request.query;
    const page = typeof key === 'string' ? await reportPage(database, request.params.run, key) : null;
    if (page === null) throw notFound(null, 'There is no such report. Take its address from the run: report_url.');
    return reply
      .headers({
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': pagePolicy,
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
      .send(page);
  });
}
