/**
 * Sizes of axes, some of them unknown until the graph runs.
 *
 * A dim is a number, or a multiple of named sizes: with B rows of T tokens, `B*T` tokens in all and a quarter
 * of `T` in a chunk. Shapes stay checkable while one graph serves every batch.
 */

/** `times` x the product of the sizes named in `of` (sorted, repeated for powers). */
export interface NamedSize {
  readonly times: number;
  readonly of: readonly string[];
}

export type Dim = number | NamedSize;
export type Shape = readonly Dim[];

/** What the names stand for in one run. */
export type Sizes = Readonly<Record<string, number>>;

export const named = (name: string): Dim => ({ times: 1, of: [name] });

export function product(...dims: readonly Dim[]): Dim {
  let times = 1;
  const of: string[] = [];
  for (const dim of dims) {
    times *= typeof dim === 'number' ? dim : dim.times;
    if (typeof dim !== 'number') of.push(...dim.of);
  }
  return of.length === 0 ? times : { times, of: of.sort() };
}

/** The sum of multiples of the same thing: T/4 + T/4 is T/2. Undefined when they are not. */
export function sum(dims: readonly Dim[]): Dim | undefined {
  const [first] = dims;
  if (first === undefined) return 0;
  if (dims.some((dim) => thing(dim) !== thing(first))) return undefined;
  const times = dims.reduce((total: number, dim) => total + (typeof dim === 'number' ? dim : dim.times), 0);
  return typeof first === 'number' ? times : { times, of: first.of };
}

export const part = (dim: Dim, parts: number): Dim =>
  typeof dim === 'number' ? dim / parts : { times: dim.times / parts, of: dim.of };

export const sameDim = (a: Dim, b: Dim): boolean => dimText(a) === dimText(b);

export const sameShape = (a: Shape, b: Shape): boolean => shapeText(a) === shapeText(b);

export function dimText(dim: Dim): string {
  if (typeof dim === 'number') return String(dim);
  return dim.times === 1 ? thing(dim) : `${dim.times}*${thing(dim)}`;
}

export const shapeText = (shape: Shape): string => shape.map(dimText).join(',');

export function sizeOf(dim: Dim, sizes: Sizes): number {
  if (typeof dim === 'number') return dim;
  let size = dim.times;
  for (const name of dim.of) {
    const value = sizes[name];
    if (value === undefined) throw new Error(`no size given for ${name}`);
    size *= value;
  }
  if (!Number.isInteger(size)) throw new Error(`${dimText(dim)} is ${size}, not a whole number`);
  return size;
}

const thing = (dim: Dim): string => (typeof dim === 'number' ? '' : dim.of.join('*'));
