import { expect, test } from 'vitest';
import { errorAt, extrapolate, fitPowerLaw } from '../../src/evals/learning-curve.ts';
import { seededRandom } from '../../src/random.ts';

const sizes = [100, 250, 500, 1000];
const lawful = { floor: 0.05, scale: 2, slope: 0.5 };

/** Draws as from a test of so many cases, the same cases for all sizes. */
function noisy(errors: readonly number[], cases: number, count = 400, seed = 3): number[][] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const hard = Array.from({ length: cases }, random);
    return errors.map((error) => hard.filter((each) => each < error).length / cases);
  });
}

test('errors that follow a law give the law back', () => {
  const law = fitPowerLaw(sizes, sizes.map((size) => errorAt(lawful, size))); // prettier-ignore
  // The grid of slopes is 6 % wide.
  expect(Math.abs(law.slope - 0.5)).toBeLessThan(0.04);
  expect(errorAt(law, 4000)).toBeCloseTo(errorAt(lawful, 4000), 2);
});

test('a law never rises with more data, and never falls below no error at all', () => {
  const rising = fitPowerLaw(sizes, [0.1, 0.2, 0.3, 0.4]);
  expect(rising.scale).toBe(0);
  expect(rising.floor).toBeCloseTo(0.25);
  const plunging = fitPowerLaw(sizes, [0.4, 0.2, 0.1, 0.0]);
  expect(plunging.floor).toBe(0);
  expect(errorAt(plunging, 1e6)).toBeGreaterThanOrEqual(0);
});

test('what more data brings is foretold with an interval that holds the truth and widens with the distance', () => {
  const errors = sizes.map((size) => errorAt(lawful, size));
  const { law, foretold, reason } = extrapolate({ sizes, errors, draws: noisy(errors, 1000) }, [2000, 4000]);
  expect(reason).toBeNull();
  expect(law).not.toBeNull();
  for (const { examples, low, high, error } of foretold) {
    expect(low).toBeLessThanOrEqual(errorAt(lawful, examples));
    expect(high).toBeGreaterThanOrEqual(errorAt(lawful, examples));
    expect(error).toBeGreaterThanOrEqual(low - 1e-9);
    expect(error).toBeLessThanOrEqual(high + 1e-9);
  }
});

test('where the error does not fall beyond chance nothing is foretold, and it is said', () => {
  const errors = [0.22, 0.21, 0.22, 0.2];
  const flat = extrapolate({ sizes, errors, draws: noisy(errors, 60).map((row, i) => row.map((each, j) => each + ((i * 7 + j * 13) % 11 - 5) / 100)) }, [2000]); // prettier-ignore
  expect(flat).toMatchObject({ law: null, foretold: [] });
  expect(flat.reason).toMatch(/from 100 to 1000 examples the error does not fall beyond what chance would do/);
});

test('few cases leave the bend open, which is said beside the wide interval', () => {
  const errors = sizes.map((size) => errorAt(lawful, size));
  const random = seededRandom(11);
  const draws = noisy(errors, 200).map((row) => row.map((each) => Math.max(0, each + (random() - 0.5) / 9)));
  const { caution, foretold } = extrapolate({ sizes, errors, draws }, [4000]);
  expect(caution).toMatch(/not identifiable/);
  expect(foretold[0]!.high - foretold[0]!.low).toBeGreaterThan(0.03);
});

test('two sizes, or no draws, are too little', () => {
  expect(extrapolate({ sizes: [10, 20], errors: [0.2, 0.1], draws: [] }, [40]).reason).toContain(
    'at least three sizes',
  );
  expect(extrapolate({ sizes, errors: [0.4, 0.3, 0.2, 0.1], draws: [] }, [40]).reason).toContain(
    'train more than once per size',
  );
});
