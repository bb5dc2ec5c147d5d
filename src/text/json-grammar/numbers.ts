/**
 * Numbers within bounds, as an automaton over their digits.
 *
 * Reading from the left, a number is still `tight` at a bound while all its digits so far are the bound's; once they
 * differ, the bound no longer matters. Numbers have at most fifteen digits that count, which a double holds exactly:
 * so what is below a bound in digits is below it as a double too. Zero is written without a sign.
 */

import { charClass, choice, either, type Grammar, literal, sequence } from './grammar.ts';
import { anyInteger, anyNumber } from './json-text.ts';

export interface Bound {
  readonly value: number;
  /** Whether the bound itself is allowed. */
  readonly inclusive: boolean;
}

export interface NumberRules {
  readonly whole: boolean;
  readonly low: Bound | null;
  readonly high: Bound | null;
}

const digitsMax = 15;

/** The narrower of a bound that may be met and one that may not; of OpenAPI, where the latter is a flag, too. */
export function boundOf(plain: unknown, exclusive: unknown, narrower: (...values: number[]) => number): Bound | null {
  const at = typeof plain === 'number' ? { value: plain, inclusive: exclusive !== true } : null;
  const beyond = typeof exclusive === 'number' ? { value: exclusive, inclusive: false } : null;
  if (at === null || beyond === null) return at ?? beyond;
  return narrower(at.value, beyond.value) === beyond.value ? beyond : at;
}

/** The expression, or null when no such number can be written. */
export function numberWithin(grammar: Grammar, { whole, low, high }: NumberRules): string | null {
  if (low === null && high === null) return whole ? anyInteger(grammar) : anyNumber(grammar);
  const zero: Bound = { value: 0, inclusive: true };
  const positive = new Digits(grammar, whole, low !== null && low.value >= 0 ? low : zero, high);
  const negative = new Digits(
    grammar,
    whole,
    high !== null && high.value < 0 ? mirrored(high) : { value: 0, inclusive: false },
    low === null ? null : mirrored(low),
  );
  const alternatives = [
    ...(high !== null && high.value < 0 ? [] : positive.alternatives()),
    ...(low !== null && low.value >= 0 ? [] : negative.alternatives().map((digits) => sequence(literal('-'), digits))),
  ];
  return alternatives.length === 0 ? null : grammar.rule(choice(alternatives));
}

const mirrored = ({ value, inclusive }: Bound): Bound => ({ value: -value, inclusive });

/** Whole multiples of a small number: an automaton over remainders, up to nine digits long. */
export function multiplesOf(grammar: Grammar, divisor: number): string {
  const states = new Map<string, string>();
  const rest = (remainder: number, digitsLeft: number): string | null => {
    if (digitsLeft === 0) return remainder === 0 ? '' : null;
    const key = `${remainder} ${digitsLeft}`;
    const known = states.get(key);
    if (known !== undefined) return known;
    const steps = Array.from({ length: 10 }, (_, digit) => {
      const next = rest((remainder * 10 + digit) % divisor, digitsLeft - 1);
      return next === null ? [] : [sequence(literal(String(digit)), next)];
    }).flat();
    const ways = [...(remainder === 0 ? [''] : []), ...steps];
    if (ways.length === 0) return null;
    const rule = grammar.rule(choice(ways));
    states.set(key, rule);
    return rule;
  };
  const firsts = Array.from({ length: 9 }, (_, i) =>
    sequence(literal(String(i + 1)), rest((i + 1) % divisor, 8) ?? ''),
  );
  return grammar.rule(`"0" | ${literal('-')}? (${firsts.join(' | ')})`);
}

/** A bound's digits: `whole` before the point without leading zeros, `fraction` after it. */
interface Decimal {
  readonly whole: string;
  readonly fraction: string;
  readonly inclusive: boolean;
}

/** Numbers from 0 on, between a lower bound and perhaps an upper one. */
class Digits {
  readonly #grammar: Grammar;
  readonly #whole: boolean;
  readonly #low: Decimal;
  readonly #high: Decimal | null;

