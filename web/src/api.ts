/**
 * The one way to the server: the official SDK, as any program of the user's would have it.
 *
 * Who is asking is said by the session's cookie, which scripts cannot read, so no key is kept in the browser. What
 * OpenAI's API does not have lies below `/v1` too, and is reached with `openai.get`, `openai.post`, `openai.delete`.
 */

import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from 'openai';

export const openai = new OpenAI({
  baseURL: `${location.origin}/v1`,
  apiKey: 'the-cookie-says-it',
  defaultHeaders: { Authorization: null },
  dangerouslyAllowBrowser: true,
  // The SDK looks here for the class of answers; without it it fetches `data:,` to see one, which our policy forbids.
  fetch: Object.assign((...asked: Parameters<typeof fetch>) => fetch(...asked), { Response }),
  // Lists are asked for again every second anyway, and a person sees sooner what is wrong.
  maxRetries: 0,
});

/** In a sentence, for people. */
export function sentenceOf(error: unknown): string {
  if (error instanceof APIUserAbortError) return 'Stopped.';
  if (error instanceof APIConnectionError) return 'The server does not answer. Is `tunesmith serve` running?';
  // The SDK puts the status before the server's sentence.
  if (error instanceof APIError) return error.message.replace(/^\d{3} /, '');
  return error instanceof Error ? error.message : String(error);
}

/** The field of the request that an error is about, if it is about one. */
export const fieldOf = (error: unknown): string | null => (error instanceof APIError ? (error.param ?? null) : null);

export const isLockedOut = (error: unknown): boolean => error instanceof APIError && error.status === 401;
export const isMissing = (error: unknown): boolean => error instanceof APIError && error.status === 404;
export const isUnreachable = (error: unknown): boolean => error instanceof APIConnectionError;

/** What a page of any of OpenAI's lists looks like on the wire. */
export interface ListOf<Item> {
  readonly object: 'list';
  readonly data: readonly Item[];
  readonly has_more: boolean;
}
