/**
 * The key/value part of a GGUF file: typed values under dotted names.
 *
 * Values keep the type they have in the file, so that reading and writing are inverse. Whoever wants a plain
 * value asks for it by type, and a file that says something else is refused right there, by key.
 */

import { TunesmithError } from '../domain/errors.ts';

interface ScalarOf {
  readonly u8: number;
  readonly i8: number;
  readonly u16: number;
  readonly i16: number;
  readonly u32: number;
  readonly i32: number;
  readonly f32: number;
  readonly bool: boolean;
  readonly string: string;
  readonly u64: bigint;
  readonly i64: bigint;
  readonly f64: number;
}

export type ScalarType = keyof ScalarOf;
export type Scalar = ScalarOf[ScalarType];

export type GgufValue = {
  [T in ScalarType]:
    | { readonly type: T; readonly value: ScalarOf[T] }
    | { readonly type: 'array'; readonly of: T; readonly value: readonly ScalarOf[T][] };
}[ScalarType];

/** Values for writing, e.g. `ggufValue.u32(4)`. */
export const ggufValue = {
  u32: (value: number): GgufValue => ({ type: 'u32', value }),
  f32: (value: number): GgufValue => ({ type: 'f32', value }),
  bool: (value: boolean): GgufValue => ({ type: 'bool', value }),
  string: (value: string): GgufValue => ({ type: 'string', value }),
  strings: (value: readonly string[]): GgufValue => ({ type: 'array', of: 'string', value }),
  i32s: (value: readonly number[]): GgufValue => ({ type: 'array', of: 'i32', value }),
  f32s: (value: readonly number[]): GgufValue => ({ type: 'array', of: 'f32', value }),
};

/**
 * Metadata by key. Every getter takes what to answer when the key is absent; without that, absence is an error.
 *
 *   metadata.number('llama.block_count')                     // throws when absent
 *   metadata.number('tokenizer.ggml.bos_token_id', null)     // number | null
 */
export class GgufMetadata {
  readonly #values: ReadonlyMap<string, GgufValue>;

  constructor(entries: Iterable<readonly [string, GgufValue]>) {
    this.#values = new Map(entries);
  }

  get size(): number {
    return this.#values.size;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  get(key: string): GgufValue | undefined {
    return this.#values.get(key);
  }

  entries(): IterableIterator<[string, GgufValue]> {
    return this.#values.entries();
  }

  number(key: string): number;
  number<Absent>(key: string, absent: Absent): number | Absent;
  number(key: string, ...absent: unknown[]): unknown {
    return this.#scalar(key, 'a number', toNumber, absent);
  }

  boolean(key: string): boolean;
  boolean<Absent>(key: string, absent: Absent): boolean | Absent;
  boolean(key: string, ...absent: unknown[]): unknown {
    return this.#scalar(key, 'true or false', toBoolean, absent);
  }

  string(key: string): string;
  string<Absent>(key: string, absent: Absent): string | Absent;
  string(key: string, ...absent: unknown[]): unknown {
    return this.#scalar(key, 'a text', toText, absent);
  }

  numbers(key: string): readonly number[];
  numbers<Absent>(key: string, absent: Absent): readonly number[] | Absent;
  numbers(key: string, ...absent: unknown[]): unknown {
    return this.#list(key, 'numbers', toNumber, absent);
  }

  strings(key: string): readonly string[];
  strings<Absent>(key: string, absent: Absent): readonly string[] | Absent;
  strings(key: string, ...absent: unknown[]): unknown {
    return this.#list(key, 'texts', toText, absent);
  }

  #scalar(key: string, expected: string, read: (value: unknown) => unknown, absent: unknown[]): unknown {
    const found = this.#values.get(key);
    if (found === undefined) return orMissing(key, expected, absent);
    const value = read(found.value);
    if (value === undefined) throw unexpected(key, expected, found);
    return value;
  }

  #list(key: string, expected: string, read: (value: unknown) => unknown, absent: unknown[]): unknown {
    const found = this.#values.get(key);
    if (found === undefined) return orMissing(key, `a list of ${expected}`, absent);
    if (found.type !== 'array') throw unexpected(key, `a list of ${expected}`, found);
    return found.value.map((element) => {
      const value = read(element);
      if (value === undefined) throw unexpected(key, `a list of ${expected}`, found);
      return value;
    });
  }
}

const toNumber = (value: unknown): number | undefined => {
  if (typeof value === 'number') return value;
  if (typeof value !== 'bigint') return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
};
const toBoolean = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined);
const toText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function orMissing(key: string, expected: string, absent: unknown[]): unknown {
  if (absent.length > 0) return absent[0];
  throw new TunesmithError('invalid', `The model file lacks the metadata key "${key}"; expected ${expected}.`, {
    code: 'model_unreadable',
  });
}

function unexpected(key: string, expected: string, found: GgufValue): TunesmithError {
  const type = found.type === 'array' ? `a list of ${found.of}` : found.type;
  return new TunesmithError('invalid', `The model file's metadata key "${key}" is ${type}; expected ${expected}.`, {
    code: 'model_unreadable',
  });
}
