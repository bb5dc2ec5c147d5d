/** A JSON file from a stranger: every value is asked for by name and kind, and a wrong one is told with its place. */

import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { invalid } from '../../domain/errors.ts';

/** tokenizer.json of a vocabulary of 260,000 tokens has 33 MB. */
const bytesMax = 256 * 2 ** 20;

export type Json = Readonly<Record<string, unknown>>;

/** Null when there is no such file. */
export async function readJsonFile(path: string): Promise<Json | null> {
  const text = await readTextFile(path);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unusable(`${basename(path)} is not JSON (${(error as Error).message})`);
  }
  if (isObject(value)) return value;
  throw unusable(`${basename(path)} is not a JSON object`);
}

export async function readTextFile(path: string): Promise<string | null> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > bytesMax) throw unusable(`${basename(path)} has ${size} bytes; at most ${bytesMax} are read`);
    return await file.readFile('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

export const unusable = (what: string): Error =>
  invalid('model', `The checkpoint is not usable: ${what}.`, 'model_unreadable');

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The values of an object. Null in the file counts as absent; without `absent`, absence is an error. */
export class Fields {
  readonly #where: string;
  readonly #values: Json;

  constructor(where: string, values: Json) {
    this.#where = where;
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  raw(name: string): unknown {
    return this.#values[name];
  }

  count(name: string, absent?: number): number {
    const value = this.number(name, absent);
    if (Number.isSafeInteger(value) && value >= 1) return value;
    throw this.wrong(name, 'a whole number above 0');
  }

  number(name: string, absent?: number): number {
    return this.#of(name, 'a number', (value) => typeof value === 'number' && Number.isFinite(value), absent);
  }

  text(name: string, absent?: string): string {
    return this.#of(name, 'a text', (value) => typeof value === 'string', absent);
  }

  boolean(name: string, absent?: boolean): boolean {
    return this.#of(name, 'true or false', (value) => typeof value === 'boolean', absent);
  }

  /** An object below; null when there is none. */
  fields(name: string): Fields | null {
    if (!this.has(name)) return null;
    const value = this.#values[name];
    if (isObject(value)) return new Fields(`${this.#where}: "${name}"`, value);
    throw this.wrong(name, 'an object');
  }

  list(name: string): readonly unknown[] | null {
    if (!this.has(name)) return null;
    const value = this.#values[name];
    if (Array.isArray(value)) return value;
    throw this.wrong(name, 'a list');
  }

  wrong(name: string, expected: string): Error {
    const value = this.#values[name];
    const found = value === undefined ? 'is missing' : `is ${JSON.stringify(value).slice(0, 200)}`;
    return unusable(`${this.#where}: "${name}" ${found}; expected ${expected}`);
  }

  #of<Value>(name: string, expected: string, fits: (value: unknown) => boolean, absent: Value | undefined): Value {
    const value = this.has(name) ? this.#values[name] : absent;
    if (value !== undefined && fits(value)) return value as Value;
    throw this.wrong(name, expected);
  }
}
