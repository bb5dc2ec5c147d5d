import { expect, test } from 'vitest';
import { seededRandom, shuffled } from '../src/random.ts';

test('shuffles keep everything, depend on the seed alone, and prefer no order', () => {
  const items = [0, 1, 2];
  expect(shuffled(items, seededRandom(1))).toEqual(shuffled(items, seededRandom(1)));
  const random = seededRandom(3);
  const orders = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = shuffled(items, random).join('');
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  // 6 orders, 1000 each expected; standard deviation √(6000 · 1/6 · 5/6) = 29
  expect(orders.size).toBe(6);
  for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * 29);
});
