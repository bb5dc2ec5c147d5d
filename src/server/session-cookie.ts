/**
 * The cookie of a browser that has signed in, and who may use it.
 *
 * Scripts cannot read it and other sites' pages do not send it. Browsers count every port and subdomain of a host as
 * the same site, though, and so would pages of other programs on this machine be let in: so the cookie counts only
 * where the browser says that the request comes from a page of this very server. Browsers say it in `Sec-Fetch-Site`;
 * those that leave it out (it needs https or localhost) say it by `Origin`, or by a header of the SDK's, which a page
 * from elsewhere cannot add without asking first.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { sessionSeconds } from '../access/sessions.ts';
import { TunesmithError } from '../domain/errors.ts';

const name = 'tunesmith_session';

export function sessionToken({ cookie }: IncomingHttpHeaders): string | null {
  return new RegExp(`(?:^|;\\s*)${name}=([\\w-]{20,})(?:;|$)`).exec(cookie ?? '')?.[1] ?? null;
}

/** A page that was fetched by https must not send it in the open. */
export const cookieWith = (token: string, headers: IncomingHttpHeaders): string =>
  `${name}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${sessionSeconds}${secure(headers)}`;

export const cookieWithout = (headers: IncomingHttpHeaders): string =>
  `${name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0${secure(headers)}`;

const secure = ({ origin }: IncomingHttpHeaders): string => (origin?.startsWith('https://') === true ? '; Secure' : '');

/** Throws unless a page of this server is behind the request. */
export function assertOwnPage(headers: IncomingHttpHeaders): void {
  if (isOwnPage(headers)) return;
  throw new TunesmithError(
    'forbidden',
    'This request came with the cookie of a browser that has signed in, but not from a page of this server. Pages and programs elsewhere send a key in the Authorization header instead.',
    { code: 'foreign_origin' },
  );
}

function isOwnPage(headers: IncomingHttpHeaders): boolean {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  if (origin !== undefined) return URL.canParse(origin) && new URL(origin).host === host;
  return headers['x-stainless-lang'] !== undefined;
}
