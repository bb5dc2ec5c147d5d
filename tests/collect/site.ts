/** A web site on loopback: pages by path, and what was asked when. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Page = string | Buffer | ((request: IncomingMessage, response: ServerResponse) => void);

export interface Site extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  /** May be changed while it runs. */
  readonly pages: Record<string, Page>;
  readonly asked: { readonly path: string; readonly agent: string; readonly startMs: number; endMs: number }[];
}

export async function openSite(pages: Record<string, Page>): Promise<Site> {
  const asked: Site['asked'] = [];
  const server = createServer((request, response) => {
    const entry = { path: request.url!, agent: request.headers['user-agent'] ?? '', startMs: Date.now(), endMs: 0 };
    asked.push(entry);
    response.on('close', () => (entry.endMs = Date.now()));
    const page = pages[request.url!];
    if (page === undefined) response.writeHead(404).end();
    else if (typeof page === 'function') page(request, response);
    else response.writeHead(200, { 'content-type': 'text/html' }).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    pages,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const article = (
  title: string,
  text: string,
): string => `<!doctype html><html><head><title>${title} | Site</title></head><body>
<nav><a href="/">Home</a> <a href="/about">About us</a></nav><div class="cookie-banner">We use cookies.</div>
<article><h1>${title}</h1>${Array(4).fill(`<p>${text}, and this goes on for a while so that it is seen as an article, with commas, too.</p>`).join('')}</article>
<footer>Imprint</footer></body></html>`;
