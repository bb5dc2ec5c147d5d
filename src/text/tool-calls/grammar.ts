/**
 * What an answer that may call functions can look like, as grammar: calls in the model's own syntax, with arguments
 * that fit the functions' parameters, and beside them what else may be said.
 */

import { invalid } from '../../domain/errors.ts';
import type { ToolDefinition } from '../../domain/example.ts';
import { everything, single, union, without } from '../json-grammar/char-set.ts';
import { charClass, choice, Grammar, literal, sequence } from '../json-grammar/grammar.ts';
import { anyValue, between, comma, member, quoted } from '../json-grammar/json-text.ts';
import { isExpressible, schemaRule } from '../json-grammar/schema.ts';
import { checkStrict } from '../json-grammar/strict.ts';
import type { CallSyntax } from './syntax.ts';

export interface CallRules {
  readonly syntax: CallSyntax;
  /** The functions that may be called. */
  readonly tools: readonly CallableTool[];
  /** Whether an answer may make more than one call. */
  readonly several: boolean;
  /** What may be answered in place of calls; `text` may also stand before them. */
  readonly instead: 'nothing' | 'text' | JsonInstead;
}

export interface JsonInstead {
  readonly schema: unknown;
  readonly strict: boolean;
  readonly param: string;
}

export interface CallableTool {
  readonly tool: ToolDefinition;
  /** Where the request has its parameters, for complaints about them. */
  readonly param: string;
}

/** Small models that have to call something tend to go on with it; nobody wants more calls at once. */
const callsMax = 16;

export function callGrammar({ syntax, tools, several, instead }: CallRules): string {
  const grammar = new Grammar();
  const call = grammar.rule(choice(tools.map((tool) => callRule(grammar, syntax, tool))));
  const next = several && syntax.between !== null ? sequence(literal(syntax.between), call) : null;
  const more = next === null ? '' : grammar.repeat(next, 0, callsMax - 1);
  const calls = sequence(literal(syntax.opening), call, more, literal(syntax.closing));
  if (instead === 'nothing') return grammar.text(calls);
  if (instead !== 'text') {
    if (instead.strict) checkStrict(instead.schema, instead.param);
    const json = schemaRule(grammar, instead.schema, instead.param);
    return grammar.text(grammar.rule(choice([calls, json])));
  }
  const { mark } = syntax;
  if (syntax.bare) return grammar.text(grammar.rule(choice([calls, plainBeginning(grammar), ''])));
  return grammar.text(sequence(textWithout(grammar, mark), `(${calls})?`));
}

function callRule(grammar: Grammar, syntax: CallSyntax, { tool, param }: CallableTool): string {
  const { name } = tool.function;
  const key = (text: string): string => literal(JSON.stringify(text));
  const id = sequence(comma(grammar), member(grammar, key('id'), quoted('[a-zA-Z0-9]{9}')));
  const nameMember = member(grammar, key('name'), key(name));
  const argumentsMember = member(grammar, key(syntax.argumentsKey), argumentsRule(grammar, tool, param));
  const [first, second] = syntax.argumentsFirst ? [argumentsMember, nameMember] : [nameMember, argumentsMember];
  const members = sequence(first, comma(grammar), second, syntax.withId ? `(${id})?` : '');
  return grammar.rule(between(grammar, '{', members, '}'));
}

/** Parameters that no grammar can promise are refused where they are strict, and otherwise leave any object. */
function argumentsRule(grammar: Grammar, { function: { parameters, strict } }: ToolDefinition, param: string): string {
  if (parameters === undefined) return anyValue(grammar).object;
  const schema = { type: 'object', ...parameters };
  if (schema.type !== 'object')
    throw invalid(
      param,
      `Invalid schema for '${param}': the parameters of a function are an object.`,
      'invalid_function_parameters',
    );
  if (strict === true) checkStrict(schema, param);
  else if (!isExpressible(schema)) return anyValue(grammar).object;
  return schemaRule(grammar, schema, param);
}

/** Any text in which the mark does not occur: one rule for every number of its letters that were just seen. */
function textWithout(grammar: Grammar, mark: string): string {
  const letters = Array.from(mark);
  const states = letters.map(() => grammar.reserve());
  for (const [seen, state] of states.entries()) {
    const steps = new Map<string, string>();
    for (const letter of new Set(letters)) {
      const next = overlap(letters, [...letters.slice(0, seen), letter]);
      if (next > 0 && next < letters.length) steps.set(letter, states[next]!);
      else if (next === letters.length) steps.set(letter, '');
    }
    const others = without(everything, union(...[...steps.keys()].map(single)));
    const onwards = [...steps].filter(([, next]) => next !== '').map(([letter, next]) => `${literal(letter)} ${next}`);
    grammar.define(state, choice([...onwards, `${charClass(others)} ${states[0]!}`, '']));
  }
  return states[0]!;
}

/** How many letters of the mark the text ends with. */
function overlap(mark: readonly string[], text: readonly string[]): number {
  let length = Math.min(mark.length, text.length);
  while (length > 0 && !text.slice(-length).every((letter, i) => letter === mark[i])) length--;
  return length;
}

/** Text that nobody takes for a call, since it begins otherwise. */
function plainBeginning(grammar: Grammar): string {
  const first = without(everything, union(single('{'), single('['), [[0, 0x20]]));
  return sequence(charClass(first), grammar.rule(`${charClass(everything)}*`));
}
