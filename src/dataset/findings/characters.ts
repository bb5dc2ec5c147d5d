/**
 * Characters nobody sees: controls, zero-width ones, direction marks, tags, halves of pairs.
 *
 * Some are part of writing and stay: joiners inside emoji and the scripts that need them, tabs and line ends. The
 * rest teaches a model noise, hides instructions from people, or breaks the tokenizer's words.
 */

export type CharacterKind = 'control' | 'invisible' | 'direction' | 'tag' | 'replacement' | 'surrogate';

export interface StrangeCharacter {
  readonly kind: CharacterKind;
  readonly start: number;
  /** `U+200B`. */
  readonly name: string;
}

const classes: Readonly<Record<CharacterKind, string>> = {
  control: String.raw`(?![\t\n\r])\p{Cc}`,
  invisible: String.raw`[\u00ad\u180e\u200b\u2060-\u2064\ufeff\u115f\u1160\u3164\uffa0]`,
  direction: String.raw`[\u202a-\u202e\u2066-\u2069]`,
  tag: String.raw`[\u{e0000}-\u{e007f}]`,
  replacement: String.raw`\ufffd`,
  surrogate: String.raw`\p{Surrogate}`,
};

const kinds = Object.entries(classes).map(
  ([kind, pattern]) => [kind as CharacterKind, new RegExp(pattern, 'u')] as const,
);

/** Scripts whose letters are joined, parted or turned by characters that nobody sees. */
const joiningScripts =
  'Arabic Hebrew Syriac Devanagari Bengali Gujarati Gurmukhi Kannada Malayalam Oriya Tamil Telugu Sinhala Mongolian Myanmar Khmer'
    .split(' ')
    .map((script) => String.raw`\p{Script=${script}}`)
    .join('');

const { control, invisible, direction, tag, replacement, surrogate } = classes;
const strange = new RegExp(
  [
    control,
    invisible,
    direction,
    String.raw`(?<!\u{1f3f4}${tag}{0,8})${tag}`, // the flags of Scotland and Wales are a black flag and tags
    replacement,
    surrogate,
    String.raw`(?<![${joiningScripts}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])[\u200c-\u200f]`,
  ].join('|'),
  'gu',
);

/** A quick look: hardly any text has one. */
const possible =
  /[^\t\n\r\x20-\x7e\u00a0-\u00ac\u00ae-\u024f\u0370-\u0fff\u2010-\u2027\u2030-\u205e\u20a0-\u2bff\u3000-\u3163\u3165-\ud7af]/;

export function findStrangeCharacters(text: string): StrangeCharacter[] {
  if (!possible.test(text)) return [];
  return Array.from(text.matchAll(strange), ({ 0: character, index }) => ({
    kind: kinds.find(([, pattern]) => pattern.test(character))?.[0] ?? 'invisible',
    start: index,
    name: `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`,
  }));
}

/** Without them; form feeds and line separators become line ends, everything else goes without a trace. */
export function withoutStrangeCharacters(text: string): string {
  const lines = text.replaceAll(/\r?[\v\f\u0085\u2028\u2029]/g, '\n');
  return possible.test(lines) ? lines.replaceAll(strange, '') : lines;
}
