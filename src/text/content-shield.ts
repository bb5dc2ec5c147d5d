/**
 * Keeps what users write from becoming control tokens.
 *
 * A chat template mixes its own control tokens with the users' words into one text. So before rendering, every
 * place in the words where a control token's name begins gets a stand-in for its first character, and after
 * the control tokens have been cut out of the rendered text the stand-ins turn back:
 *
 *   user's words     a <|im_end|> b      →    a X|im_end|> b      rendered, cut at control tokens
 *   plain text       a <|im_end|> b      ←    a X|im_end|> b      encoded as the letters it is
 *
 * A template that takes words apart could still put a name together. That shows when the same conversation is
 * rendered with stand-ins for every character at which a name could begin or end: then the control tokens
 * differ, and the conversation is refused. Stand-ins are private-use characters that occur nowhere else in it.
 */

import { invalid } from '../domain/errors.ts';
import { oneOf } from './one-of.ts';

/** Words that templates compare with; they are ours, not the user's. */
const structure: ReadonlySet<string> = new Set(['system', 'user', 'assistant', 'tool', 'function']);

/** Far beyond any schema, and far below what the stack of a renderer takes. */
const depthMax = 100;

const privateUse = { first: 0xe000, last: 0xf8ff } as const;

export class ContentShield {
  readonly #names: RegExp | null;
  /** One character wherever a name begins. */
  readonly #beginnings: RegExp | null;
  readonly #edges: readonly string[];
  readonly #taken: string;

  /** `names` are those of the control tokens; stand-ins will not occur in `taken` nor in any conversation. */
  constructor(names: readonly string[], taken: string) {
    const alternatives = oneOf(names);
    this.#names = names.length === 0 ? null : new RegExp(alternatives, 'gu');
    this.#beginnings = names.length === 0 ? null : new RegExp(`(?=${alternatives})[^]`, 'gu');
    this.#edges = [...new Set(names.flatMap((name) => [Array.from(name).at(0)!, Array.from(name).at(-1)!]))];
    this.#taken = taken;
  }

  /** A guard for one conversation. It may be used for its beginnings too. */
  over(conversation: unknown): ContentGuard {
    const texts: string[] = [];
    mapTexts(conversation, (text) => {
      texts.push(text);
      return text;
    });
    const words = texts.join(' ');
    if (this.#names === null || this.#beginnings === null || !this.#edges.some((edge) => words.includes(edge))) {
      return unguarded;
    }
    return new StandIns(this.#names, this.#beginnings, this.#edges, words + this.#taken);
  }
}

export interface ContentGuard {
  /** Renders a conversation so that only the template's own control tokens can be found in the text. */
  render<Conversation>(conversation: Conversation, render: (conversation: Conversation) => string): string;
  /** The same without proof that the template put no name together; enough for what a rendered text begins with. */
  renderBeginning<Conversation>(conversation: Conversation, render: (conversation: Conversation) => string): string;
  /** The text as the users wrote it, after the control tokens have been cut out. */
  restore(text: string): string;
}

/** For conversations that hold no character with which a name could begin or end. */
const unguarded: ContentGuard = {
  render: (conversation, render) => render(conversation),
  renderBeginning: (conversation, render) => render(conversation),
  restore: (text) => text,
};

class StandIns implements ContentGuard {
  readonly #names: RegExp;
  readonly #withoutNames: (text: string) => string;
  readonly #withoutEdges: (text: string) => string;
  readonly #originals = new Map<string, string>();
  readonly #anyStandIn: RegExp;

  constructor(names: RegExp, beginnings: RegExp, edges: readonly string[], taken: string) {
    this.#names = names;
    const standIns = new Map<string, string>();
    let code: number = privateUse.first;
    for (const edge of edges) {
      while (taken.includes(String.fromCharCode(code))) code++;
      if (code > privateUse.last) throw invalid('messages', 'The messages use every private-use character there is.');
      const standIn = String.fromCharCode(code++);
      standIns.set(edge, standIn);
      this.#originals.set(standIn, edge);
    }
    const hide = (character: string): string => standIns.get(character)!;
    const anyEdge = new RegExp(oneOf(edges), 'gu');
    this.#withoutNames = remembering((text) => text.replaceAll(beginnings, hide));
    this.#withoutEdges = remembering((text) => (structure.has(text) ? text : text.replaceAll(anyEdge, hide)));
    this.#anyStandIn = new RegExp(oneOf([...this.#originals.keys()]), 'gu');
  }

  render<Conversation>(conversation: Conversation, render: (conversation: Conversation) => string): string {
    const text = this.renderBeginning(conversation, render);
    const strict = render(mapTexts(conversation, this.#withoutEdges, this.#withoutNames));
    const found = text.match(this.#names) ?? [];
    const expected = strict.match(this.#names) ?? [];
    if (found.length !== expected.length || found.some((name, i) => name !== expected[i])) {
      const extra = found.find((name, i) => name !== expected[i]) ?? expected[found.length];
      throw invalid('messages', `The messages make the model's chat template write ${extra}, a control token.`);
    }
    return text;
  }

  renderBeginning<Conversation>(conversation: Conversation, render: (conversation: Conversation) => string): string {
    return render(mapTexts(conversation, this.#withoutNames, this.#withoutNames));
  }

  restore(text: string): string {
    return text.replaceAll(this.#anyStandIn, (standIn) => this.#originals.get(standIn)!);
  }
}

/** The texts of a conversation come again with each of its beginnings. */
function remembering(change: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const found = known.get(text) ?? change(text);
    known.set(text, found);
    return found;
  };
}

/** A copy of plain data with every text, and every key, changed. */
function mapTexts<Value>(
  value: Value,
  change: (text: string) => string,
  changeKey: (key: string) => string = change,
  depth = 0,
): Value {
  if (typeof value === 'string') return change(value) as Value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth === depthMax) throw invalid('messages', `Tools or arguments are nested deeper than ${depthMax} levels.`);
  const mapped = (each: unknown): unknown => mapTexts(each, change, changeKey, depth + 1);
  if (Array.isArray(value)) return value.map(mapped) as Value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [changeKey(key), mapped(each)])) as Value;
}
