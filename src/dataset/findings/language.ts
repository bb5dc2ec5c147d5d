/**
 * The language a text is written in, when it is long enough to tell.
 *
 * tinyld knows sixty languages and takes a millisecond for it. Most texts give themselves away by their commonest
 * words, which cost a thousandth of that; only where these leave a doubt is it asked.
 */

type Detect = (text: string) => { lang: string; accuracy: number }[];

const lettersMin = 40;
/** So many must there be to trust the profiles, which find some language in any text. */
const lettersOfProfileMin = 55;
/** So much surer must it be of a language than of the next. */
const clearly = 3;
const charactersSeen = 4000;
const charactersRead = 240;
/** Tags, and addresses, paths, keys and numbers are of no language. */
const tags = /<[^<>]{1,500}>/g;
const asciiWord = /^[!-~]+$/;
const machineWord = /[@/\\=_#&<>\d]|\.\S/;

export class LanguageReader {
  readonly #detect: Detect;
  /** Several detectors ask about one example. */
  #last: { readonly text: string; readonly language: string | null } = { text: '', language: null };

  private constructor(detect: Detect) {
    this.#detect = detect;
  }

  /** Loads 12 MB of profiles, so only who needs it should. */
  static async open(): Promise<LanguageReader> {
    const { detectAll } = await import('tinyld');
    return new LanguageReader(detectAll);
  }

  /** An ISO 639-1 code, or null where the text is too short or too odd to tell. */
  languageOf(text: string): string | null {
    if (this.#last.text !== text) this.#last = { text, language: this.#read(text) };
    return this.#last.language;
  }

  #read(text: string): string | null {
    const words =
      prose(text)
        .toLowerCase()
        .match(/\p{L}[\p{L}\p{M}]*/gu) ?? [];
    const letters = words.reduce((sum, word) => sum + word.length, 0);
    // Twelve signs of a script without spaces say as much as forty letters.
    const dense = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Hangul}\p{Script=Thai}]/u.test(words.join(''));
    if (letters < (dense ? 12 : lettersMin)) return null;
    const known = byCommonWords(words);
    return known !== null || (letters < lettersOfProfileMin && !dense) ? known : this.#byProfiles(words.join(' '));
  }

  #byProfiles(text: string): string | null {
    const [first, second] = this.#detect(text);
    if (first === undefined || first.accuracy < clearly * (second?.accuracy ?? 0)) return null;
    return first.lang.length === 2 ? first.lang : null; // Klingon and Berber are what it takes odd words for
  }
}

/** The beginning of what people wrote, without what only machines read. */
function prose(text: string): string {
  const words = text.slice(0, charactersSeen).replaceAll(tags, ' ').split(/\s+/);
  return words
    .filter((word) => !asciiWord.test(word) || !machineWord.test(word))
    .join(' ')
    .slice(0, charactersRead);
}

const commonWords: Readonly<Record<string, ReadonlySet<string>>> = Object.fromEntries(
  Object.entries({
    en: 'the and is are was were that this with you your for not have it of to what how my can be from they',
    de: 'der die das und ist nicht ich sie ein eine mit auf für den dem zu von wie es im sind wir werden auch',
    fr: 'le les des et est une pas vous que dans pour je sur qui du ce nous avec au sont',
    es: 'el los las y una por para con como del que es su lo más está pero mi',
    pt: 'o os não uma com para em é do da você que um ao mas são como',
    it: 'il di che non una per sono del della gli è con come anche mi nel',
    nl: 'het een van en niet dat ik voor op de zijn met je wat hoe ook',
  }).map(([language, words]) => [language, new Set(words.split(' '))]),
);

const hitsMin = 4;

/** The language of which many of the words are and of no other half as many, or of which a few are and of no other one. */
function byCommonWords(words: readonly string[]): string | null {
  const hits = Object.entries(commonWords).map(([language, common]) => ({
    language,
    count: words.reduce((sum, word) => sum + (common.has(word) ? 1 : 0), 0),
  }));
  const [first, second] = hits.sort((a, b) => b.count - a.count);
  if (first!.count >= hitsMin && first!.count >= words.length / 8 && first!.count >= 2 * second!.count)
    return first!.language;
  return first!.count >= 2 && second!.count === 0 ? first!.language : null;
}
