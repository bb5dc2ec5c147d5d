/**
 * What a host allows robots, asked once (RFC 9309): without a robots.txt everything, with one that cannot be had
 * now nothing.
 */

import robotsParser from 'robots-parser';
import { TunesmithError } from '../domain/errors.ts';
import { guardedFetch } from '../outbound/guarded-fetch.ts';

export interface Permission {
  readonly allowed: boolean;
  /** Why not. */
  readonly reason: string;
  /** The host's own wish for a pause between requests. */
  readonly delayMs: number;
}

export interface RobotsOptions {
  readonly userAgent: string;
  readonly allowInternal: boolean;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Its types describe an ES module; what Node imports is the function itself. */
const parseRobots = robotsParser as unknown as typeof robotsParser.default;

type Rules = (url: string) => Permission;

/** The part of the file that counts; more need not be read. */
const bytesMax = 512 << 10;

export class Robots {
  readonly #options: RobotsOptions;
  /** By origin. */
  readonly #rules = new Map<string, Promise<Rules>>();

  constructor(options: RobotsOptions) {
    this.#options = options;
  }

  async permission(url: URL): Promise<Permission> {
    let rules = this.#rules.get(url.origin);
    if (rules === undefined) {
      rules = this.#ask(url.origin);
      this.#rules.set(url.origin, rules);
    }
    return (await rules)(url.href);
  }

  async #ask(origin: string): Promise<Rules> {
    const { userAgent, ...options } = this.#options;
    const address = `${origin}/robots.txt`;
    try {
      const answer = await guardedFetch(address, { ...options, headers: { 'user-agent': userAgent }, bytesMax });
      if (answer.status >= 500 || answer.status === 429) return refuse(`${address} answers ${answer.status}`);
      if (answer.status !== 200) return allow;
      const robots = parseRobots(address, answer.body.toString('utf8'));
      const delayMs = (robots.getCrawlDelay(userAgent) ?? 0) * 1000;
      return (url) => {
        const line = robots.getMatchingLineNumber(url, userAgent);
        const reason = `robots.txt forbids it${line > 0 ? ` (line ${line})` : ''}`;
        return { allowed: robots.isAllowed(url, userAgent) !== false, reason, delayMs };
      };
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof TunesmithError && error.code === 'too_large') return refuse(error.message);
      throw error;
    }
  }
}

const allow: Rules = () => ({ allowed: true, reason: '', delayMs: 0 });
const refuse =
  (reason: string): Rules =>
  () => ({ allowed: false, reason, delayMs: 0 });
