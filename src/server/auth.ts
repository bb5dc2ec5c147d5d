/**
 * Who may use the API.
 *
 * With keys: whoever sends one of them, from anywhere. Without: whoever is on this machine, and any key or none will
 * do. Since a browser sends requests for every page its user visits, requests that show where they come from are
 * looked at too. Without keys those are refused that reached loopback under a foreign name (DNS rebinding: the `Host`
 * is the attacker's). With or without, a page's `Origin` must be this server itself or one the operator has named;
 * where no key is needed, pages of this machine will do. And unless an origin was named, no answer may be read by a
 * page from elsewhere (CORS is off). A browser that has signed in sends a cookie instead of a key
 * (`session-cookie.ts`).
 */

import type { IncomingHttpHeaders } from 'node:http';
import type { Access, Door } from '../access/keyring.ts';
import type { Sessions } from '../access/sessions.ts';
import { TunesmithError } from '../domain/errors.ts';
import { assertOwnPage, sessionToken } from './session-cookie.ts';

/**
 * What the request's key opens, or that of the browser's session; throws when it has none, or none that fits. A key
 * that is sent counts before a cookie.
 */
export async function openDoor(headers: IncomingHttpHeaders, door: Door, sessions: Sessions): Promise<Access> {
  const sent = sentKey(headers);
  const access = door.accessWith(sent);
  if (access !== null) return access;
  const token = sent === null ? sessionToken(headers) : null;
  if (token !== null) return await accessOfSession(token, headers, door, sessions);
  if (sent === null)
    throw new TunesmithError(
      'unauthorized',
      "You didn't provide an API key. Send it in the Authorization header, as in: Authorization: Bearer YOUR_KEY.",
    );
  throw new TunesmithError(
    'unauthorized',
    `Incorrect API key provided: ${masked(sent)}. Expected one that was made with: tunesmith keys create (or one of TUNESMITH_API_KEYS).`,
    { code: 'invalid_api_key' },
  );
}

async function accessOfSession(
  token: string,
  headers: IncomingHttpHeaders,
  door: Door,
  sessions: Sessions,
): Promise<Access> {
  assertOwnPage(headers);
  const session = await sessions.find(token);
  const known = session === null ? null : door.keyById(session.keyId);
  if (known !== null) return known.access;
  throw new TunesmithError('unauthorized', 'You are signed out: the session has ended, or its key was revoked.', {
    code: 'session_ended',
  });
}

/** Throws when a web page from elsewhere is behind the request; see the head of this file. */
export function checkOrigin(headers: IncomingHttpHeaders, { locked }: Door, named: readonly string[]): void {
  const { host, origin } = headers;
  if (!locked && host !== undefined && !isLoopback(hostnameOf(`http://${host}`)))
    throw stranger('Host', host, 'To use it from elsewhere, make a key: tunesmith keys create.');
  if (origin === undefined || isNamed(origin, locked, named)) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  if (!locked && isLoopback(hostnameOf(origin))) return;
  throw stranger('Origin', origin, 'To let its pages in, name it in TUNESMITH_CORS_ORIGINS.');
}

/**
 * Throws for what a page from elsewhere embeds (an image, a script), of which browsers tell no origin. Links to the
 * dashboard are another matter, so this is asked of the API only.
 */
export function checkSite(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site'];
  if (headers.origin === undefined && site === 'cross-site')
    throw stranger('Sec-Fetch-Site', site, 'Other pages cannot embed what it answers.');
}

/** What lets a page of the request's origin read the answer. */
export function corsHeaders(
  { origin }: IncomingHttpHeaders,
  { locked }: Door,
  named: readonly string[],
): Record<string, string> {
  if (origin === undefined || !isNamed(origin, locked, named)) return {};
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': '*' };
}

/** Where any key will do, "all pages" would hand the API to every page the user visits, so `*` needs keys. */
function isNamed(origin: string, locked: boolean, named: readonly string[]): boolean {
  return named.includes(origin) || (locked && named.includes('*'));
}

function stranger(header: string, value: string, advice: string): TunesmithError {
  return new TunesmithError(
    'forbidden',
    `The ${header} of this request is ${value}, which is not known here. This server answers programs, and pages of its own. ${advice}`,
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

export const masked = (key: string): string => (key.length < 12 ? '***' : `${key.slice(0, 5)}***${key.slice(-2)}`);

function hostnameOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).hostname : null;
}
