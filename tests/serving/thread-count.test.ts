import { expect, test } from 'vitest';
import { ThreadCount } from '../../src/serving/thread-count.ts';

/** An evaluation of 100 ms whose threads got this share of their time. */
const got = (threads: number, share: number) => ({ threads, processorMs: 100 * threads * share, clockMs: 100 });

test('prompts get every thread, single tokens leave one core to the others', () => {
  const threads = new ThreadCount(4);
  expect(threads.forPrompts(0)).toBe(4);
  expect(threads.forTokens()).toBe(3);
  expect(new ThreadCount(1).forTokens()).toBe(1);
});

test('threads that had to wait for a core become fewer, one at a time, and never none', () => {
  const threads = new ThreadCount(3);
  threads.judge(got(3, 0.6), 0);
  expect([threads.forPrompts(1), threads.forTokens()]).toEqual([2, 2]);
  threads.judge(got(2, 0.6), 1);
  threads.judge(got(1, 0.3), 2);
  expect([threads.forPrompts(3), threads.forTokens()]).toEqual([1, 1]);
});

test('after a pause one more thread is tried, and stays when it fares well', () => {
  const threads = new ThreadCount(2);
  threads.judge(got(2, 0.5), 0);
  expect(threads.forPrompts(1999)).toBe(1);
  expect(threads.forPrompts(2000)).toBe(2);
  threads.judge(got(2, 0.99), 2100);
  expect(threads.forPrompts(2101)).toBe(2);
});

test('a try that fails makes the next pause longer', () => {
  const threads = new ThreadCount(2);
  threads.judge(got(2, 0.5), 0);
  threads.judge(got(2, 0.5), 2000);
  expect(threads.forPrompts(5999)).toBe(1);
  expect(threads.forPrompts(6000)).toBe(2);
});

test('evaluations too short to tell, and those with more threads than are allowed by now, teach nothing', () => {
  const threads = new ThreadCount(2);
  threads.judge({ threads: 2, processorMs: 1, clockMs: 3 }, 0);
  expect(threads.forPrompts(1)).toBe(2);
  threads.setMax(1);
  threads.judge(got(2, 1), 1);
  expect(threads.forPrompts(2)).toBe(1);
});
