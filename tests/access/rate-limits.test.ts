import { expect, test } from 'vitest';
import type { Access } from '../../src/access/keyring.ts';
import { type Limits, RateLimits } from '../../src/access/rate-limits.ts';
import { duration } from '../../src/server/rate-limit.ts';

const key = (id: string, limits: Partial<Limits>): Access => ({
  project: 'p',
  key: id,
  limits: { requestsPerMinute: null, tokensPerMinute: null, ...limits },
});

/** Limits with a clock that a test moves. */
function limitsAt(start = 0): { limits: RateLimits; wait: (ms: number) => void } {
  let now = start;
  return { limits: new RateLimits(() => now), wait: (ms) => void (now += ms) };
}

test('a minute’s worth of requests may come at once, and the next one when one is refilled', () => {
  const { limits, wait } = limitsAt();
  const three = key('a', { requestsPerMinute: 3 });
  for (let i = 0; i < 3; i++) limits.admit(three);
  expect(() => limits.admit(three)).toThrow('requests per min (RPM): Limit 3, Used 3. Please try again in 20.000s.');
  wait(19_999);
  expect(() => limits.admit(three)).toThrow('RPM');
  wait(1);
  limits.admit(three);
  expect(limits.standing(three)).toEqual({ requests: { limit: 3, remaining: 0, resetMs: 60_000 }, tokens: null });
  wait(60_000);
  expect(limits.standing(three).requests).toEqual({ limit: 3, remaining: 3, resetMs: 0 });
});

test('tokens are counted when they are known, and who has used too many waits until some are there again', () => {
  const { limits, wait } = limitsAt();
  const some = key('a', { tokensPerMinute: 600 });
  limits.admit(some);
  limits.spend(some, 1000); // 400 too many: 40 s at 10 a second
  expect(limits.standing(some).tokens).toEqual({ limit: 600, remaining: 0, resetMs: 100_000 });
  expect(() => limits.admit(some)).toThrow(
    expect.objectContaining({ kind: 'tokens_used_up', code: 'rate_limit_exceeded', retryAfterMs: 40_100 }),
  );
  wait(40_100);
  limits.admit(some);
});

test('keys do not use up each other’s share, and one without limits is never refused', () => {
  const { limits } = limitsAt();
  const [one, other, free] = [key('a', { requestsPerMinute: 1 }), key('b', { requestsPerMinute: 1 }), key('c', {})];
  limits.admit(one);
  limits.admit(other);
  expect(() => limits.admit(one)).toThrow('RPM');
  for (let i = 0; i < 100; i++) limits.admit(free);
  limits.spend(free, 1e9);
  expect(limits.standing(free)).toEqual({ requests: null, tokens: null });
});

test.each([
  [0, '0ms'],
  [17, '17ms'],
  [1000, '1s'],
  [1001, '2s'],
  [59_500, '1m0s'],
  [360_000, '6m0s'],
])('a duration of %i ms is written %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
