/** The pages that a list names: a text file with a URL per line, or a sitemap with sitemaps in it. */

import { readFile, stat } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { invalid } from '../domain/errors.ts';
import { guardedFetch, type OutboundRequest } from '../outbound/guarded-fetch.ts';

const bytesMax = 50 << 20;
const urlsMax = 500_000;
/** A sitemap of sitemaps of sitemaps is the end. */
const depthMax = 3;

/** `from` is the URL of a sitemap or page list, or the path of a local file with one of them in it. */
export async function listedUrls(from: string, request: OutboundRequest): Promise<string[]> {
  const urls = new Set<string>();
  const text = /^https?:/i.test(from) ? await fetchList(from, request) : await readList(from);
  await addUrls(from, text, urls, request, 1);
  if (urls.size === 0)
    throw invalid(null, `${from} lists no page; a URL per line or a sitemap was expected.`, 'no_urls');
  return [...urls];
}

async function addUrls(
  from: string,
  text: string,
  urls: Set<string>,
  request: OutboundRequest,
  depth: number,
): Promise<void> {
  const isSitemap = /^\s*(?:\uFEFF)?<(?:\?xml|!--|urlset|sitemapindex)/i.test(text);
  const found = isSitemap ? locationsIn(text) : linesOf(from, text);
  const isIndex = isSitemap && /<sitemapindex[\s>]/i.test(text);
  for (const url of found) {
    if (!isIndex) urls.add(url.trim());
    else if (depth < depthMax) await addUrls(url, await fetchList(url, request), urls, request, depth + 1);
    if (urls.size > urlsMax) throw invalid(null, `${from} lists more than ${urlsMax} pages.`, 'too_many_urls');
  }
}

/** What stands in the `<loc>` elements. */
function locationsIn(text: string): string[] {
  const locations: string[] = [];
  for (let at = text.indexOf('<loc>'); at >= 0;) {
    const end = text.indexOf('</loc>', at);
    if (end < 0) break;
    const inside = text.slice(at + 5, end).trim();
    locations.push(decodeEntities(/^<!\[CDATA\[([^]*)\]\]>$/.exec(inside)?.[1] ?? inside));
    at = text.indexOf('<loc>', end);
  }
  return locations;
}

function linesOf(from: string, text: string): string[] {
  return text.split('\n').flatMap((line, i) => {
    const url = line.replace(/^\uFEFF/, '').trim();
    if (url === '' || url.startsWith('#')) return [];
    if (!URL.canParse(url) || !/^https?:/i.test(url))
      throw invalid(null, `${from}, line ${i + 1}: "${url.slice(0, 100)}" is not a URL of a page.`, 'not_a_url');
    return [url];
  });
}

const decodeEntities = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');

async function fetchList(url: string, request: OutboundRequest): Promise<string> {
  const { status, body } = await guardedFetch(url, { ...request, bytesMax });
  if (status !== 200)
    throw invalid(null, `${url} answers ${status}; a sitemap or a list of URLs was expected.`, 'no_urls');
  return unzipped(url, body);
}

async function readList(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > bytesMax) throw invalid(null, `${path} is larger than ${bytesMax >> 20} MB.`, 'too_large');
  return unzipped(path, await readFile(path));
}

/** Sitemaps are often stored with gzip. */
function unzipped(from: string, body: Buffer): string {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return body.toString('utf8');
  try {
    return gunzipSync(body, { maxOutputLength: bytesMax }).toString('utf8');
  } catch (error) {
    throw invalid(null, `${from} cannot be unpacked (${(error as Error).message}).`, 'too_large');
  }
}
