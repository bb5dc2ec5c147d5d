/**
 * How often each whole number occurred: exact quantiles of millions of lengths in the space of the different ones.
 */

export interface Distribution {
  readonly count: number;
  readonly total: number;
  readonly mean: number;
  readonly min: number;
  readonly p5: number;
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly max: number;
  readonly histogram: readonly Bin[];
}

/** How many values are at least `from` and less than `to`. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export class Tally {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #total = 0;
  #sorted: readonly (readonly [value: number, count: number])[] | null = null;

  add(value: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    this.#count += 1;
    this.#total += value;
    this.#sorted = null;
  }

  get count(): number {
    return this.#count;
  }

  get total(): number {
    return this.#total;
  }

  /** Each value that occurred, the smallest first, with how often it did. */
  entries(): readonly (readonly [value: number, count: number])[] {
    return (this.#sorted ??= [...this.#counts].sort(([a], [b]) => a - b));
  }

  sumOf(amount: (value: number) => number): number {
    return this.entries().reduce((sum, [value, count]) => sum + count * amount(value), 0);
  }

  /** The value below which so much of all lies, between neighbours on the straight line, as numpy does. */
  quantile(share: number): number {
    const at = share * (this.#count - 1);
    const [low, high] = [this.#valueAt(Math.floor(at)), this.#valueAt(Math.ceil(at))];
    const fraction = at - Math.floor(at);
    return fraction < 0.5 ? low + (high - low) * fraction : high - (high - low) * (1 - fraction);
  }

  /** Null when nothing was added. */
  distribution(): Distribution | null {
    const entries = this.entries();
    if (entries.length === 0) return null;
    return {
      count: this.#count,
      total: this.#total,
      mean: this.#total / this.#count,
      min: entries[0]![0],
      p5: this.quantile(0.05),
      p10: this.quantile(0.1),
      p50: this.quantile(0.5),
      p90: this.quantile(0.9),
      p95: this.quantile(0.95),
      max: entries.at(-1)![0],
      histogram: this.#histogram(),
    };
  }

  #valueAt(index: number): number {
    let before = 0;
    for (const [value, count] of this.entries()) {
      before += count;
      if (index < before) return value;
    }
    throw new RangeError(`There is no value ${index} of ${this.#count}.`);
  }

  /** About ten bins of a round width up to where nearly all values lie; the last one takes the few beyond. */
  #histogram(): Bin[] {
    const [min, max] = [this.entries()[0]![0], this.entries().at(-1)![0]];
    const width = roundWidth((this.quantile(0.98) - min + 1) / binsWanted);
    const start = Math.floor(min / width) * width;
    const last = Math.floor((this.quantile(0.98) - start) / width);
    const counts = Array.from({ length: last + 1 }, () => 0);
    for (const [value, count] of this.entries()) counts[Math.min(last, Math.floor((value - start) / width))]! += count;
    return counts.map((count, i) => ({
      from: start + i * width,
      to: i === last ? Math.max(start + (i + 1) * width, max + 1) : start + (i + 1) * width,
      count,
    }));
  }
}

const binsWanted = 10;

/** The next of 1, 2, 5, 10, 20, 50, … */
function roundWidth(width: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, width)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= width)!;
}
