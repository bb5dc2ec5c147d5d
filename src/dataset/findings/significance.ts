/** Whether two samples may come from one source: tests of a textbook, with the chance that they do. */

export interface Comparison {
  /** The size of the difference: Kolmogorov and Smirnov's D, or Cramér's V; from 0 to 1. */
  readonly effect: number;
  readonly statistic: number;
  /** The chance of a difference as large as this one or larger between two random halves of one source. */
  readonly p: number;
}

/** Two-sample Kolmogorov-Smirnov: the largest gap between two distributions of numbers; p by its asymptotic series. */
export function kolmogorovSmirnov(one: Float64Array, other: Float64Array): Comparison {
  const [a, b] = [one.toSorted(), other.toSorted()];
  let [i, j, gap] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i]!, b[j]!);
    while (i < a.length && a[i] === value) i += 1;
    while (j < b.length && b[j] === value) j += 1;
    gap = Math.max(gap, Math.abs(i / a.length - j / b.length));
  }
  const root = Math.sqrt((a.length * b.length) / (a.length + b.length));
  const lambda = (root + 0.12 + 0.11 / root) * gap;
  return { effect: gap, statistic: gap, p: kolmogorovTail(lambda) };
}

function kolmogorovTail(lambda: number): number {
  if (lambda < 0.2) return 1; // to ten places; the series does not settle there
  let p = 0;
  for (let k = 1; k <= 100; k++) p += 2 * (-1) ** (k - 1) * Math.exp(-2 * k * k * lambda * lambda);
  return Math.min(1, Math.max(0, p));
}

/** Pearson's chi-squared for two columns of counts; categories expected fewer than five times are put together. */
export function chiSquared(counts: readonly (readonly [number, number])[]): Comparison {
  const [totalA, totalB] = counts.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  const total = totalA + totalB;
  const smaller = Math.min(totalA, totalB) / total;
  const large = counts.filter(([a, b]) => (a + b) * smaller >= 5);
  const small = counts.filter(([a, b]) => (a + b) * smaller < 5);
  const pooled = small.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  const rows = pooled[0] + pooled[1] > 0 ? [...large, pooled] : large;
  if (rows.length < 2) return { effect: 0, statistic: 0, p: 1 };
  let statistic = 0;
  for (const [a, b] of rows as [number, number][]) {
    const [expectedA, expectedB] = [((a + b) * totalA) / total, ((a + b) * totalB) / total];
    statistic += (a - expectedA) ** 2 / expectedA + (b - expectedB) ** 2 / expectedB;
  }
  return { effect: Math.sqrt(statistic / total), statistic, p: upperGamma((rows.length - 1) / 2, statistic / 2) };
}

/** The regularised upper incomplete gamma function: the tail of chi-squared. Series below a + 1, fraction above. */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let [term, sum] = [1 / a, 1 / a];
    for (let n = 1; n < 1000 && term > sum * 1e-15; n++) sum += term *= x / (a + n);
    return Math.max(0, 1 - scale * sum);
  }
  // Lentz's method for the continued fraction.
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let value = d;
  for (let n = 1; n < 1000; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    value *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return scale * value;
}

/** ln Γ(x) for x > 0, by Stirling's series after x was raised above 7. */
function logGamma(x: number): number {
  let [raised, shift] = [x, 0];
  while (raised < 7) shift += Math.log(raised++);
  const inverse = 1 / (raised * raised);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / raised;
  return (raised - 0.5) * Math.log(raised) - raised + Math.log(2 * Math.PI) / 2 + series - shift;
}
