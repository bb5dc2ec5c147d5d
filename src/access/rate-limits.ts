/**
 * How much each key may use per minute: requests and tokens.
 *
 * A bucket per key and kind fills steadily and holds a minute's worth, so a key may use all of it at once and then
 * waits for the refill. A request costs one when it comes in; tokens cost what they really were when they are
 * counted, so a bucket can go below nothing, and nobody is let in before it is above again. Kept in memory:
 * a restart forgives.
 */

import { TunesmithError } from '../domain/errors.ts';
import type { Access } from './keyring.ts';

/** Null for as many as come. */
export interface Limits {
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
}

/** How a bucket stands. */
export interface Gauge {
  readonly limit: number;
  readonly remaining: number;
  /** Until it is full. */
  readonly resetMs: number;
}

export interface Standing {
  readonly requests: Gauge | null;
  readonly tokens: Gauge | null;
}

const minuteMs = 60_000;

export class RateLimits {
  readonly #buckets = new Map<string, { limits: Limits; requests: Bucket | null; tokens: Bucket | null }>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Counts one request of this key, or throws when its requests or tokens are used up. */
  admit(access: Access): void {
    const { requests, tokens } = this.#of(access);
    const now = this.#now();
    if (requests !== null && requests.level(now) < 1) throw usedUp('requests', requests, now);
    if (tokens !== null && tokens.level(now) <= 0) throw usedUp('tokens', tokens, now);
    requests?.take(1, now);
  }

  /** Counts tokens that an answer has cost. */
  spend(access: Access, tokens: number): void {
    this.#of(access).tokens?.take(tokens, this.#now());
  }

  /** What is left; null for what has no limit. */
  standing(access: Access): Standing {
    const { requests, tokens } = this.#of(access);
    const now = this.#now();
    return { requests: requests?.gauge(now) ?? null, tokens: tokens?.gauge(now) ?? null };
  }

  #of({ key, limits }: Access): { requests: Bucket | null; tokens: Bucket | null } {
    if (key === null || limits === undefined) return { requests: null, tokens: null };
    const known = this.#buckets.get(key);
    if (known !== undefined && isSame(known.limits, limits)) return known;
    const bucketOf = (limit: number | null) => (limit === null ? null : new Bucket(limit, this.#now()));
    const { requestsPerMinute, tokensPerMinute } = limits;
    const buckets = { limits, requests: bucketOf(requestsPerMinute), tokens: bucketOf(tokensPerMinute) };
    this.#buckets.set(key, buckets);
    return buckets;
  }
}

/** The operator may change them; a key then begins with a full bucket. */
const isSame = (a: Limits, b: Limits): boolean =>
  a.requestsPerMinute === b.requestsPerMinute && a.tokensPerMinute === b.tokensPerMinute;

class Bucket {
  readonly limit: number;
  #level: number;
  #atMs: number;

  constructor(limit: number, nowMs: number) {
    this.limit = limit;
    this.#level = limit;
    this.#atMs = nowMs;
  }

  level(nowMs: number): number {
    this.#level = Math.min(this.limit, this.#level + ((nowMs - this.#atMs) * this.limit) / minuteMs);
    this.#atMs = nowMs;
    return this.#level;
  }

  take(count: number, nowMs: number): void {
    this.#level = this.level(nowMs) - count;
  }

  /** How long until it holds `wanted`; never for one that holds nothing at all. */
  msUntil(wanted: number, nowMs: number): number {
    return Math.max(0, ((wanted - this.level(nowMs)) * minuteMs) / this.limit);
  }

  gauge(nowMs: number): Gauge {
    const remaining = Math.max(0, Math.floor(this.level(nowMs)));
    return { limit: this.limit, remaining, resetMs: Math.ceil(this.msUntil(this.limit, nowMs)) };
  }
}

const kinds = {
  requests: { kind: 'rate_limited', words: 'requests per min (RPM)' },
  tokens: { kind: 'tokens_used_up', words: 'tokens per min (TPM)' },
} as const;

function usedUp(what: keyof typeof kinds, bucket: Bucket, nowMs: number): TunesmithError {
  const { kind, words } = kinds[what];
  const used = bucket.limit - Math.floor(bucket.level(nowMs));
  const retryAfterMs = Math.max(1, Math.ceil(bucket.msUntil(1, nowMs)));
  return new TunesmithError(
    kind,
    `Rate limit reached for this key on ${words}: Limit ${bucket.limit}, Used ${used}. Please try again in ${(retryAfterMs / 1000).toFixed(3)}s.`,
    { code: 'rate_limit_exceeded', retryAfterMs },
  );
}