  constructor(grammar: Grammar, whole: boolean, low: Bound, high: Bound | null) {
    this.#grammar = grammar;
    this.#whole = whole;
    this.#low = decimal(low);
    this.#high = high === null ? null : decimal(high);
  }

  /** One alternative per number of digits before the point. */
  alternatives(): string[] {
    const [low, high] = [this.#low, this.#high];
    const longest = Math.min(high?.whole.length ?? Infinity, Math.max(digitsMax, low.whole.length));
    const found: string[] = [];
    for (let length = low.whole.length; length <= longest; length++) {
      const tightHigh = high !== null && high.whole.length === length;
      const rest = this.#rest(0, length, low.whole.length === length, tightHigh);
      if (rest !== null) found.push(rest);
    }
    return found;
  }

  /** What may follow `at` digits of a number with `length` of them before the point; null for nothing at all. */
  #rest(at: number, length: number, tightLow: boolean, tightHigh: boolean): string | null {
    if (!tightLow && !tightHigh) return this.#free(at, length);
    const end = this.#end(length);
    const canStop = at >= length && this.#mayStop(at, length, tightLow, tightHigh);
    if (at === end) return canStop ? '' : null;
    const low = tightLow ? digitAt(this.#low, at, length) : 0;
    const high = tightHigh ? digitAt(this.#high!, at, length) : 9;
    const first = at === 0 && length > 1 ? Math.max(1, low) : low;
    const steps: string[] = [];
    let digit = first;
    while (digit <= high) {
      const stillLow = tightLow && digit === low;
      const stillHigh = tightHigh && digit === high;
      // Digits between the bounds all lead to the same place.
      const last = stillLow || stillHigh ? digit : tightHigh ? high - 1 : 9;
      const rest = this.#rest(at + 1, length, stillLow, stillHigh);
      if (rest !== null) steps.push(sequence(digits(digit, last), rest));
      digit = last + 1;
    }
    if (steps.length === 0) return canStop ? '' : null;
    const onwards = sequence(at === length ? literal('.') : '', either(...steps));
    return this.#grammar.rule(choice(canStop ? ['', onwards] : [onwards]));
  }

  /** No bound matters any more. */
  #free(at: number, length: number): string {
    const end = this.#end(length);
    const before = Math.max(0, length - at);
    const first = at === 0 && length > 1 ? '[1-9]' : '';
    const count = before - (first === '' ? 0 : 1);
    const wholePart = sequence(first, count > 0 ? `[0-9]{${count}}` : '');
    if (end === length) return wholePart;
    if (at <= length) return sequence(wholePart, `(${literal('.')} [0-9]{1,${end - length}})?`);
    return at === end ? '' : `[0-9]{0,${end - at}}`;
  }

  #end(length: number): number {
    return this.#whole ? length : length + Math.max(1, digitsMax - length);
  }

  #mayStop(at: number, length: number, tightLow: boolean, tightHigh: boolean): boolean {
    const restIsZero = (bound: Decimal): boolean => /^0*$/.test(bound.fraction.slice(at - length));
    if (tightLow && !(restIsZero(this.#low) && this.#low.inclusive)) return false;
    return !tightHigh || !restIsZero(this.#high!) || this.#high!.inclusive;
  }
}

const digits = (first: number, last: number): string =>
  first === last ? literal(String(first)) : charClass([[0x30 + first, 0x30 + last]]);

const digitAt = ({ whole, fraction }: Decimal, at: number, length: number): number =>
  Number(at < length ? whole[at] : (fraction[at - length] ?? '0'));

/** The digits with which a number is usually written, without exponent. */
function decimal({ value, inclusive }: Bound): Decimal {
  const [mantissa, exponent = '0'] = String(value).split('e');
  const [before, after = ''] = mantissa!.split('.');
  const shift = Number(exponent);
  const all = before! + after;
  const point = before!.length + shift;
  const whole = all.slice(0, Math.max(0, point)).padEnd(Math.max(0, point), '0').replace(/^0+/, '') || '0';
  const fraction = '0'.repeat(Math.max(0, -point)) + all.slice(Math.max(0, point));
  return { whole, fraction, inclusive };
}
