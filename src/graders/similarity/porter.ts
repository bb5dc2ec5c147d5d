/**
 * Porter's stemmer, with the amendments that NLTK makes by default (marked below): METEOR matches words by stem.
 *
 * M. F. Porter, "An algorithm for suffix stripping", 1980. A word is [C](VC)^m[V] in runs of consonants and vowels;
 * its measure m says whether enough is left for a suffix to be one. `y` is a vowel after a consonant. Within a step
 * the first rule whose suffix fits decides, whether or not its condition then holds.
 */

type Rule = readonly [suffix: string, replacement: string, holds?: (stem: string) => boolean];

/** NLTK's: words whose stem no rule would find. */
const irregular: ReadonlyMap<string, string> = new Map([
  ['sky', 'sky'],
  ['skies', 'sky'],
  ['dying', 'die'],
  ['lying', 'lie'],
  ['tying', 'tie'],
  ['news', 'news'],
  ['innings', 'inning'],
  ['inning', 'inning'],
  ['outings', 'outing'],
  ['outing', 'outing'],
  ['cannings', 'canning'],
  ['canning', 'canning'],
  ['howe', 'howe'],
  ['proceed', 'proceed'],
  ['exceed', 'exceed'],
  ['succeed', 'succeed'],
]);

export function porterStem(text: string): string {
  const word = text.toLowerCase();
  const known = irregular.get(word);
  if (known !== undefined) return known;
  if (Array.from(text).length <= 2) return word;
  return [plurals, pastAndProgressive, finalY, doubleSuffixes, shortSuffixes, bareSuffixes, finalE, doubleL].reduce(
    (stem, step) => step(stem),
    word,
  );
}

/** `c` or `v` per letter. */
function shape(word: string): string {
  let letters = '';
  for (const letter of word) {
    const isConsonant = letter === 'y' ? !letters.endsWith('c') : !'aeiou'.includes(letter);
    letters += isConsonant ? 'c' : 'v';
  }
  return letters;
}

const measure = (stem: string): number => shape(stem).split('vc').length - 1;
const someLeft = (stem: string): boolean => measure(stem) > 0;
const muchLeft = (stem: string): boolean => measure(stem) > 1;
const hasVowel = (stem: string): boolean => shape(stem).includes('v');
const endsInDouble = (word: string): boolean =>
  word.length > 1 && word.at(-1) === word.at(-2) && shape(word).endsWith('c');
/** `hop`, but not `how`; NLTK's: also `at`. */
const endsShort = (word: string): boolean =>
  (shape(word).endsWith('cvc') && !/[wxy]$/.test(word)) || shape(word) === 'vc';

function firstFitting(word: string, rules: readonly Rule[]): string {
  for (const [suffix, replacement, holds = () => true] of rules) {
    if (!word.endsWith(suffix)) continue;
    const stem = word.slice(0, word.length - suffix.length);
    return holds(stem) ? stem + replacement : word;
  }
  return word;
}

/** Step 1a. */
function plurals(word: string): string {
  if (word.length === 4 && word.endsWith('ies')) return word.slice(0, -1); // NLTK's: ties, tie
  return firstFitting(word, [
    ['sses', 'ss'],
    ['ies', 'i'],
    ['ss', 'ss'],
    ['s', ''],
  ]);
}

/** Step 1b. */
function pastAndProgressive(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2); // NLTK's: tied, tie
  if (word.endsWith('eed')) return firstFitting(word, [['eed', 'ee', someLeft]]);
  const suffix = ['ed', 'ing'].find((each) => word.endsWith(each) && hasVowel(word.slice(0, -each.length)));
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsInDouble(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem;
}

/** Step 1c; NLTK's: only after a consonant that is not the first letter, so that `enjoy` stays. */
function finalY(word: string): string {
  return firstFitting(word, [['y', 'i', (stem) => stem.length > 1 && shape(stem).endsWith('c')]]);
}

/** Step 2. */
function doubleSuffixes(word: string): string {
  if (word.endsWith('alli') && someLeft(word.slice(0, -4))) return doubleSuffixes(word.slice(0, -2)); // NLTK's
  return firstFitting(word, [
    ['ational', 'ate', someLeft],
    ['tional', 'tion', someLeft],
    ['enci', 'ence', someLeft],
    ['anci', 'ance', someLeft],
    ['izer', 'ize', someLeft],
    ['bli', 'ble', someLeft],
    ['alli', 'al', someLeft],
    ['entli', 'ent', someLeft],
    ['eli', 'e', someLeft],
    ['ousli', 'ous', someLeft],
    ['ization', 'ize', someLeft],
    ['ation', 'ate', someLeft],
    ['ator', 'ate', someLeft],
    ['alism', 'al', someLeft],
    ['iveness', 'ive', someLeft],
    ['fulness', 'ful', someLeft],
    ['ousness', 'ous', someLeft],
    ['aliti', 'al', someLeft],
    ['iviti', 'ive', someLeft],
    ['biliti', 'ble', someLeft],
    ['fulli', 'ful', someLeft], // NLTK's
    ['logi', 'log', (stem) => someLeft(`${stem}l`)], // NLTK's
  ]);
}

/** Step 3. */
function shortSuffixes(word: string): string {
  return firstFitting(word, [
    ['icate', 'ic', someLeft],
    ['ative', '', someLeft],
    ['alize', 'al', someLeft],
    ['iciti', 'ic', someLeft],
    ['ical', 'ic', someLeft],
    ['ful', '', someLeft],
    ['ness', '', someLeft],
  ]);
}

const bare = 'al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize'.split(' ');

/** Step 4. */
function bareSuffixes(word: string): string {
  const goes = (suffix: string) => (stem: string) => muchLeft(stem) && (suffix !== 'ion' || /[st]$/.test(stem));
  return firstFitting(
    word,
    bare.map((suffix): Rule => [suffix, '', goes(suffix)]),
  );
}

/** Step 5a. */
function finalE(word: string): string {
  return firstFitting(word, [['e', '', (stem) => muchLeft(stem) || (measure(stem) === 1 && !endsShort(stem))]]);
}

/** Step 5b. */
function doubleL(word: string): string {
  return word.endsWith('ll') && muchLeft(word.slice(0, -1)) ? word.slice(0, -1) : word;
}
