/** Mails about shopping and about work in random words, no two alike, so that parts can be cut from them. */

import { seededRandom } from '../../src/random.ts';

const shared = 'amber birch cedar delta ember fjord grove haven inlet jetty knoll ledge marsh notch ocean pearl quarry ridge slope tundra umber vale willow yarrow zephyr'.split(' '); // prettier-ignore
const own = { spam: ['offer', 'discount', 'prize', 'winner', 'cheap'], ham: ['meeting', 'report', 'colleague', 'agenda', 'minutes'] } as const; // prettier-ignore

export type Label = keyof typeof own;

export interface Mail {
  readonly text: string;
  readonly label: Label;
}

export function mails(count: number, seed = 1): Mail[] {
  const random = seededRandom(seed);
  const of = (words: readonly string[]): string => words[Math.floor(random() * words.length)]!;
  return Array.from({ length: count }, (_, i) => {
    const label: Label = i % 2 === 0 ? 'spam' : 'ham';
    const words = Array.from({ length: 6 }, () => of(shared));
    return { text: [of(own[label]), ...words, of(own[label])].join(' '), label };
  });
}

export const jsonl = (all: readonly Mail[]): string =>
  all
    .map(
      ({ text, label }) =>
      JSON.stringify({ messages: [{ role: 'user', content: text }, { role: 'assistant', content: label }] }), // prettier-ignore
    )
    .join('\n') + '\n';
