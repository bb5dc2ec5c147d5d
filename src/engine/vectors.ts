/**
 * Loops over everything that is trained, four numbers at a time.
 *
 * JavaScript computes one number at a time, and in f64. These are written in WebAssembly's text form, which has the
 * processor's vectors of four f32, and are 1.7 to 3.4 times as fast. The arrays stay where they are, because the runtime is
 * fed with them and because WebAssembly's memory ends at 4 GB: pieces that fit into the cache are copied in and out, which
 * costs less than memory does (docs/decisions/0015-vectors.md).
 *
 * All arrays of a call are equally long. Nothing here depends on how they are cut into pieces, except the order in which
 * squares are added, and that is always the same.
 */

import compile from 'watr/compile';

/** Numbers in a piece: four pieces take 256 KB. */
const pieceLength = 16_384;
const bytesPerFloat = 4;

const text = `(module
  (memory (export "memory") 4)

  ;; a <- a + b
  (func (export "add") (param $a i32) (param $b i32) (param $end i32)
    (loop $next
      (v128.store (local.get $a) (f32x4.add (v128.load (local.get $a)) (v128.load (local.get $b))))
      (local.set $a (i32.add (local.get $a) (i32.const 16)))
      (local.set $b (i32.add (local.get $b) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $a) (local.get $end)))))

  ;; The sum of squares, in f64: two sums side by side, because each addition waits for the one before it.
  (func (export "squares") (param $a i32) (param $end i32) (result f64)
    (local $x v128) (local $low v128) (local $high v128) (local $sums v128) (local $others v128)
    (loop $next
      (local.set $x (v128.load (local.get $a)))
      (local.set $low (f64x2.promote_low_f32x4 (local.get $x)))
      (local.set $high (f64x2.promote_low_f32x4
        (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $x) (local.get $x))))
      (local.set $sums (f64x2.add (local.get $sums) (f64x2.mul (local.get $low) (local.get $low))))
      (local.set $others (f64x2.add (local.get $others) (f64x2.mul (local.get $high) (local.get $high))))
      (local.set $a (i32.add (local.get $a) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $a) (local.get $end))))
    (local.set $sums (f64x2.add (local.get $sums) (local.get $others)))
    (f64.add (f64x2.extract_lane 0 (local.get $sums)) (f64x2.extract_lane 1 (local.get $sums))))

  ;; AdamW of weights w, gradients g, first and second moments m and v; see optimizer.ts.
  (func (export "adamW") (param $w i32) (param $g i32) (param $m i32) (param $v i32) (param $end i32)
    (param $scale f32) (param $beta1 f32) (param $beta2 f32) (param $fresh1 f32) (param $fresh2 f32)
    (param $rate f32) (param $secondScale f32) (param $epsilon f32) (param $decay f32)
    (local $x v128) (local $first v128) (local $second v128)
    (loop $next
      (local.set $x (f32x4.mul (v128.load (local.get $g)) (f32x4.splat (local.get $scale))))
      (local.set $first (f32x4.add
        (f32x4.mul (v128.load (local.get $m)) (f32x4.splat (local.get $beta1)))
        (f32x4.mul (local.get $x) (f32x4.splat (local.get $fresh1)))))
      (local.set $second (f32x4.add
        (f32x4.mul (v128.load (local.get $v)) (f32x4.splat (local.get $beta2)))
        (f32x4.mul (f32x4.mul (local.get $x) (local.get $x)) (f32x4.splat (local.get $fresh2)))))
      (v128.store (local.get $m) (local.get $first))
      (v128.store (local.get $v) (local.get $second))
      (local.set $x (v128.load (local.get $w)))
      (v128.store (local.get $w) (f32x4.sub (local.get $x) (f32x4.add
        (f32x4.mul (local.get $x) (f32x4.splat (local.get $decay)))
        (f32x4.div
          (f32x4.mul (local.get $first) (f32x4.splat (local.get $rate)))
          (f32x4.add
            (f32x4.mul (f32x4.sqrt (local.get $second)) (f32x4.splat (local.get $secondScale)))
            (f32x4.splat (local.get $epsilon)))))))
      (local.set $w (i32.add (local.get $w) (i32.const 16)))
      (local.set $g (i32.add (local.get $g) (i32.const 16)))
      (local.set $m (i32.add (local.get $m) (i32.const 16)))
      (local.set $v (i32.add (local.get $v) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $w) (local.get $end))))))`;

interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer };
  add(a: number, b: number, end: number): void;
  squares(a: number, end: number): number;
  // prettier-ignore
  adamW(w: number, g: number, m: number, v: number, end: number, scale: number, beta1: number, beta2: number, fresh1: number, fresh2: number, rate: number, secondScale: number, epsilon: number, decay: number): void;
}

// Node's types do not know WebAssembly, and a browser's would bring the whole page with them.
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}
const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;
const kernels = new Instance(new Module(compile(text) as Uint8Array)).exports as Kernels;
const places = [0, 1, 2, 3].map((i) => i * pieceLength * bytesPerFloat) as [number, number, number, number];
const windows = places.map((place) => new Float32Array(kernels.memory.buffer, place, pieceLength));

/** Adds one array to another. */
export function addTo(sum: Float32Array, added: Float32Array): void {
  const [a, b] = places;
  for (let at = 0; at < sum.length; at += pieceLength) {
    const count = load([sum, added], at);
    kernels.add(a, b, endOf(a, count));
    store(sum, 0, at, count);
  }
}

/** In f64. */
export function sumOfSquares(array: Float32Array): number {
  const [a] = places;
  let sum = 0;
  for (let at = 0; at < array.length; at += pieceLength) sum += kernels.squares(a, endOf(a, load([array], at)));
  return sum;
}

export interface AdamWScalars {
  /** What gradients are multiplied with first. */
  readonly scale: number;
  readonly beta1: number;
  readonly beta2: number;
  /** The learning rate over 1 - beta1^t. */
  readonly rate: number;
  /** 1 / sqrt(1 - beta2^t) */
  readonly secondScale: number;
  readonly epsilon: number;
  /** Which share of a weight is taken away. */
  readonly decay: number;
}

/** One update of weights and of their moments by their gradients, which stay as they are. */
export function adamW(
  weights: Float32Array,
  gradients: Float32Array,
  first: Float32Array,
  second: Float32Array,
  { scale, beta1, beta2, rate, secondScale, epsilon, decay }: AdamWScalars,
): void {
  const [w, g, m, v] = places;
  for (let at = 0; at < weights.length; at += pieceLength) {
    const count = load([weights, gradients, first, second], at);
    // prettier-ignore
    kernels.adamW(w, g, m, v, endOf(w, count), scale, beta1, beta2, 1 - beta1, 1 - beta2, rate, secondScale, epsilon, decay);
    store(weights, 0, at, count);
    store(first, 2, at, count);
    store(second, 3, at, count);
  }
}

/** Puts the pieces that begin `at` into their windows, zeros behind the last one; gives how many numbers they have. */
function load(arrays: readonly Float32Array[], at: number): number {
  const count = Math.min(pieceLength, arrays[0]!.length - at);
  for (const [i, array] of arrays.entries()) {
    windows[i]!.set(array.subarray(at, at + count));
    windows[i]!.fill(0, count, roundUp(count));
  }
  return count;
}

const store = (array: Float32Array, window: number, at: number, count: number): void =>
  array.set(windows[window]!.subarray(0, count), at);

/** Where a piece of so many numbers ends, in bytes and whole vectors. */
const endOf = (place: number, count: number): number => place + bytesPerFloat * roundUp(count);
const roundUp = (count: number): number => Math.ceil(count / 4) * 4;
