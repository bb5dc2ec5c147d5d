/**
 * JSON's own words as grammar: white space, strings, numbers, values of any kind.
 *
 * White space is one space, or a new line with some indentation: room for every usual layout, and none for a small
 * model to lose itself in. Strings cannot hold a lone half of a surrogate pair, whichever way it is spelled, so that
 * a character in the grammar is a character of the parsed string. Digits are bounded so that numbers stay finite.
 */

import { everything, has, intersection, single, union, without } from './char-set.ts';
import { charClass, choice, either, type CharSet, type Grammar, literal, sequence } from './grammar.ts';

const quote = '"\\U00000022"';
const hex = '[0-9A-Fa-f]';

/** What a string must spell with a backslash. */
const escaped: CharSet = union([[0, 0x1f]], single('"'), single('\\'));
const plain: CharSet = without(everything, escaped);

export const whiteSpace = (grammar: Grammar): string =>
  grammar.rule(choice(['', '" "', `${literal('\n')} ${charClass(union(single('\t'), single(' ')))}{0,20}`]));

/** One character of any string, in any spelling. */
export function anyCharacter(grammar: Grammar): string {
  const high = `[dD] [89ABab] ${hex} ${hex}`;
  const low = `[dD] [C-Fc-f] ${hex} ${hex}`;
  const usual = `([0-9A-CE-Fa-ce-f] ${hex} | [dD] [0-7]) ${hex} ${hex}`;
  const backslash = literal('\\');
  const byName = charClass(union(...Array.from('"\\/bfnrt', single)));
  return grammar.rule(
    [charClass(plain), `${backslash} (${byName} | "u" (${usual} | ${high} ${backslash} "u" ${low}))`].join(' | '),
  );
}

/** What the keys are made of that a schema does not name: characters with one spelling each. */
export const keyCharacters: CharSet = union(plain, ...Array.from('"\\\b\f\n\r\t', single));

/** One character of a set, spelled the usual way. */
export function characterOf(set: CharSet): string {
  const unescaped = intersection(set, plain);
  const others = escaped
    .flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
    .filter((code) => has(set, code));
  return either(
    ...(unescaped.length > 0 ? [charClass(unescaped)] : []),
    ...others.map((code) => literal(inString(String.fromCodePoint(code)))),
  );
}

/** Text as it stands between the quotes of a JSON string. */
export const inString = (text: string): string => JSON.stringify(text).slice(1, -1);

export const quoted = (content: string): string => sequence(quote, content, quote);

export const anyString = (grammar: Grammar): string => grammar.rule(quoted(`${anyCharacter(grammar)}*`));

export const anyInteger = (grammar: Grammar): string => grammar.rule(`${literal('-')}? ("0" | [1-9] [0-9]{0,14})`);

export const anyNumber = (grammar: Grammar): string =>
  grammar.rule(
    `${anyInteger(grammar)} (${literal('.')} [0-9]{1,16})? ([Ee] ${charClass(union(single('+'), single('-')))}? [0-9]{1,2})?`,
  );

export const anyBoolean = '("true" | "false")';

/** Things between brackets with commas in between, `list` being the part between. */
export function between(grammar: Grammar, open: string, list: string, close: string): string {
  const space = whiteSpace(grammar);
  return sequence(literal(open), space, list, space, literal(close));
}

export const comma = (grammar: Grammar): string => sequence(literal(','), whiteSpace(grammar));

export const member = (grammar: Grammar, key: string, value: string): string =>
  sequence(key, literal(':'), whiteSpace(grammar), value);

/** Values of any kind, and among them objects and arrays of anything. */
export interface AnyValue {
  readonly value: string;
  readonly object: string;
  readonly array: string;
}

const known = new WeakMap<Grammar, AnyValue>();

export function anyValue(grammar: Grammar): AnyValue {
  const before = known.get(grammar);
  if (before !== undefined) return before;
  const [value, object, array] = [grammar.reserve(), grammar.reserve(), grammar.reserve()];
  known.set(grammar, { value, object, array });
  const string = anyString(grammar);
  const pair = grammar.rule(member(grammar, string, value));
  const many = (item: string): string => `(${item} (${comma(grammar)} ${item})*)?`;
  grammar.define(object, between(grammar, '{', many(pair), '}'));
  grammar.define(array, between(grammar, '[', many(value), ']'));
  grammar.define(value, [object, array, string, anyNumber(grammar), anyBoolean, '"null"'].join(' | '));
  return { value, object, array };
}
