/** `/openapi.json` and `/docs`: what this server can do, for programs and for people. */

import type { FastifyInstance } from 'fastify';
import { openApiDocument } from '../openapi/document.ts';
import { documentPage, pagePolicy } from '../openapi/page.ts';
import type { RouteTable } from '../route-table.ts';

/** Made when asked for, since routes are still being registered now. */
export function openApiRoutes(app: FastifyInstance, table: RouteTable): void {
  app.get('/openapi.json', async () => openApiDocument(table.all()));
  app.get('/docs', async (_request, reply) =>
    reply
      .headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy })
      .send(documentPage(openApiDocument(table.all()))),
  );
}
