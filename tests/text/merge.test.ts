import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { merge, MergeTable } from '../../src/text/merge.ts';

type Rule = readonly [left: number, right: number, rank: number, result: number];

/** The slow, obvious twin: look at all pairs, merge the leftmost of the best, begin again. */
function mergeSlowly(symbols: readonly number[], rules: readonly Rule[]): number[] {
  const out = [...symbols];
  for (;;) {
    let best: Rule | undefined;
    let place = -1;
    for (let i = 0; i + 1 < out.length; i++) {
      const rule = rules.find(([left, right]) => left === out[i] && right === out[i + 1]);
      if (rule !== undefined && (best === undefined || rule[2] < best[2])) {
        best = rule;
        place = i;
      }
    }
    if (best === undefined) return out;
    out.splice(place, 2, best[3]);
  }
}

function tableOf(rules: readonly Rule[]): MergeTable {
  const table = new MergeTable(rules.length);
  for (const rule of rules) table.add(...rule);
  return table;
}

const symbol = fc.nat(5);
const rules = fc.array(fc.tuple(fc.nat(9), fc.nat(9), fc.nat(6), fc.integer({ min: 6, max: 9 })), { maxLength: 25 });

test('merging with a heap gives what merging by looking again and again gives', () => {
  fc.assert(
    fc.property(fc.array(symbol, { maxLength: 60 }), rules, (symbols, drawn) => {
      // A result determines its rank, as in real vocabularies of either kind.
      const ranked = drawn.map(([left, right, , result]): Rule => [left, right, 10 - result, result]);
      expect(merge([...symbols], tableOf(ranked))).toEqual(mergeSlowly(symbols, ranked));
    }),
    { numRuns: 1000 },
  );
});

test('with a rank for every rule, as in byte-level vocabularies, it is the same', () => {
  fc.assert(
    fc.property(fc.array(symbol, { maxLength: 60 }), rules, (symbols, drawn) => {
      const ranked = drawn.map(([left, right, , result], rank): Rule => [left, right, rank, result]);
      expect(merge([...symbols], tableOf(ranked))).toEqual(mergeSlowly(symbols, ranked));
    }),
    { numRuns: 1000 },
  );
});

test('the first of two rules for a pair counts', () => {
  const table = tableOf([
    [1, 2, 0, 7],
    [1, 2, 1, 8],
  ]);
  expect(merge([1, 2], table)).toEqual([7]);
  expect(table.rank(2, 1)).toBe(-1);
});

test('a long word costs little more than its length', () => {
  const pairs = tableOf([
    [0, 0, 0, 1],
    [1, 1, 1, 2],
    [2, 2, 2, 3],
  ]);
  const started = performance.now();
  expect(
    merge(
      Array.from({ length: 400_000 }, () => 0),
      pairs,
    ).length,
  ).toBe(50_000);
  expect(performance.now() - started).toBeLessThan(5_000); // looking again and again would take hours
});
