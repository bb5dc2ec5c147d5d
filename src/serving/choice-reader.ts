/** Reads one choice: token ids and their log-probabilities in, text and OpenAI's view of the tokens out. */

import type { TextCodec } from '../text/codec.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { AnswerText } from './answer-text.ts';
import type { TokenLogprobs, TokensReport } from './protocol.ts';

export interface TokenText {
  readonly token: string;
  readonly logprob: number;
  /** UTF-8 of the token's text, null for tokens that stand for no text. */
  readonly bytes: number[] | null;
}

export interface TokenAlternatives extends TokenText {
  readonly top_logprobs: TokenText[];
}

/** A token of the prompt: nothing comes before the first one, so it has no probability. */
export interface PromptToken extends Omit<TokenText, 'logprob'> {
  readonly logprob: number | null;
  readonly top_logprobs: TokenText[] | null;
}

export interface Piece {
  readonly text: string;
  readonly logprobs: TokenAlternatives[] | null;
}

export class ChoiceReader {
  tokens = 0;
  readonly #tokenizer: Tokenizer;
  readonly #text: AnswerText;
  /** Tokens whose text was not given out yet, and where in the text each begins. */
  #pending: { readonly at: number; readonly alternatives: TokenAlternatives }[] = [];

  constructor(tokenizer: Tokenizer, stops: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#text = new AnswerText(stops);
  }

  /** Whether a stop string was found; the text ends before it. */
  get stopped(): boolean {
    return this.#text.stopped;
  }

  read({ tokens, logprobs, end }: TokensReport): Piece {
    let text = '';
    for (const [i, token] of tokens.entries()) {
      if (this.stopped) break;
      this.tokens += 1;
      if (logprobs !== null)
        this.#pending.push({ at: this.#text.received, alternatives: name(this.#tokenizer, token, logprobs[i]!) });
      text += this.#text.push(this.#tokenizer.bytes(token));
    }
    if (end !== null) text += this.#text.end();
    const whole = end !== null && !this.stopped;
    return { text, logprobs: logprobs === null ? null : this.#release(whole) };
  }

  #release(whole: boolean): TokenAlternatives[] {
    const certain = this.#pending.filter(({ at }) => whole || at < this.#text.given);
    this.#pending = this.#pending.slice(certain.length);
    return certain.map(({ alternatives }) => alternatives);
  }
}

/** The tokens of a prompt in OpenAI's view: nobody wrote the one that texts begin with, and the first has no odds. */
export function namePrompt(
  { tokenizer }: TextCodec,
  tokens: Int32Array,
  logprobs: readonly (TokenLogprobs | null)[],
): PromptToken[] {
  const start = tokenizer.addBos && tokens[0] === tokenizer.bosId && tokens.length > 1 ? 1 : 0;
  return Array.from(tokens, (token, i) => {
    const found = i === start ? null : (logprobs[i] ?? null);
    if (found === null) return { ...spell(tokenizer, token, 0), logprob: null, top_logprobs: null };
    return name(tokenizer, token, found);
  }).slice(start);
}

function name(tokenizer: Tokenizer, token: number, { logprob, top }: TokenLogprobs): TokenAlternatives {
  const alternatives = top.map(([alternative, logprob]) => spell(tokenizer, alternative, logprob));
  return { ...spell(tokenizer, token, logprob), top_logprobs: alternatives };
}

function spell(tokenizer: Tokenizer, token: number, logprob: number): TokenText {
  if (tokenizer.isControl(token)) return { token: tokenizer.vocabulary.texts[token]!, logprob, bytes: null };
  const bytes = tokenizer.bytes(token);
  return { token: readable(bytes), logprob, bytes: [...bytes] };
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A part of a character is shown by its bytes, `\xf0\x9f`, as OpenAI does. */
function readable(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.raw`\x${byte.toString(16).padStart(2, '0')}`).join('');
  }
}
