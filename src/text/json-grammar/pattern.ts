/**
 * Regular expressions as grammar: the part of ECMAScript's that says which texts match, and nothing about context.
 *
 * Letters, classes, groups, alternatives and repetitions are understood, and `^` and `$` where an alternative
 * begins and ends; a pattern without them matches anywhere, so anything may stand before and after. Look-around,
 * references back, word boundaries and properties of characters are refused, with their place.
 */

import { everything, single, union, without } from './char-set.ts';
import { type CharSet, choice, type Grammar, sequence } from './grammar.ts';
import { characterOf } from './json-text.ts';

/** What a pattern is made of. `max` null is without limit. */
export type Pattern =
  | { readonly type: 'set'; readonly set: CharSet }
  | { readonly type: 'sequence'; readonly parts: readonly Pattern[] }
  | { readonly type: 'either'; readonly branches: readonly Pattern[] }
  | { readonly type: 'repeat'; readonly part: Pattern; readonly min: number; readonly max: number | null };

/** Why a pattern cannot be read, in words that follow its name. */
export class PatternProblem extends Error {}

const lineEnds = union(single('\n'), single('\r'), single('\u2028'), single('\u2029'));
const digit: CharSet = [[0x30, 0x39]];
const word = union(digit, [[0x41, 0x5a]], [[0x5f, 0x5f]], [[0x61, 0x7a]]);
const space = union(...Array.from('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff', single), [
  [0x20_00, 0x20_0a],
]);
const classes: Readonly<Record<string, CharSet>> = {
  d: digit,
  D: without(everything, digit),
  w: word,
  W: without(everything, word),
  s: space,
  S: without(everything, space),
};
const controls: Readonly<Record<string, string>> = { t: '\t', n: '\n', v: '\v', f: '\f', r: '\r', 0: '\0' };

const anything: Pattern = { type: 'repeat', part: { type: 'set', set: everything }, min: 0, max: null };

/** The whole texts in which the expression finds something. */
export function readPattern(source: string): Pattern {
  return new Reader(source).whole();
}

/** The pattern's texts as they stand inside a JSON string. */
export function patternExpression(grammar: Grammar, pattern: Pattern): string {
  switch (pattern.type) {
    case 'set':
      if (pattern.set.length === 0) throw new PatternProblem('has a class that no character is in');
      return characterOf(pattern.set);
    case 'sequence':
      return sequence(...pattern.parts.map((part) => patternExpression(grammar, part)));
    case 'either':
      return grammar.rule(choice(pattern.branches.map((branch) => patternExpression(grammar, branch))));
    case 'repeat': {
      if (pattern.max === null && lengthsOf(pattern.part)[0] === 0)
        throw new PatternProblem('repeats without limit what may be empty');
      const part = patternExpression(grammar, pattern.part);
      return part === '' ? '' : grammar.repeat(part, pattern.min, pattern.max);
    }
    default:
      throw pattern satisfies never;
  }
}

/** The least and the greatest number of characters. */
export function lengthsOf(pattern: Pattern): readonly [min: number, max: number] {
  switch (pattern.type) {
    case 'set':
      return [1, 1];
    case 'sequence': {
      const lengths = pattern.parts.map(lengthsOf);
      return [lengths.reduce((sum, [min]) => sum + min, 0), lengths.reduce((sum, [, max]) => sum + max, 0)];
    }
    case 'either': {
      const lengths = pattern.branches.map(lengthsOf);
      return [Math.min(...lengths.map(([min]) => min)), Math.max(...lengths.map(([, max]) => max))];
    }
    case 'repeat': {
      const [min, max] = lengthsOf(pattern.part);
      return [min * pattern.min, max === 0 ? 0 : max * (pattern.max ?? Infinity)];
    }
    default:
      throw pattern satisfies never;
  }
}

/** The pattern with a length of its own; only one that repeats one class can be given another. */
export function withLength(pattern: Pattern, min: number, max: number | null): Pattern {
  const [least, most] = lengthsOf(pattern);
  if (least >= min && most <= (max ?? Infinity)) return pattern;
  const only = pattern.type === 'sequence' && pattern.parts.length === 1 ? pattern.parts[0]! : pattern;
  if (only.type !== 'repeat' || only.part.type !== 'set')
    throw new PatternProblem('has another length than minLength and maxLength ask for');
  const highest = Math.min(only.max ?? Infinity, max ?? Infinity);
  const lowest = Math.max(only.min, min);
  if (highest < lowest) throw new PatternProblem('is never as long as minLength and maxLength ask for');
  return { ...only, min: lowest, max: highest === Infinity ? null : highest };
}

class Reader {
  readonly #letters: readonly string[];
  #at = 0;

  constructor(source: string) {
    this.#letters = Array.from(source);
  }

