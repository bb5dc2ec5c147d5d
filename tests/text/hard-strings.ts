/** Strings on which tokenizers tend to differ, and a few hundred made of their pieces, the same every time. */

const pieces = [
  // words, contractions, cases
  'the',
  'Hello',
  ' world',
  "don't",
  "I'LL",
  "we've",
  "'s",
  "'S",
  'naïve',
  'ﬁne',
  'ǅ',
  'straße',
  'İstanbul',
  // digits of many kinds
  '0',
  '42',
  '2024',
  '3.14',
  '１２３',
  '٤٥',
  '½',
  'x²',
  '①',
  '๑๒',
  'Ⅷ',
  // white space of many kinds
  ' ',
  '  ',
  '     ',
  '\n',
  '\n\n',
  '\n\n\n',
  '\r\n',
  '\t',
  '\t\t ',
  '\u00a0',
  '\u2003',
  '\u3000',
  '\u0085',
  '\ufeff',
  '\u200b',
  '\u2028',
  // signs
  '.',
  ',',
  '!?',
  '...',
  '—',
  '«»',
  '$',
  '€',
  '/*',
  '*/',
  '{',
  '}',
  '</',
  '>',
  '<',
  '|',
  '\\',
  '"',
  '`',
  '_',
  '#',
  // scripts, marks, composed and decomposed letters
  'Привет',
  'γειά',
  'שלום',
  'مرحبا',
  'नमस्ते',
  'ไทย',
  '你好',
  '世界',
  'こんにちは',
  '한국어',
  'é',
  'e\u0301',
  'Å',
  'A\u030a',
  'ạ̈',
  'ﷺ',
  // emoji and friends
  '🌲',
  '👩‍👩‍👧‍👦',
  '👍🏽',
  '🇩🇪',
  '❤️',
  '\u{1F9D1}\u200d\u{1F680}',
  '𝔘𝔫𝔦',
  '𠜎',
  // controls
  '\u0000',
  '\u0001',
  '\u007f',
  '\u00ad',
  '\u202e',
  // what special tokens look like
  '<|im_end|>',
  '<|im_start|>',
  '<|endoftext|>',
  '<|im_',
  'im_end|>',
  '<think>',
  '</think>',
  '<|tool|>',
  '<s>',
  '</s>',
  '<unk>',
  '<0x0A>',
  '▁',
  '▁the',
  // code
  'function add(a, b) {\n    return a + b;\n}\n',
  'if (x) {\r\n\ty = 1;\r\n}',
  'let answer = add(1, 2);',
  'http://a.b/c?d=e&f=%20',
];

/** Pieces, sentences, long runs, and random joins of pieces. */
export function hardStrings(count: number): string[] {
  const next = randomBelow(7);
  const strings = [
    '',
    ...pieces,
    'You are a small test model. You are a helpful assistant who answers every question of the user.',
    'a'.repeat(300),
    'ab'.repeat(200),
    ' '.repeat(100),
    '\n'.repeat(50),
    `${' '.repeat(17)}x${'\n'.repeat(9)}y`,
    '1234567890'.repeat(8),
    '!?'.repeat(60),
    '🌲'.repeat(40),
    '你好世界'.repeat(20),
  ];
  while (strings.length < count) {
    strings.push(
      Array.from({ length: 1 + next(9) }, () => pieces[next(pieces.length)]!).join(next(3) === 0 ? ' ' : ''),
    );
  }
  return strings;
}

/** A small linear generator; good enough to mix pieces. */
function randomBelow(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
