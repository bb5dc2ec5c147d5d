/**
 * The formula that makes one score of a multi grader's parts: `0.7 * accuracy + 0.3 * min(style, 1)`.
 *
 * Numbers, names of parts, `+ - * / ^`, brackets, and a few functions; `^` binds tightest and to the right, as on
 * paper. A formula is parsed once into a tree of closures; nothing of it is ever handed to JavaScript.
 *
 *   sum     = product (('+' | '-') product)*
 *   product = factor (('*' | '/') factor)*
 *   factor  = ('-' | '+') factor | power
 *   power   = atom ('^' factor)?
 *   atom    = number | name | name '(' sum (',' sum)* ')' | '(' sum ')'
 */

export type Scores = Readonly<Record<string, number>>;

/** The formula breaks its grammar, or names what is not there. */
export class FormulaError extends Error {}

export interface Formula {
  /** The parts that it mentions. */
  readonly names: ReadonlySet<string>;
  evaluate(scores: Scores): number;
}

type Term = (scores: Scores) => number;
type Token = { readonly text: string; readonly at: number; readonly kind: 'number' | 'name' | 'sign' | 'end' };

const functions: Readonly<
  Record<string, { readonly takes: number | 'some'; readonly call: (...x: number[]) => number }>
> = {
  min: { takes: 'some', call: Math.min },
  max: { takes: 'some', call: Math.max },
  abs: { takes: 1, call: Math.abs },
  floor: { takes: 1, call: Math.floor },
  ceil: { takes: 1, call: Math.ceil },
  exp: { takes: 1, call: Math.exp },
  sqrt: { takes: 1, call: Math.sqrt },
  log: { takes: 1, call: Math.log },
};

const depthMax = 100;

export function parseFormula(text: string): Formula {
  const tokens = tokenize(text);
  const names = new Set<string>();
  let position = 0;
  let depth = 0;

  const peek = (): Token => tokens[position]!;
  const next = (): Token => tokens[position++]!;
  const takes = (...signs: string[]): string | null =>
    peek().kind === 'sign' && signs.includes(peek().text) ? next().text : null;
  const expect = (sign: string): void => {
    if (takes(sign) === null) throw unexpected(peek(), `"${sign}"`);
  };

  function chain(part: () => Term, operators: Readonly<Record<string, (a: number, b: number) => number>>): Term {
    let left = part();
    for (let sign = takes(...Object.keys(operators)); sign !== null; sign = takes(...Object.keys(operators))) {
      const [a, b, apply] = [left, part(), operators[sign]!];
      left = (scores) => apply(a(scores), b(scores));
    }
    return left;
  }
  const sum = (): Term => chain(product, { '+': (a, b) => a + b, '-': (a, b) => a - b });
  const product = (): Term => chain(factor, { '*': (a, b) => a * b, '/': (a, b) => a / b });

  function factor(): Term {
    if (++depth > depthMax) throw new FormulaError(`The formula is nested deeper than ${depthMax} levels.`);
    try {
      const sign = takes('-', '+');
      if (sign === null) return power();
      const inner = factor();
      return sign === '-' ? (scores) => -inner(scores) : inner;
    } finally {
      depth -= 1;
    }
  }

  function power(): Term {
    const base = atom();
    if (takes('^') === null) return base;
    const exponent = factor();
    return (scores) => base(scores) ** exponent(scores);
  }

  function atom(): Term {
    const token = next();
    if (token.kind === 'number') {
      const value = Number(token.text);
      return () => value;
    }
    if (token.kind === 'name') return takes('(') === null ? part(token.text) : call(token);
    if (token.text !== '(') throw unexpected(token, 'a number, a name or "("');
    const inner = sum();
    expect(')');
    return inner;
  }

  function part(name: string): Term {
    names.add(name);
    return (scores) => {
      if (!Object.hasOwn(scores, name)) throw new FormulaError(`There is no grader "${name}".`);
      return scores[name]!;
    };
  }

  function call({ text: name, at }: Token): Term {
    if (!Object.hasOwn(functions, name))
      throw new FormulaError(
        `"${name}" at position ${at} is no function. Expected one of ${Object.keys(functions).join(', ')}.`,
      );
    const { takes: wanted, call: apply } = functions[name]!;
    const given = [sum()];
    while (takes(',') !== null) given.push(sum());
    expect(')');
    if (wanted !== 'some' && given.length !== wanted)
      throw new FormulaError(`${name} at position ${at} takes ${wanted} value, found ${given.length}.`);
    return (scores) => apply(...given.map((term) => term(scores)));
  }

  const whole = sum();
  if (peek().kind !== 'end') throw unexpected(peek(), 'an operator or the end');
  return { names, evaluate: whole };
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const shape = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|([-+*/^(),]))/y;
  while (text.slice(shape.lastIndex).trim() !== '') {
    const at = shape.lastIndex;
    const [, number, name, sign] = shape.exec(text) ?? [];
    const found = number ?? name ?? sign;
    if (found === undefined) {
      const odd = text.slice(at).trimStart();
      throw new FormulaError(`"${odd[0]}" at position ${text.length - odd.length} means nothing in a formula.`);
    }
    const kind = number !== undefined ? 'number' : name !== undefined ? 'name' : 'sign';
    tokens.push({ text: found, at: shape.lastIndex - found.length, kind });
  }
  return [...tokens, { text: '', at: text.length, kind: 'end' }];
}

function unexpected({ text, at, kind }: Token, expected: string): FormulaError {
  const found = kind === 'end' ? 'the end' : `"${text}" at position ${at}`;
  return new FormulaError(`Found ${found} where ${expected} was expected.`);
}