  whole(): Pattern {
    const branches = [this.#anchored()];
    while (this.#take('|')) branches.push(this.#anchored());
    if (this.#at < this.#letters.length) throw this.#problem(`has '${this.#letters[this.#at]}' out of place`);
    return branches.length === 1 ? branches[0]! : { type: 'either', branches };
  }

  #anchored(): Pattern {
    const before = this.#take('^') ? [] : [anything];
    const parts = this.#parts();
    const after = this.#take('$') ? [] : [anything];
    return { type: 'sequence', parts: [...before, ...parts, ...after] };
  }

  #either(): Pattern {
    const branches: Pattern[] = [];
    do branches.push({ type: 'sequence', parts: this.#parts() });
    while (this.#take('|'));
    return branches.length === 1 ? branches[0]! : { type: 'either', branches };
  }

  #parts(): Pattern[] {
    const parts: Pattern[] = [];
    while (this.#at < this.#letters.length && !'|)$'.includes(this.#letters[this.#at]!)) {
      let part = this.#atom();
      for (let times = this.#times(); times !== null; times = this.#times()) part = { type: 'repeat', part, ...times };
      parts.push(part);
    }
    return parts;
  }

  #atom(): Pattern {
    const letter = this.#letters[this.#at++]!;
    if (letter === '(') return this.#group();
    if (letter === '[') return { type: 'set', set: this.#class() };
    if (letter === '.') return { type: 'set', set: without(everything, lineEnds) };
    if (letter === '\\') return { type: 'set', set: this.#escape(false) };
    if ('^*+?{}'.includes(letter)) throw this.#problem(`has '${letter}' out of place`);
    return { type: 'set', set: single(letter) };
  }

  #group(): Pattern {
    if (this.#take('?') && !this.#take(':')) {
      const name = /^<[A-Za-z_]\w*>/.exec(this.#letters.slice(this.#at).join(''))?.[0];
      if (name === undefined) throw this.#problem('looks around');
      this.#at += name.length;
    }
    const inside = this.#either();
    if (!this.#take(')')) throw this.#problem("has a '(' that nothing closes, or an anchor within a group");
    return inside;
  }

  #times(): { min: number; max: number | null } | null {
    const found = /^(?:[*+?]|\{(\d+)(,(\d*))?\})\??/.exec(this.#letters.slice(this.#at, this.#at + 24).join(''));
    if (found === null) return null;
    this.#at += found[0].length;
    const [text, min, comma, max] = found;
    if (min !== undefined)
      return { min: Number(min), max: comma === undefined ? Number(min) : max === '' ? null : Number(max) };
    return { min: text.startsWith('+') ? 1 : 0, max: text.startsWith('?') ? 1 : null };
  }

  #class(): CharSet {
    const negated = this.#take('^');
    let set: CharSet = [];
    while (!this.#take(']')) {
      const first = this.#classAtom();
      const from = first.length === 1 && first[0]![0] === first[0]![1] ? first[0]![0] : null;
      if (from !== null && this.#letters[this.#at] === '-' && this.#letters[this.#at + 1] !== ']') {
        this.#at += 1;
        const [[low, high] = [0, -1], ...more] = this.#classAtom();
        if (more.length > 0 || low !== high || low < from) throw this.#problem('has a range that makes no sense');
        set = union(set, [[from, low]]);
      } else set = union(set, first);
    }
    return negated ? without(everything, set) : set;
  }

  #classAtom(): CharSet {
    const letter = this.#letters[this.#at++];
    if (letter === undefined) throw this.#problem("has a '[' that nothing closes");
    return letter === '\\' ? this.#escape(true) : single(letter);
  }

  #escape(inClass: boolean): CharSet {
    const letter = this.#letters[this.#at++];
    if (letter === undefined) throw this.#problem('ends in a backslash');
    if (inClass && letter === 'b') return single('\b');
    const known = classes[letter] ?? (controls[letter] === undefined ? undefined : single(controls[letter]));
    if (known !== undefined) return known;
    const code = /^(?:x([\dA-Fa-f]{2})|u([\dA-Fa-f]{4})|u\{([\dA-Fa-f]{1,6})\})/.exec(
      letter + this.#letters.slice(this.#at, this.#at + 8).join(''),
    );
    if (code !== null) {
      this.#at += code[0].length - 1;
      const value = Number.parseInt(code[1] ?? code[2] ?? code[3]!, 16);
      if (!everything.some(([first, last]) => first <= value && value <= last))
        throw this.#problem('names half a character');
      return [[value, value]];
    }
    if (/[A-Za-z0-9]/.test(letter)) throw this.#problem(`has '\\${letter}'`);
    return single(letter);
  }

  #take(letter: string): boolean {
    if (this.#letters[this.#at] !== letter) return false;
    this.#at += 1;
    return true;
  }

  #problem(what: string): PatternProblem {
    return new PatternProblem(`${what}, at character ${this.#at}`);
  }
}
