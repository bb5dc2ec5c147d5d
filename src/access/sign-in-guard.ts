/**
 * Slows down whoever tries keys one after the other: five wrong ones are forgiven at once, then one each ten seconds,
 * counted by address. Kept in memory; old counts are dropped, so strangers cannot fill it.
 */

import { TunesmithError } from '../domain/errors.ts';

const triesAtOnce = 5;
const refillMs = 10_000;
const addressesMax = 10_000;

export class SignInGuard {
  /** Tries that are left, and when they were counted. */
  readonly #tries = new Map<string, { left: number; atMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Throws when too many wrong keys came from the address, whether or not the next one is right. */
  admit(address: string): void {
    const left = this.#left(address);
    if (left >= 1) return;
    const retryAfterMs = Math.ceil((1 - left) * refillMs);
    throw new TunesmithError(
      'rate_limited',
      `Too many wrong keys were tried. Please try again in ${Math.ceil(retryAfterMs / 1000)}s.`,
      { code: 'rate_limit_exceeded', retryAfterMs },
    );
  }

  wrong(address: string): void {
    const left = this.#left(address) - 1;
    this.#tries.delete(address); // so that the oldest stands first
    this.#tries.set(address, { left, atMs: this.#now() });
    if (this.#tries.size > addressesMax) this.#tries.delete(this.#tries.keys().next().value!);
  }

  #left(address: string): number {
    const known = this.#tries.get(address);
    if (known === undefined) return triesAtOnce;
    return Math.min(triesAtOnce, known.left + (this.#now() - known.atMs) / refillMs);
  }
}
