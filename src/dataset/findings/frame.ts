/**
 * What all prompts of a file begin and end with: the instructions around what is asked.
 *
 * A template in two hundred words around questions in five makes all of them look alike, so it is taken away
 * before texts are compared.
 */

export interface Frame {
  readonly prefix: string;
  readonly suffix: string;
}

export const noFrame: Frame = { prefix: '', suffix: '' };

const textsMin = 20;
const frameMin = 16;

/** Whole words only; nothing where there are too few texts to call it a habit. */
export function frameOf(texts: readonly string[]): Frame {
  const different = [...new Set(texts)].filter((text) => text.trim() !== '');
  if (different.length < textsMin) return noFrame;
  const [first] = different as [string];
  let prefix = first.length;
  let suffix = first.length;
  for (const text of different) {
    const at = (index: number): boolean => text.charCodeAt(index) === first.charCodeAt(index);
    const fromEnd = (index: number): boolean => text.at(-1 - index) === first.at(-1 - index);
    prefix = agreeing(Math.min(prefix, text.length), at);
    suffix = agreeing(Math.min(suffix, text.length), fromEnd);
  }
  const start = first.slice(0, prefix).replace(/[^\s\p{P}]*$/u, '');
  const end = suffix === 0 ? '' : first.slice(-suffix).replace(/^[^\s\p{P}]*/u, '');
  return { prefix: start.length < frameMin ? '' : start, suffix: end.length < frameMin ? '' : end };
}

function agreeing(most: number, agrees: (index: number) => boolean): number {
  let count = 0;
  while (count < most && agrees(count)) count += 1;
  return count;
}

/** The text inside its frame; a text that is nothing else stays whole. */
export function withoutFrame(text: string, { prefix, suffix }: Frame): string {
  const start = text.startsWith(prefix) ? prefix.length : 0;
  const end = text.endsWith(suffix) ? text.length - suffix.length : text.length;
  const inner = start < end ? text.slice(start, end) : '';
  return inner.trim() === '' ? text : inner;
}
