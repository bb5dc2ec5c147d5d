/**
 * The dashboard: a page at `/` and at every address that is one of its own, and the files that it is made of.
 *
 * It is a program in the browser that uses the API as any program does; nothing about it is known here but where its
 * files lie. Its policy lets in what comes from this server and nothing else, no script and no style in the page but
 * those that carry the nonce of this answer, and no other page may frame it.
 */

import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a build of `web/` lies: beside the compiled server, or in the checkout's `dist`. */
const builds = [join(import.meta.dirname, '../web'), join(import.meta.dirname, '../../dist/web')];

/** What the build wrote wherever a nonce belongs (`web/vite.config.ts`). */
const placeholder = /TUNESMITH_NONCE/g;

/** First segments of the dashboard's addresses (`web/src/routes.tsx`). */
const areas = ['files', 'jobs', 'models', 'playground', 'evaluations', 'leaving', 'settings'];

const yearSeconds = 365 * 24 * 3600;

export function dashboardRoutes(app: FastifyInstance): void {
  app.register(async (pages) => {
    const folder = builds.find((each) => existsSync(join(each, 'index.html'))) ?? builds[1]!;
    // The names of these files change with what is in them.
    await pages.register(fastifyStatic, {
      root: join(folder, 'assets'),
      prefix: '/assets/',
      preCompressed: true,
      index: false,
      immutable: true,
      maxAge: yearSeconds * 1000,
      setHeaders: (reply) => void reply.setHeader('x-content-type-options', 'nosniff'),
    });
    const show = async (_request: unknown, reply: FastifyReply): Promise<FastifyReply> => {
      const nonce = randomBytes(18).toString('base64');
      return reply.headers(headersOf(nonce)).send(await pageOf(folder, nonce));
    };
    pages.get('/', show);
    for (const area of areas) {
      pages.get(`/${area}`, show);
      pages.get(`/${area}/*`, show);
    }
  });
}

async function pageOf(folder: string, nonce: string): Promise<string> {
  try {
    return (await readFile(join(folder, 'index.html'), 'utf8')).replace(placeholder, nonce);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return notBuilt;
  }
}

const notBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tunesmith</title>
<h1>The dashboard is not built</h1>
<p>The API works. To have the dashboard too, run this in the checkout and load the page again:</p>
<pre>npm run build</pre></html>
`;

function headersOf(nonce: string): Record<string, string> {
  const policy = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': `'self' 'nonce-${nonce}'`,
    'img-src': "'self' blob:",
    'font-src': "'self'",
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  };
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': Object.entries(policy)
      .map(([name, value]) => `${name} ${value}`)
      .join('; '),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
  };
}
