/**
 * Function calls in an answer, found while it arrives.
 *
 * Text that could be the beginning of a call is held back until that is decided. A call is certain once its name is
 * known and its arguments begin; from there they pass through as they come, and stay what they are when the answer
 * ends too early. What turns out to be no call is given out as the text it is; the syntax around calls never is.
 *
 *   in    Let me se | e.\n<tool_ca | ll>\n{"name":"add","argu | ments":{"a": | 1}}\n</tool_call>
 *   out   Let me se | e.           |                          | add {"a":    | 1}
 *
 * How the answer was cut into pieces makes no difference to what is read.
 */

import { JsonScan } from './json-scan.ts';
import type { CallSyntax } from './syntax.ts';

export type Reading =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'call'; readonly name: string }
  /** A fragment of the JSON of the newest call's arguments. */
  | { readonly type: 'arguments'; readonly text: string };

/**
 *   text       outside of calls
 *   call       after a mark, or where a call may begin without one
 *   arguments  inside of the arguments, which are passed on
 *   rest       behind the arguments, up to the end of the call's JSON
 *   after      behind a call: another one, the closing mark, or text again
 */
type State = 'text' | 'call' | 'arguments' | 'rest' | 'after';

/** What a call's JSON may begin with; another first key means that it is none. */
const firstKeys: ReadonlySet<string> = new Set(['name', 'arguments', 'parameters', 'id', 'type']);
const firstKey = /^\{\s*"((?:[^"\\]|\\.)*)"/u;
/** A call up to its arguments. Whoever writes its keys in another order is read when the JSON is complete. */
const header =
  /^\{\s*(?:"(?:id|type)"\s*:\s*"[^"\\]*"\s*,\s*)*"name"\s*:\s*"([^"\\]+)"\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)/u;

export class CallReader {
  readonly #syntax: CallSyntax;
  readonly #names: ReadonlySet<string>;
  #state: State = 'text';
  #held = '';
  /** The mark that was taken for the beginning of a call, until that is certain. */
  #mark = '';
  /** Where no mark announces calls, an answer is one from its first character on, or not at all. */
  #mayBegin: boolean;
  /** What the template writes at the beginning of an answer that calls; empty once the answer has begun. */
  #lead: string;
  #scan = new JsonScan();
  #readings: Reading[] = [];

  /** `names` are the functions that may be called; without a mark only they make a JSON object a call. */
  constructor(syntax: CallSyntax, names: ReadonlySet<string>) {
    this.#syntax = syntax;
    this.#names = names;
    this.#mayBegin = syntax.bare;
    this.#lead = syntax.opening.slice(0, syntax.opening.lastIndexOf(syntax.mark)).trim();
  }

  read(piece: string): Reading[] {
    return this.#advance(piece, false);
  }

  /** What is left when nothing more comes. */
  end(): Reading[] {
    return this.#advance('', true);
  }

  #advance(piece: string, over: boolean): Reading[] {
    this.#held += piece;
    while (this.#held !== '' && this.#step(over));
    if (over && this.#mark !== '') this.#isText();
    return this.#readings.splice(0);
  }

  /** Whether it got anywhere; if not, more text has to come. */
  #step(over: boolean): boolean {
    switch (this.#state) {
      case 'text':
        return this.#readText(over);
      case 'call':
        return this.#readCall(over);
      case 'arguments':
        return this.#readArguments();
      case 'rest':
        return this.#skipRest();
      case 'after':
        return this.#readAfter(over);
      default:
        throw this.#state satisfies never;
    }
  }

  #readText(over: boolean): boolean {
    if (this.#lead !== '' && !this.#skipLead(over)) return false;
    if (this.#mayBegin) {
      const start = this.#held.search(/\S/u);
      if (start < 0 && !over) return false;
      this.#mayBegin = false;
      if (start >= 0 && '{['.includes(this.#held[start]!)) {
        this.#mark = this.#take(start);
        this.#state = 'call';
        return true;
      }
    }
    const { mark } = this.#syntax;
    const at = mark === '' ? -1 : this.#held.indexOf(mark);
    if (at < 0) {
      this.#give(this.#take(over ? this.#held.length : certain(this.#held, mark)));
      return false;
    }
    this.#give(this.#take(this.#held.slice(0, at).trimEnd().length));
    this.#mark = this.#take(this.#held.indexOf(mark) + mark.length);
    this.#state = 'call';
    return true;
  }

  /** Takes the lead away where a call follows; false while that is open. */
  #skipLead(over: boolean): boolean {
    const text = this.#held.trimStart();
    const behind = text.startsWith(this.#lead) ? text.slice(this.#lead.length).trimStart() : null;
    const open = behind === null ? this.#lead.startsWith(text) : this.#syntax.mark.startsWith(behind);
    const calls = behind?.startsWith(this.#syntax.mark) === true;
    if (open && !calls && !over) return false;
    if (calls) this.#held = behind!;
    this.#lead = '';
    return true;
  }

  #readCall(over: boolean): boolean {
    const start = /^\s*(?:\[\s*)?/u.exec(this.#held)![0].length;
    const json = this.#held.slice(start);
    const [head, name] = header.exec(json) ?? [];
    if (head !== undefined) {
      if (!this.#mayCall(name!)) return this.#isText();
      this.#isCall(name!, start + head.length, 'arguments');
      return true;
    }
    const end = new JsonScan().end(json);
    if (end !== null) {
      const call = callOf(json.slice(0, end));
      if (call === null || !this.#mayCall(call.name)) return this.#isText();
      this.#isCall(call.name, start + end, 'after');
      this.#readings.push({ type: 'arguments', text: call.arguments });
      return true;
    }
    const key = firstKey.exec(json)?.[1];
    const impossible = (json !== '' && json[0] !== '{') || (key !== undefined && !firstKeys.has(key));
    return (over || impossible) && this.#isText();
  }

  #readArguments(): boolean {
    const end = this.#scan.end(this.#held);
    this.#readings.push({ type: 'arguments', text: this.#take(end ?? this.#held.length) });
    if (end === null) return false;
    this.#scan = new JsonScan(1);
    this.#state = 'rest';
    return true;
  }

  #skipRest(): boolean {
    const end = this.#scan.end(this.#held);
    this.#take(end ?? this.#held.length);
    if (end !== null) this.#state = 'after';
    return end !== null;
  }

  #readAfter(over: boolean): boolean {
    const closing = this.#syntax.closing.replace(/^\s*\]/u, '').trim();
    const rest = this.#held.replace(/^[\s\],;]+/u, '');
    if (closing !== '' && rest.startsWith(closing)) {
      this.#held = rest.slice(closing.length);
      return true;
    }
    if (rest === '' || closing.startsWith(rest)) {
      if (over) this.#held = '';
      return false;
    }
    this.#held = rest;
    this.#state = rest.startsWith('{') ? 'call' : 'text';
    return true;
  }

  #mayCall(name: string): boolean {
    return this.#names.has(name) || !this.#syntax.bare;
  }

  #isCall(name: string, length: number, state: State): void {
    this.#take(length);
    this.#mark = '';
    this.#scan = new JsonScan();
    this.#state = state;
    this.#readings.push({ type: 'call', name });
  }

  /** Looks for calls further on. */
  #isText(): boolean {
    this.#give(this.#mark);
    this.#mark = '';
    this.#state = 'text';
    return true;
  }

  #give(text: string): void {
    if (text === '') return;
    const last = this.#readings.at(-1);
    if (last?.type === 'text') this.#readings[this.#readings.length - 1] = { type: 'text', text: last.text + text };
    else this.#readings.push({ type: 'text', text });
  }

  #take(length: number): string {
    const taken = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return taken;
  }
}

/** Length of the text that can be neither the beginning of a mark nor the space before one. */
function certain(text: string, mark: string): number {
  if (mark === '') return text.length;
  let length = Math.min(mark.length - 1, text.length);
  while (length > 0 && !text.endsWith(mark.slice(0, length))) length--;
  return text.slice(0, text.length - length).trimEnd().length;
}

/** A complete call, whatever the order of its keys; arguments may also be JSON in a string. */
function callOf(json: string): { name: string; arguments: string } | null {
  let call: Record<string, unknown>;
  try {
    call = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return null;
  }
  const { name, arguments: value = call['parameters'] ?? {} } = call;
  if (typeof name !== 'string') return null;
  return { name, arguments: typeof value === 'string' ? value : JSON.stringify(value) };
}
