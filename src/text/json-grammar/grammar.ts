/**
 * A grammar under construction, in llama.cpp's notation (GBNF).
 *
 * Expressions are plain strings; what is used twice or refers to itself becomes a rule. Two limits of the parser
 * shape what is written here: a repetition has fewer than 2 000 steps, and what it repeats should be one name, since
 * a group counts as often as it has rules. No rule may begin with itself.
 */

import { TunesmithError } from '../../domain/errors.ts';

/** Code points in ascending ranges, ends included. */
export type CharSet = readonly (readonly [first: number, last: number])[];

const repetitionMax = 1000;

const stepsMax = 100_000;
const depthMax = 10_000;

export class Grammar {
  readonly #bodies = new Map<string, string>();
  readonly #names = new Map<string, string>();

  /** The name of a rule with this body, which is made unless there is one. */
  rule(body: string): string {
    const known = this.#names.get(body);
    if (known !== undefined) return known;
    const name = this.reserve();
    this.#names.set(body, name);
    this.define(name, body);
    return name;
  }

  /** A name for a rule that will refer to itself; `define` it afterwards. */
  reserve(): string {
    const name = `r${this.#bodies.size}`;
    this.#bodies.set(name, '');
    return name;
  }

  define(name: string, body: string): void {
    this.#bodies.set(name, body === '' ? '""' : body);
  }

  /** `item` from `min` to `max` times; a max of null is no limit. */
  repeat(item: string, min: number, max: number | null): string {
    const name = this.rule(item);
    if (max === null) return sequence(this.#exactly(name, min), `${name}*`);
    return sequence(this.#exactly(name, min), this.#upTo(name, max - min));
  }

  /** The whole grammar; answers begin at `root`. */
  text(root: string): string {
    this.#checkEffort();
    const rules = [...this.#bodies].map(([name, body]) => `${name} ::= ${body}\n`);
    return `root ::= ${root}\n${rules.join('')}`;
  }

  /**
   * llama.cpp follows every rule's beginnings to the end, in recursion and without remembering where it has been: a
   * few dozen rules that begin with the next one twice would keep it busy for years, and a long chain overflow it.
   */
  #checkEffort(): void {
    const efforts = new Map<string, { steps: number; depth: number }>();
    for (const start of this.#bodies.keys()) {
      const path = [start];
      for (let name = path.at(-1); name !== undefined; name = path.at(-1)) {
        const nexts = beginnings(this.#bodies.get(name)!);
        const unknown = nexts.find((next) => !efforts.has(next) && !path.includes(next));
        if (unknown !== undefined && !efforts.has(name)) path.push(unknown);
        else {
          path.pop();
          const known = nexts.map((next) => efforts.get(next) ?? { steps: 0, depth: 0 });
          const steps = known.reduce((sum, each) => sum + each.steps, 1);
          const depth = 1 + Math.max(0, ...known.map((each) => each.depth));
          efforts.set(name, { steps, depth });
          if (steps > stepsMax || depth > depthMax)
            throw new TunesmithError('invalid', 'The schema has too many parts that begin with one another.', {
              code: 'invalid_json_schema',
            });
        }
      }
    }
  }

  #exactly(name: string, count: number): string {
    if (count === 0) return '';
    if (count <= repetitionMax) return `${name}{${count}}`;
    const block = this.rule(`${name}{${repetitionMax}}`);
    return sequence(
      this.#exactly(block, Math.floor(count / repetitionMax)),
      this.#exactly(name, count % repetitionMax),
    );
  }

  #upTo(name: string, count: number): string {
    if (count === 0) return '';
    if (count <= repetitionMax) return `${name}{0,${count}}`;
    const block = this.rule(`${name}{${repetitionMax}}`);
    const few = `${name}{0,${repetitionMax - 1}}`;
    return this.rule(either(few, sequence(block, this.#upTo(name, count - repetitionMax))));
  }
}

/** The rules that a body may begin with; rather too many than too few. */
function beginnings(body: string): string[] {
  const found = new Set<string>();
  const groups: boolean[] = [];
  let atStart = true;
  const parts = body.match(/"[^"]*"|\[[^\]]*\]|r\d+|[|()]|[?*{]/g) ?? [];
  for (const [i, part] of parts.entries()) {
    if (part === '|') atStart = groups.at(-1) ?? true;
    else if (part === '(') groups.push(atStart);
    else if (part === ')') atStart = groups.pop() ?? false;
    else if (part.startsWith('r')) {
      if (atStart) found.add(part);
    } else if (!'?*{'.includes(part)) atStart &&= part === '""' || '?*{'.includes(parts[i + 1] ?? '-');
  }
  return [...found];
}

/** Parts after each other; empty ones are left out. */
export function sequence(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}

/** One of several, as the body of a rule; an empty one needs a spelling, or the parser reads on into the next rule. */
export function choice(alternatives: readonly string[]): string {
  return alternatives.map((alternative) => (alternative === '' ? '""' : alternative)).join(' | ');
}

/** One of several, as something that can stand within a sequence. */
export function either(...alternatives: readonly string[]): string {
  return alternatives.length === 1 ? alternatives[0]! : `(${choice(alternatives)})`;
}

export function literal(text: string): string {
  return text === '' ? '' : `"${Array.from(text, (letter) => spelled(letter.codePointAt(0)!)).join('')}"`;
}

/** One character of a set. */
export function charClass(set: CharSet): string {
  const ranges = set.map(([first, last]) => (first === last ? spelled(first) : `${spelled(first)}-${spelled(last)}`));
  return `[${ranges.join('')}]`;
}

/** Everything that is not plainly a letter or digit is spelled by its number, so that nothing needs an escape. */
function spelled(code: number): string {
  const letter = String.fromCodePoint(code);
  if (/^[A-Za-z0-9 ]$/.test(letter)) return letter;
  return String.raw`\U${code.toString(16).toUpperCase().padStart(8, '0')}`;
}
