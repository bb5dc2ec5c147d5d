import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { countTargets, packStep, type MicroBatch } from '../../src/dataset/batch.ts';
import type { EncodedExample } from '../../src/domain/example.ts';

/** A sequence whose tokens tell where they came from: 1000 x sequence + position; the second half is judged. */
const sequence = (index: number, length: number): EncodedExample => ({
  line: index + 1,
  ids: Int32Array.from({ length }, (_, i) => 1000 * (index + 1) + i),
  mask: Uint8Array.from({ length }, (_, i) => (i > 0 && i >= length / 2 ? 1 : 0)),
});

const sequences = (lengths: readonly number[]): EncodedExample[] => lengths.map((length, i) => sequence(i, length));

/** Takes the sequences out of the rows again, by segment. */
function unpack({ rowTokens, ids, positions, segments }: MicroBatch): number[][] {
  const found = new Map<string, number[]>();
  ids.forEach((id, at) => {
    if (segments[at] === 0) return;
    const key = `${Math.floor(at / rowTokens)}/${segments[at]}`;
    const tokens = found.get(key) ?? [];
    expect(positions[at]).toBe(tokens.length);
    found.set(key, [...tokens, id]);
  });
  return [...found.values()];
}

test('every sequence arrives whole, once, within the limits, and weights sum to 1', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 2, max: 200 }), { minLength: 1, maxLength: 24 }),
      fc.integer({ min: 16, max: 512 }),
      fc.integer({ min: 1, max: 3 }),
      (lengths, tokensPerRun, lanes) => {
        const step = sequences(lengths);
        const batches = packStep(step, { tokensPerRun, lanes });
        const unpacked = batches.flatMap(unpack).sort((a, b) => a[0]! - b[0]!);
        expect(unpacked).toEqual(step.map(({ ids }) => [...ids]));
        const weight = batches.reduce((sum, { weights }) => sum + weights.reduce((a, b) => a + b, 0), 0);
        expect(weight).toBeCloseTo(1, 5);
        expect(batches.reduce((sum, { rows }) => sum + rows.length, 0)).toBe(countTargets(step));
        for (const { ids, rowTokens, rows, targets, segments } of batches) {
          expect(ids.length % rowTokens).toBe(0);
          expect(ids.length <= tokensPerRun || ids.length === rowTokens).toBe(true);
          // The judged position is the one right before its target, in the same segment.
          rows.forEach((row, i) => {
            expect(ids[row + 1]).toBe(targets[i]);
            expect(segments[row]).toBe(segments[row + 1]);
          });
        }
      },
    ),
  );
});

test('short examples go into short rows, because attention costs the row’s length', () => {
  const batches = packStep(sequences([60, 60, 60, 60]), { tokensPerRun: 512, lanes: 1 });
  expect(batches.map(({ rowTokens, ids }) => [rowTokens, ids.length])).toEqual([[64, 256]]);
});

test('one long example does not pad the short ones to its length', () => {
  const batches = packStep(sequences([250, 60, 60, 60, 60]), { tokensPerRun: 512, lanes: 1 });
  expect(batches.map(({ rowTokens, ids }) => [rowTokens, ids.length])).toEqual([
    [256, 256],
    [64, 256],
  ]);
});

test('work is dealt evenly over micro-batches that run side by side', () => {
  const even = packStep(sequences([60, 60, 60, 60]), { tokensPerRun: 512, lanes: 2 });
  expect(even.map(({ ids }) => ids.length)).toEqual([128, 128]);
  const uneven = packStep(sequences([160, 40, 40, 40, 40]), { tokensPerRun: 512, lanes: 2 });
  expect(uneven.map(({ ids }) => ids.length)).toEqual([160, 160]);
});

test('the same examples give the same rows', () => {
  const step = sequences([33, 12, 99, 57, 12]);
  const limits = { tokensPerRun: 128, lanes: 2 };
  expect(packStep(step, limits)).toEqual(packStep(step, limits));
});
