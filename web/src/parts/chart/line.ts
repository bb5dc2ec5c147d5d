/** What a chart shows: lines over one common axis, and places on it that have a name. */

export interface Line {
  readonly name: string;
  /** As many as there are `xs`; null where this line has no point. */
  readonly ys: readonly (number | null)[];
  /** Never smoothed: a learning rate is not noisy. */
  readonly exact?: boolean;
}

/** A place on the axis, marked by a line from top to bottom and its name. */
export interface Marker {
  readonly x: number;
  readonly name: string;
}

/** The part of the axis that is looked at; null for all of it. */
export type Window = Extent | null;
export interface Extent {
  readonly from: number;
  readonly to: number;
}

export interface Curve {
  readonly name: string;
  readonly xs: readonly number[];
  readonly ys: readonly (number | null)[];
  readonly exact?: boolean;
}

/** Curves that have points at different places, over one axis. Each curve's `xs` ascend. */
export function overOneAxis(curves: readonly Curve[]): { xs: readonly number[]; lines: Line[] } {
  const [first] = curves;
  const same = first !== undefined && curves.every(({ xs }) => xs === first.xs);
  const xs = same ? first.xs : [...new Set(curves.flatMap((curve) => [...curve.xs]))].sort((a, b) => a - b);
  const lines = curves.map((curve): Line => {
    const { name, exact = false } = curve;
    return { name, exact, ys: same ? curve.ys : spread(curve, xs) };
  });
  return { xs, lines };
}

function spread({ xs: own, ys }: Curve, xs: readonly number[]): (number | null)[] {
  let at = 0;
  return xs.map((x) => {
    if (own[at] !== x) return null;
    at += 1;
    return ys[at - 1] ?? null;
  });
}

/**
 * The mean of what came before, the newer the heavier; `strength` from 0 (nothing) to just below 1. The first points
 * are not pulled towards zero.
 */
export function smoothed(ys: readonly (number | null)[], strength: number): (number | null)[] {
  if (strength <= 0) return [...ys];
  let [sum, weight] = [0, 0];
  return ys.map((y) => {
    if (y === null || !Number.isFinite(y)) return null;
    sum = strength * sum + (1 - strength) * y;
    weight = strength * weight + (1 - strength);
    return sum / weight;
  });
}

/** Two places, in values or in pixels. */
export interface Held {
  readonly left: number;
  readonly right: number;
}

/** The window in which the values that are held lie at those pixels; null for all there is. */
export function stretched(held: Held, at: Held, width: number, extent: Extent): Window {
  const perPixel = (held.right - held.left) / (at.right - at.left);
  const from = Math.max(extent.from, held.left - at.left * perPixel);
  const to = Math.min(extent.to, held.left + (width - at.left) * perPixel);
  if (from >= to) return null;
  return from <= extent.from && to >= extent.to ? null : { from, to };
}
