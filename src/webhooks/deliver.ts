/**
 * One attempt to deliver an event, signed as the Standard Webhooks say and OpenAI's SDKs verify:
 *
 *   webhook-id         the same at every attempt, so that a receiver can tell a repetition
 *   webhook-timestamp  of this attempt; receivers refuse old ones
 *   webhook-signature  v1,<base64 of HMAC-SHA256 over "id.timestamp.body">, keyed with the bytes behind whsec_
 *
 * Any 2xx is a delivery. Redirects are not followed: the secret's holder is whoever was named.
 */

import { createHmac } from 'node:crypto';
import { guardedFetch } from '../outbound/guarded-fetch.ts';

/** Hosts (`name:port`, as in the URL) that may be internal, or true for all. */
export type AllowedHosts = true | readonly string[];

export interface Message {
  readonly id: string;
  readonly url: string;
  readonly secret: string;
  readonly body: string;
}

const timeoutMs = 15_000;

/** Null when it was taken, else why not. */
export async function deliver(message: Message, allowed: AllowedHosts, signal: AbortSignal): Promise<string | null> {
  const { url, body } = message;
  try {
    const { status } = await guardedFetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'Tunesmith', ...signedHeaders(message) },
      body,
      allowInternal: allowed,
      redirectsMax: 0,
      timeoutMs,
      bytesMax: 2 ** 16,
      signal,
    });
    return status >= 200 && status < 300 ? null : `It answered ${status}; expected 2xx.`;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error.message : String(error);
  }
}

function signedHeaders({ id, secret, body }: Message): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
