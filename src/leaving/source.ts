/**
 * The platform that is left: the user's own key, the official SDK, patience with limits.
 *
 * The key is never written: what a server says about it is redacted before it reaches a file, a log or a screen.
 */

import OpenAI, { APIConnectionError, APIError } from 'openai';
import { invalid, TunesmithError } from '../domain/errors.ts';
import { politeFetch, type Polite, type PoliteOptions } from './polite.ts';

export const officialUrl = 'https://api.openai.com/v1';

export interface Source {
  readonly openai: OpenAI;
  readonly baseUrl: string;
  readonly polite: Polite;
  readonly redact: (text: string) => string;
}

export interface SourceOptions extends PoliteOptions {
  readonly key: string;
  /** As `cleanBaseUrl` gives it. */
  readonly baseUrl: string;
}

export function openSource({ key, baseUrl, ...patience }: SourceOptions): Source {
  const polite = politeFetch(patience);
  // The SDK's own limit covers waits and all attempts; ours is for each answer.
  const openai = new OpenAI({
    baseURL: baseUrl,
    apiKey: key,
    fetch: polite.fetch,
    maxRetries: 0,
    timeout: 6 * 3_600_000,
  });
  const redact = (text: string): string => text.replaceAll(key, '(key)').replaceAll(/\bsk-[\w*-]{6,}/g, '(key)');
  return { openai, baseUrl, polite, redact };
}

/** Without what does not name a place: a slash at the end, a fragment; a name and password are refused. */
export function cleanBaseUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw invalid('base_url', `The base URL is "${text}"; something like ${officialUrl} was expected.`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw invalid(
      'base_url',
      'The base URL holds a name and password; they would end up in the manifest. Leave them away.',
    );
  url.hash = '';
  url.search = '';
  return url.href.replace(/\/+$/, '');
}

/** What went wrong over there as an error of ours, in words that name the place and never the key. */
export function explained(error: unknown, { baseUrl, redact }: Source): unknown {
  const refusal = [error, (error as { cause?: unknown }).cause].find((each) => each instanceof TunesmithError);
  if (refusal !== undefined) return refusal.code === 'address_refused' ? addressRefused(baseUrl) : refusal;
  if (error instanceof APIConnectionError) {
    const message = `${baseUrl} cannot be reached: ${redact(reasonOf(error))}.`;
    return new TunesmithError('internal', message, { code: 'connection_failed', param: 'base_url' });
  }
  if (!(error instanceof APIError)) return error;
  const code = error.code ?? `http_${error.status}`;
  const param = error.status === 401 ? 'api_key' : null;
  return new TunesmithError('internal', `${baseUrl} answered: ${redact(error.message)}`, { code, param });
}

const addressRefused = (baseUrl: string): TunesmithError =>
  new TunesmithError(
    'forbidden',
    `${baseUrl} is an address of this machine or its network, and is not asked for data unless the operator names its host in TUNESMITH_EVAL_HOSTS.`,
    { code: 'address_refused', param: 'base_url' },
  );

/** The innermost cause has the words. */
function reasonOf(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  const { code, message } = inner as { code?: string; message?: string };
  return code === 'ENOTFOUND' ? 'there is no such host' : (message ?? String(inner));
}
