import { expect, test } from 'vitest';
import { findStrangeCharacters, withoutStrangeCharacters } from '../../../src/dataset/findings/characters.ts';
import { firstMojibake, repairMojibake } from '../../../src/dataset/findings/mojibake.ts';

test.each([
  ['fÃ¼r dich', 'für dich'],
  ['donâ€™t â€œquoteâ€\u009d', 'don’t “quote”'],
  ['ÐŸÑ€Ð¸Ð²ÐµÑ‚', 'Привет'],
  ['ðŸ˜€ hi', '😀 hi'],
  ['æ—¥æœ¬èªž', '日本語'],
  ['25Â°C for Â£5', '25°C for £5'],
  ['Ã\u0083Â¼', 'ü'], // twice
])('%s is mended to %s', (text, mended) => {
  expect(firstMojibake(text)).not.toBeNull();
  expect(repairMojibake(text)).toBe(mended);
});

test.each(['naïve café', 'CAFÉ» NÃO Â', 'für ÄÖÜ ß « É » …', 'É«', 'Ünïcödé', 'plain', '日本語 русский'])(
  '%s is left as it is',
  (text) => {
    expect(firstMojibake(text)).toBeNull();
    expect(repairMojibake(text)).toBe(text);
  },
);

test('what was damaged by any writer of Windows-1252 is mended', () => {
  const windows1252 = new TextDecoder('windows-1252');
  for (const text of ['Größe', 'Größe für Süßes', 'l’été à Noël', '“Привет, мир”', '€ 5 – ½', '東京 🗼', 'Ελλάδα']) {
    expect(repairMojibake(windows1252.decode(Buffer.from(text)))).toBe(text);
  }
});

test.each([
  ['a\u200bb', 'U+200B', 'ab'],
  ['bell\u0007', 'U+0007', 'bell'],
  ['abc\u202edef', 'U+202E', 'abcdef'],
  ['hid\u{e0041}den', 'U+E0041', 'hidden'],
  ['half \ud800 pair', 'U+D800', 'half  pair'],
  ['lost\ufffd', 'U+FFFD', 'lost'],
  ['a\u200db', 'U+200D', 'ab'],
  ['\ufefftext', 'U+FEFF', 'text'],
])('%j has %s and is %j without', (text, name, clean) => {
  expect(findStrangeCharacters(text).map((each) => each.name)).toEqual([name]);
  expect(withoutStrangeCharacters(text)).toBe(clean);
});

test.each(['tab\tand\r\nlines', '👩‍👩‍👧 ❤️ 1️⃣', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'می‌خواهم', 'क्‍ष', '日本語。', '한국어', '“x” – €'])(
  '%j has nothing strange',
  (text) => {
    expect(findStrangeCharacters(text)).toEqual([]);
    expect(withoutStrangeCharacters(text)).toBe(text);
  },
);
