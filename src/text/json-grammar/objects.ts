/**
 * Objects and arrays as grammar: members in the schema's order, optional ones left out or not, then any others.
 *
 * What may follow member i depends only on whether anything came before it, so there are two rules per member and
 * not one per subset:
 *
 *   first(i)  nothing was written yet      "a": …  rest(i+1)   |  first(i+1) when `a` is optional
 *   rest(i)   something was, so a comma    , "a": …  rest(i+1) |  rest(i+1) when `a` is optional
 */

import { single, union, without } from './char-set.ts';
import { choice, type Grammar, literal, sequence } from './grammar.ts';
import { between, characterOf, comma, inString, keyCharacters, member, quoted } from './json-text.ts';

export interface Property {
  readonly key: string;
  /** The rule of its values. */
  readonly value: string;
  readonly required: boolean;
}

/** `extra` is the rule of values under any other key, or null for none. */
export function objectExpression(grammar: Grammar, properties: readonly Property[], extra: string | null): string {
  const separator = comma(grammar);
  const others =
    extra === null
      ? ''
      : grammar.rule(
          member(
            grammar,
            otherKey(
              grammar,
              properties.map(({ key }) => key),
            ),
            extra,
          ),
        );
  const othersAfter = others === '' ? '' : `(${separator} ${others})*`;
  const rests: string[] = [othersAfter];
  const firsts: string[] = [others === '' ? '' : `(${others} ${othersAfter})?`];
  for (const { key, value, required } of properties.toReversed()) {
    const pair = member(grammar, quoted(literal(inString(key))), value);
    const [rest, first] = [rests[0]!, firsts[0]!];
    const body = (...parts: string[]): string => sequence(...parts, pair, rest);
    rests.unshift(grammar.rule(choice(required ? [body(separator)] : [rest, body(separator)])));
    firsts.unshift(grammar.rule(choice(required ? [body()] : [first, body()])));
  }
  return between(grammar, '{', firsts[0]!, '}');
}

/** A string that is none of `keys`: at some letter it leaves their tree, or it ends where none of them does. */
function otherKey(grammar: Grammar, keys: readonly string[]): string {
  const letter = grammar.rule(characterOf(keyCharacters));
  const leave = (tails: readonly (readonly string[])[]): string => {
    const nexts = [...new Set(tails.flatMap(([next]) => next ?? []))];
    if (nexts.length === 0) return `${letter}${tails.length > 0 ? '+' : '*'}`;
    const elsewhere = characterOf(without(keyCharacters, union(...nexts.map(single))));
    return grammar.rule(
      choice([
        ...(tails.some((tail) => tail.length === 0) ? [] : ['']),
        `${elsewhere} ${letter}*`,
        ...nexts.map((next) =>
          sequence(
            literal(inString(next)),
            leave(tails.filter(([head]) => head === next).map((tail) => tail.slice(1))),
          ),
        ),
      ]),
    );
  };
  return grammar.rule(quoted(leave(keys.map((key) => Array.from(key)))));
}

export interface Items {
  /** Rules of the first items, one by one. */
  readonly prefix: readonly string[];
  /** The rule of all further ones, or null for none. */
  readonly rest: string | null;
  readonly min: number;
  readonly max: number | null;
}

/** Null when no array is long enough. */
export function arrayExpression(grammar: Grammar, { prefix, rest, min, max }: Items): string | null {
  const separator = comma(grammar);
  const longest = rest === null ? Math.min(max ?? Infinity, prefix.length) : max;
  if (longest !== null && longest < min) return null;
  /** From item `at` on, items before it being there already. */
  const from = (at: number): string => {
    if (longest !== null && at >= longest) return '';
    const lead = at === 0 ? '' : separator;
    if (at < prefix.length) {
      const more = sequence(lead, prefix[at]!, from(at + 1));
      return at >= min ? grammar.rule(choice(['', more])) : more;
    }
    if (at > 0)
      return grammar.repeat(sequence(lead, rest!), Math.max(0, min - at), longest === null ? null : longest - at);
    const more = sequence(rest!, from(1));
    return min === 0 ? grammar.rule(choice(['', more])) : more;
  };
  return between(grammar, '[', from(0), ']');
}
