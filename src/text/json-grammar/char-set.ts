/** Sets of characters as ranges of code points: what patterns and JSON strings are made of. */

import type { CharSet } from './grammar.ts';

const codePointMax = 0x10_ff_ff;

/** Everything that UTF-8 can spell: no halves of surrogate pairs. */
export const everything: CharSet = [
  [0, 0xd7_ff],
  [0xe0_00, codePointMax],
];

export const single = (letter: string): CharSet => {
  const code = letter.codePointAt(0)!;
  return [[code, code]];
};

/** The ranges in order, none touching the next. */
export function union(...sets: readonly CharSet[]): CharSet {
  const ranges = sets.flat().sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [first, last] of ranges) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

export function without(set: CharSet, removed: CharSet): CharSet {
  let rest = union(set);
  for (const [first, last] of removed)
    rest = rest.flatMap(([low, high]) =>
      (
        [
          [low, Math.min(high, first - 1)],
          [Math.max(low, last + 1), high],
        ] as const
      ).filter(([from, to]) => from <= to),
    );
  return rest;
}

export function intersection(a: CharSet, b: CharSet): CharSet {
  return without(a, without(everything, b));
}

export function has(set: CharSet, code: number): boolean {
  return set.some(([first, last]) => first <= code && code <= last);
}
