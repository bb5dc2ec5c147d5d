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
  const different = [...new Set(texts)];
  if (different.length < textsMin) return noFrame;
  const [first] = different as [string];
  let prefix = first.length;
  let suffix = first.length;
  for (const text of different) {
    prefix = Math.min(prefix, text.length);
    suffix = Math.min(suffix, text.length);
    while (!text.startsWith(first.slice(0, prefix))) prefix -= 1;
    while (suffix > 0 && !text.endsWith(first.slice(-suffix))) suffix -= 1;
  }
  const start = first.slice(0, prefix).replace(/[^\s\p{P}]*$/u, '');
  const end = suffix === 0 ? '' : first.slice(-suffix).replace(/^[^\s\p{P}]*/u, '');
  return { prefix: start.length < frameMin ? '' : start, suffix: end.length < frameMin ? '' : end };
}

/** The text inside its frame; a text that is nothing else stays whole. */
export function withoutFrame(text: string, { prefix, suffix }: Frame): string {
  const start = text.startsWith(prefix) ? prefix.length : 0;
  const end = text.endsWith(suffix) ? text.length - suffix.length : text.length;
  const inner = start < end ? text.slice(start, end) : '';
  return inner.trim() === '' ? text : inner;
}
