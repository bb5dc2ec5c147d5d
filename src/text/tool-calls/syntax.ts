/**
 * How a model writes a function call down, found out by having its chat template write one.
 *
 * The families differ in what stands around the JSON, in what the arguments are called, and in whether several
 * calls share a list:
 *
 *   Qwen, Hermes   <tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>
 *   Mistral        [TOOL_CALLS][{"name": "add", "arguments": {"a": 1}, "id": "123456789"}]
 *   Llama 3        {"name": "add", "parameters": {"a": 1}}
 *
 * A template whose calls are not JSON with a name is not read; for such models, and for those that know no calls
 * at all, `words.ts` has a way of our own. What is trained and what is read back are thus always the same.
 */

import type { ToolDefinition } from '../../domain/example.ts';
import { JsonScan } from './json-scan.ts';

export interface CallSyntax {
  /** What stands before the first call and after the last one, as the template writes it. */
  readonly opening: string;
  readonly closing: string;
  /** What stands between two calls; null where an answer makes only one. */
  readonly between: string | null;
  readonly argumentsKey: 'arguments' | 'parameters';
  /** Whether the arguments stand before the name. */
  readonly argumentsFirst: boolean;
  /** Text that announces calls; empty where nothing does. */
  readonly mark: string;
  /** Whether the mark is missing from an answer's text: it is empty, or a control token. */
  readonly bare: boolean;
  /** Whether each call also carries an id. */
  readonly withId: boolean;
}

/** Renders a question and an answer that makes calls, beginning after the prompt; throws what the template throws. */
export type Probe = (calls: readonly ProbeCall[], tools: readonly ToolDefinition[]) => string;

export interface ProbeCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: unknown };
}

const names = ['probe_first', 'probe_second'] as const;
const tools = names.map((name) => ({ type: 'function', function: { name, parameters: { type: 'object' } } }) as const);
const calls = names.map((name, i) => {
  return { id: `abcdefgh${i}`, type: 'function', function: { name, arguments: { key: `value${i}` } } } as const;
});

/** `ending` is what the template writes after any answer; `controls` are the texts of control tokens. */
export function readSyntax(probe: Probe, ending: string, controls: readonly string[]): CallSyntax | null {
  const one = attempt(() => probe(calls.slice(0, 1), tools));
  const first = one === null ? null : callIn(one, names[0]);
  if (one === null || first === null || !one.endsWith(ending)) return null;
  const opening = one.slice(0, first.start);
  const closing = one.slice(first.end, one.length - ending.length);
  const two = attempt(() => probe(calls, tools));
  const second = two === null ? null : callIn(two, names[1]);
  const between =
    two?.startsWith(one.slice(0, first.end)) === true && second !== null ? two.slice(first.end, second.start) : null;
  const mark = /\S*$/u.exec(opening.replace(/\[\s*$/u, '').trimEnd())![0];
  const visible = controls.reduce((text, control) => text.replaceAll(control, ''), mark);
  const { argumentsKey, argumentsFirst, withId } = first;
  return { opening, closing, between, argumentsKey, argumentsFirst, mark, bare: visible === '', withId };
}

/** The JSON object that calls the function of this name. */
function callIn(text: string, name: string) {
  const named = text.indexOf(`"${name}"`);
  const starts = Array.from(text.slice(0, Math.max(0, named)).matchAll(/\{/gu), (match) => match.index);
  for (const start of starts.toReversed()) {
    const length = new JsonScan().end(text.slice(start));
    const json = text.slice(start, start + (length ?? 0));
    const call = attempt(() => JSON.parse(json) as Record<string, unknown>);
    if (call?.['name'] === name) {
      const keys = Object.keys(call);
      const argumentsKey = (['arguments', 'parameters'] as const).find((key) => typeof call[key] === 'object');
      if (argumentsKey === undefined) return null;
      const argumentsFirst = keys.indexOf(argumentsKey) < keys.indexOf('name');
      return { start, end: start + json.length, argumentsKey, argumentsFirst, withId: keys.includes('id') };
    }
  }
  return null;
}

function attempt<Value>(work: () => Value): Value | null {
  try {
    return work();
  } catch {
    return null;
  }
}
