/**
 * Who may use the API.
 *
 * With keys configured: whoever sends one of them, from anywhere. Without: whoever is on this machine, and any key or
 * none will do. OpenAI can say `Access-Control-Allow-Origin: *` because a web page does not know your key; where any
 * key will do, that would hand the API to every page the user visits. So without keys we refuse requests that a
 * browser sends for a page from elsewhere (they carry its `Origin`), and those that reached loopback under a
 * foreign name (DNS rebinding: no `Origin`, but the `Host` of the attacker). Everybody else is answered with the `*`.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { TunesmithError } from '../domain/errors.ts';

/** Throws unless the request's headers show one of the keys, or none are needed. */
export function checkKey(headers: IncomingHttpHeaders, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const sent = sentKey(headers);
  if (sent === null)
    throw new TunesmithError(
      'unauthorized',
      "You didn't provide an API key. Send it in the Authorization header, as in: Authorization: Bearer YOUR_KEY.",
    );
  // No early end: the time taken tells nothing about how many keys there are or how far one matched.
  const matches = keys.filter((key) => timingSafeEqual(digest(key), digest(sent)));
  if (matches.length === 0)
    throw new TunesmithError(
      'unauthorized',
      `Incorrect API key provided: ${masked(sent)}. Expected one of the keys in this server's TUNESMITH_API_KEYS.`,
      { code: 'invalid_api_key' },
    );
}

/** Throws when a web page from elsewhere is behind the request; see the head of this file. */
export function checkOrigin(headers: IncomingHttpHeaders, keys: readonly string[]): void {
  if (keys.length > 0) return;
  const strangers = { Origin: headers.origin, Host: headers.host && `http://${headers.host}` };
  for (const [name, url] of Object.entries(strangers))
    if (url !== undefined && !isLoopback(hostnameOf(url)))
      throw new TunesmithError(
        'forbidden',
        `The ${name} of this request is ${url.replace('http://', '')}. Without API keys this server answers only programs and pages of this machine. To use it from elsewhere, start it with TUNESMITH_API_KEYS.`,
        { code: 'foreign_origin' },
      );
}

/** Names and addresses that never leave this machine. */
export function isLoopback(host: string | null): boolean {
  if (host === null) return false;
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** `Authorization: Bearer …`, or `api-key: …` as Azure's clients send it. */
function sentKey(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer\s+(\S.*)$/i.exec(headers.authorization?.trim() ?? '')?.[1];
  const key = bearer ?? headers['api-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}

const digest = (key: string): Buffer => createHash('sha256').update(key).digest();

const masked = (key: string): string => (key.length < 12 ? '***' : `${key.slice(0, 5)}***${key.slice(-2)}`);

function hostnameOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).hostname : null;
}
