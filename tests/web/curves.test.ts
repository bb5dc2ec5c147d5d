/** What a job's curves are made of: steps that come in pieces, lines over one axis, smoothing, fingers. */

import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import { type JobMetrics, metricColumns } from '../../src/domain/job-metrics.ts';
import { overOneAxis, smoothed, stretched } from '../../web/src/parts/chart/line.ts';
import { appended, nothing } from '../../web/src/parts/training/append.ts';
import { upTo } from '../jobs/tiny-house.ts';

const answer = (steps: readonly number[]): JobMetrics => ({
  object: 'fine_tuning.job.metrics',
  job: 'ftjob-a',
  total_steps: 50,
  columns: metricColumns,
  data: steps.map((step) => (step % 10 === 0 ? [step, 0, 1 / step, 0.5, 1, 1, 1, null, null, 2] : [step, 0, 1 / step])),
  has_more: false,
});

test('however the answers overlap, each step is there once and in its place', () => {
  const piece = fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 50 }));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      let known = nothing;
      for (const [from, to] of pieces) {
        // A server answers from a step that the browser has, or from an earlier one if answers cross.
        const start = Math.min(from, known.steps.at(-1) ?? 0);
        known = appended(known, answer(upTo(50).slice(start, Math.max(start, to))));
      }
      known = appended(known, answer(upTo(50)));
      expect(known.steps).toEqual(upTo(50));
      expect(known.columns.train_loss).toEqual(upTo(50).map((step) => 1 / step));
      expect(known.columns.valid_loss).toEqual(upTo(50).map((step) => (step % 10 === 0 ? 2 : null)));
      expect(known.columns.full_valid_loss).toBeUndefined();
      expect(appended(known, answer([49, 50]))).toBe(known);
    }),
  );
});

test('curves with points at different places have one axis, and gaps where they have none', () => {
  const { xs, lines } = overOneAxis([
    { name: 'a', xs: [1, 2, 4], ys: [10, null, 40] },
    { name: 'b', xs: [2, 3], ys: [2, 3], exact: true },
  ]);
  expect(xs).toEqual([1, 2, 3, 4]);
  expect(lines.map(({ ys }) => ys)).toEqual([
    [10, null, null, 40],
    [null, 2, 3, null],
  ]);
});

test('smoothing keeps what does not move, passes over gaps, and does not start at zero', () => {
  expect(smoothed([3, 3, null, 3], 0.9)).toEqual([3, 3, null, 3].map((y) => (y === null ? null : expect.closeTo(y))));
  expect(smoothed([1, 2, 3], 0)).toEqual([1, 2, 3]);
  // (0.5 * 1 + 0.5 * 3) weighed by age: 0.25 * 1 + 0.5 * 3 over 0.75
  expect(smoothed([1, 3], 0.5)[1]).toBeCloseTo((0.25 + 1.5) / 0.75);
  expect(smoothed([NaN, 1], 0.5)).toEqual([null, 1]);
});

test('what two fingers hold stays under them, within what there is', () => {
  const extent = { from: 0, to: 100 };
  expect(stretched({ left: 40, right: 60 }, { left: 20, right: 80 }, 100, extent)).toEqual({
    from: expect.closeTo(40 - 20 / 3) as number,
    to: expect.closeTo(60 + 20 / 3) as number,
  });
  expect(stretched({ left: 40, right: 60 }, { left: 49, right: 51 }, 100, extent)).toBeNull();
});
