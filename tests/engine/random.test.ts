import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Random, threefry } from '../../src/engine/random.ts';

test('Threefry gives the known answers of its paper’s test vectors', () => {
  const ones = 0xffffffff;
  expect(threefry([0, 0], [0, 0])).toEqual([0x6b200159, 0x99ba4efe]);
  expect(threefry([ones, ones], [ones, ones])).toEqual([0x1cb996fc, 0xbb002be7]);
  expect(threefry([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3])).toEqual([0xc4923a9c, 0x483df7a0]);
});

test('a generator restored from its state continues where it was', () => {
  const random = Random.fromSeed(42).split(3);
  for (let i = 0; i < 5; i++) random.uint32();
  const restored = Random.fromState(JSON.parse(JSON.stringify(random.state)) as typeof random.state);
  for (let i = 0; i < 10; i++) expect(restored.uint32()).toBe(random.uint32());
});

test('splitting does not advance, and names and seeds give different streams', () => {
  const random = Random.fromSeed(1);
  const before = random.state;
  const first = Array.from({ length: 4 }, () => random.split(1).uint32());
  expect(new Set(first).size).toBe(1);
  expect(random.state).toEqual(before);
  const draws = [0, 1, 2 ** 32, 2 ** 33].flatMap((seed) =>
    [0, 1, 2].map((name) => Random.fromSeed(seed).split(name).uint32()),
  );
  expect(new Set(draws).size).toBe(draws.length);
});

test('a permutation holds every number once and looks shuffled', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(), (length, seed) => {
      const order = Random.fromSeed(seed).permutation(length);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
    }),
  );
  // Each of the 6 orders of 3 things should come 1000 times of 6000; 5 sigma of sqrt(6000 x 1/6 x 5/6) = 29 is 145.
  const counts = new Map<string, number>();
  const random = Random.fromSeed(9);
  for (let i = 0; i < 6000; i++) {
    const order = random.permutation(3).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(145);
});
