/**
 * What `JSON.parse` does not tell: where exactly a text breaks and why, how deep it is nested, and which keys an
 * object has twice. Slower than the parser, so it is asked only about texts that are refused or look suspicious.
 *
 * Keeps its own stack, so that no nesting can exhaust the machine's.
 */

export interface JsonFault {
  /** In UTF-16 units from the start of the text. */
  readonly at: number;
  readonly reason: 'syntax' | 'depth' | 'size';
  readonly found: string;
  readonly expected: string;
  /** What was probably meant. */
  readonly hint: string | null;
}

export interface JsonScan {
  readonly fault: JsonFault | null;
  /** JSONPaths of keys that their object has already. */
  readonly duplicates: readonly string[];
}

type Frame = { readonly keys: Set<string>; key: string } | { readonly keys: null; index: number };

/** More values than this fill a machine's memory, whatever they say. */
export const valuesMax = 1_000_000;

/** Reads a text up to its first fault. Nesting beyond `depthMax` is one, and so are values without end. */
export function scanJson(text: string, depthMax: number): JsonScan {
  return new Scanner(text, depthMax).scan();
}

const quote = 34;
const backslash = 92;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const literal = /true|false|null/y;
const word = /-?[\p{L}_$][\p{L}\p{N}_$]*/uy;
const space = /[ \t\n\r]*/y;

class Scanner {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #stack: Frame[] = [];
  readonly #duplicates: string[] = [];
  #at = 0;
  #values = 0;
  #fault: JsonFault | null = null;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
  }

  scan(): JsonScan {
    this.#value();
    while (this.#fault === null && this.#stack.length > 0) this.#next();
    this.#skip(space);
    if (this.#fault === null && this.#at < this.#text.length) {
      const second = this.#text[this.#at] === '{';
      this.#fail('the end of the line', second ? 'Put each object on a line of its own.' : null);
    }
    return { fault: this.#fault, duplicates: this.#duplicates };
  }

  /** A value, or the beginning of one that holds others. */
  #value(): void {
    this.#skip(space);
    if (++this.#values > valuesMax) {
      this.#fail(`at most ${valuesMax.toLocaleString('en')} values`, null, 'size');
      return;
    }
    const character = this.#text[this.#at];
    if (character === '{' || character === '[') this.#open(character);
    else if (character === '"') this.#string();
    else if (!this.#skip(number) && !this.#skip(literal)) this.#fail('a value', this.#hint());
  }

  #open(bracket: '{' | '['): void {
    if (this.#stack.length >= this.#depthMax) {
      this.#fail(`at most ${this.#depthMax} levels of nesting`, null, 'depth');
      return;
    }
    this.#at += 1;
    this.#skip(space);
    if (bracket === '[') {
      if (this.#eat(']')) return;
      this.#stack.push({ keys: null, index: 0 });
      this.#value();
    } else {
      if (this.#eat('}')) return;
      const frame = { keys: new Set<string>(), key: '' };
      this.#stack.push(frame);
      this.#member(frame);
    }
  }

  /** After a value: what comes next in the innermost list or object. */
  #next(): void {
    const frame = this.#stack.at(-1)!;
    const end = frame.keys === null ? ']' : '}';
    this.#skip(space);
    if (this.#eat(end)) {
      this.#stack.pop();
      return;
    }
    if (!this.#eat(',')) {
      this.#fail(`"," or "${end}"`, this.#hint());
      return;
    }
    this.#skip(space);
    if (this.#text[this.#at] === end) {
      this.#fail('another entry', 'Remove the comma before it.');
    } else if (frame.keys === null) {
      frame.index += 1;
      this.#value();
    } else this.#member(frame);
  }

  #member(frame: { readonly keys: Set<string>; key: string }): void {
    if (this.#text[this.#at] !== '"') {
      this.#fail('a key in double quotes', this.#hint());
      return;
    }
    const start = this.#at;
    if (!this.#string()) return;
    frame.key = JSON.parse(this.#text.slice(start, this.#at)) as string;
    if (frame.keys.has(frame.key)) this.#duplicates.push(this.#path());
    frame.keys.add(frame.key);
    this.#skip(space);
    if (this.#eat(':')) this.#value();
    else this.#fail('":" after the key', null);
  }

  #string(): boolean {
    const text = this.#text;
    for (let i = this.#at + 1; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === quote) {
        this.#at = i + 1;
        return true;
      }
      if (code < 32) {
        this.#at = i;
        this.#fail('no control character inside a text', `Write it as ${JSON.stringify(text[i]).slice(1, -1)}.`);
        return false;
      }
      if (code !== backslash) continue;
      const escape = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(text.slice(i, i + 6));
      if (escape === null) {
        this.#at = i;
        this.#fail('an escape that JSON knows', 'Write a backslash as \\\\.');
        return false;
      }
      i += escape[0].length - 1;
    }
    const start = this.#at;
    this.#at = text.length;
    this.#fail('a closing quote', `The text that begins at column ${start + 1} does not end.`);
    return false;
  }

  #path(): string {
    return this.#stack.reduce((path, frame) => {
      if (frame.keys === null) return `${path}[${frame.index}]`;
      return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(frame.key)
        ? `${path}.${frame.key}`
        : `${path}[${JSON.stringify(frame.key)}]`;
    }, '$');
  }

  #eat(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  /** Moves past what the pattern matches here, if it matches anything. */
  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const length = pattern.exec(this.#text)?.[0].length ?? 0;
    this.#at += length;
    return length > 0;
  }

  #fail(expected: string, hint: string | null, reason: JsonFault['reason'] = 'syntax'): void {
    word.lastIndex = this.#at;
    const name = word.exec(this.#text)?.[0].slice(0, 20);
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    const found = this.#at >= this.#text.length ? 'the end of the line' : (name ?? JSON.stringify(character));
    this.#fault = { at: this.#at, reason, found, expected, hint };
  }

  #hint(): string | null {
    if (this.#at >= this.#text.length) return 'A JSONL file has each object whole on one line.';
    word.lastIndex = this.#at;
    const name = word.exec(this.#text)?.[0] ?? this.#text[this.#at]!;
    return hints[name] ?? null;
  }
}

const quotes = 'JSON quotes with ", not with \'.';
const hints: Readonly<Record<string, string>> = {
  NaN: 'JSON has no NaN; write null.',
  Infinity: 'JSON has no Infinity; write null.',
  '-Infinity': 'JSON has no -Infinity; write null.',
  undefined: 'JSON has no undefined; write null.',
  None: 'This is Python; write null.',
  True: 'This is Python; write true.',
  False: 'This is Python; write false.',
  "'": quotes,
  '‘': quotes,
  '“': 'JSON quotes with ", not with typographic quotes.',
  '/': 'JSON has no comments.',
  '#': 'JSON has no comments.',
};
