/**
 * What in a text is probably somebody's: addresses, numbers with a check digit, keys.
 *
 * A pattern alone would take order numbers for phones and dates for cards, so each kind has a second look: cards
 * and IBANs must pass their check digit, phones need a plus, a telephone's grouping or a word such as "call" before
 * them, and a number that is introduced as an order or an invoice is one. Patterns are linear in the text.
 */

export const personalKinds = ['email', 'phone', 'card', 'iban', 'ssn', 'key'] as const;
export type PersonalKind = (typeof personalKinds)[number];

export interface PersonalDatum {
  readonly kind: PersonalKind;
  readonly start: number;
  readonly end: number;
}

interface Rule {
  readonly kind: PersonalKind;
  /** Must be in a text that is worth searching; much cheaper than the pattern. */
  readonly hint: RegExp;
  readonly pattern: RegExp;
  /** How much of a match counts, where a pattern cannot say. */
  readonly extent?: (found: string) => number;
  /** The second look. `before` is what stands in front of the match on its line. */
  readonly confirm?: (found: string, before: string) => boolean;
}

const longNumber = /\d(?:[ ./()-]{0,3}\d){6}/;

/** In the order of trust: what an earlier rule took, a later one leaves alone. */
const rules: readonly Rule[] = [
  {
    kind: 'key',
    hint: /-----BEGIN /,
    pattern:
      /-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----(?:[A-Za-z0-9+/=\s]{0,8000}-----END [A-Z ]{0,24}PRIVATE KEY-----)?/g,
  },
  { kind: 'key', hint: /eyJ/, pattern: /\beyJ[\w-]{8,2000}\.eyJ[\w-]{4,4000}\.[\w-]{8,2000}/g },
  {
    kind: 'key',
    hint: /(?:sk|k_live|k_test|gh[pousr]|github_pat|glpat|xox|hf|npm)[_-]|A[KS]IA|AIza|SG\./,
    pattern:
      /\b(?:sk-(?:proj-|ant-|or-)?[\w-]{20,200}|[srp]k_(?:live|test)_[A-Za-z0-9]{16,200}|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{30,255}|glpat-[\w-]{20,64}|xox[abeoprs]-[A-Za-z0-9-]{10,250}|AIza[\w-]{35}|hf_[A-Za-z0-9]{30,64}|npm_[A-Za-z0-9]{36}|SG\.[\w-]{16,64}\.[\w-]{16,64})(?![\w-])/g,
    confirm: hasMixedCharacters,
  },
  {
    kind: 'key',
    hint: /key|token|secret|bearer/i,
    pattern:
      /(?<=\b(?:api[_ -]?key|secret(?:[_ -]?key)?|access[_ -]?token|auth[_ -]?token|bearer)["']?[ \t]{0,4}[:= ][ \t]{0,4}["']?)[\w.~+/-]{20,512}={0,2}/gi,
    confirm: hasMixedCharacters,
  },
  {
    kind: 'key',
    hint: /passw|pwd|passphrase/i,
    pattern:
      /(?<=\b(?:password|passwd|pwd|passwort|passphrase)["']?[ \t]{0,4}[:=][ \t]{0,4}["']?)[^\s"'<>[\]{}]{6,128}/gi,
    confirm: looksSecret,
  },
  {
    kind: 'email',
    hint: /@/,
    pattern:
      /(?<![\p{L}\p{N}_.%+-])[\p{L}\p{N}_%+-][\p{L}\p{N}_.%+-]{0,63}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}(?![\w-])/gu,
  },
  {
    kind: 'iban',
    hint: /[a-z]{2}\d{2}/i,
    pattern: /(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Z0-9])/gi,
    extent: ibanLength,
    confirm: isIban,
  },
  { kind: 'card', hint: longNumber, pattern: /(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d]|[.,-]\d)/g, confirm: isCard },
  {
    kind: 'ssn',
    hint: /\d-\d\d-\d/,
    pattern: /(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g,
    confirm: (_, before) => !isNumberOfThing(before),
  },
  {
    kind: 'phone',
    hint: longNumber,
    pattern: /(?:(?<![\w.,:/+-])\+|(?<![\w.,:/+-]|\d )00)[1-9](?:[ ./-]?\(?\d\)?){6,14}(?![\w]|[-.:/]\d)/g,
    confirm: isInternationalPhone,
  },
  {
    kind: 'phone',
    hint: longNumber,
    pattern:
      /(?<![\w.,:/+-])(?:1[ .-])?(?:\([2-9]\d\d\)[ .-]?[2-9]\d\d[ .-]|[2-9]\d\d[.-][2-9]\d\d[.-]|(?<!\d )[2-9]\d\d [2-9]\d\d (?!\d{4} \d))\d{4}(?![\w]|[-.:/,]\d)/g,
    confirm: (_, before) => !isNumberOfThing(before),
  },
  {
    kind: 'phone',
    hint: longNumber,
    pattern: /(?<![\w.,:/+-]|\d )\(?0[1-9]\d{1,4}\)?(?:[ /-]{1,3}\d{2,8}){1,4}(?![\w]|[-.:/,]\d)/g,
    confirm: isNationalPhone,
  },
  {
    kind: 'phone',
    hint: longNumber,
    pattern: /(?<![\w.,:/+-]|\d )\(?\d(?:[ ./()-]{0,2}\d){6,14}(?![\w]|[-.:/,]\d)/g,
    confirm: (found, before) => isPhoneIntroduced(before) && !isDate(found),
  },
];

/** What is personal in a text, in the order of the text, of the kinds that are asked for. */
export function findPersonalData(text: string, kinds?: ReadonlySet<PersonalKind>): PersonalDatum[] {
  let found: PersonalDatum[] = [];
  for (const rule of rules) {
    if (rule.hint.test(text)) found = [...found, ...newMatches(text, rule, found)].sort((a, b) => a.start - b.start);
  }
  return kinds === undefined ? found : found.filter(({ kind }) => kinds.has(kind));
}

/** What a rule finds beside what is `taken`; both go through the text from left to right. */
function newMatches(
  text: string,
  { kind, pattern, extent, confirm }: Rule,
  taken: readonly PersonalDatum[],
): PersonalDatum[] {
  const found: PersonalDatum[] = [];
  let passed = 0;
  for (const { 0: whole, index: start } of text.matchAll(pattern)) {
    const matched = extent === undefined ? whole : whole.slice(0, extent(whole));
    const end = start + matched.length;
    while (passed < taken.length && taken[passed]!.end <= start) passed += 1;
    if (passed < taken.length && taken[passed]!.start < end) continue;
    const before = text.slice(Math.max(0, start - 32), start);
    if (confirm?.(matched, before) ?? true) found.push({ kind, start, end });
  }
  return found;
}

/** The text with every personal thing replaced by the name of its kind: `[EMAIL]`. */
export function maskPersonalData(text: string, kinds?: ReadonlySet<PersonalKind>): string {
  let masked = '';
  let done = 0;
  for (const { kind, start, end } of findPersonalData(text, kinds)) {
    masked += `${text.slice(done, start)}[${kind.toUpperCase()}]`;
    done = end;
  }
  return masked + text.slice(done);
}

/** "order no. 1234": the number is a thing's. */
const isNumberOfThing = (before: string): boolean =>
  /(?:\b(?:order|invoice|ticket|case|ref(?:erence)?|tracking|parcel|serial|sku|isbn|issn|ean|version|build|article|item|part|customer|account|bestell(?:ung|nummer)?|rechnung(?:snummer)?|auftrag(?:snummer)?|kunden(?:nummer)?|artikel(?:nummer)?|commande|facture|pedido|factura)\b[ .:#-]{0,3}(?:(?:no|nr|number|num|id|code|nummer|n°)\b[ .:#-]{0,3})?(?:(?:is|was|ist)[ :]{1,2})?|#|\b(?:no|nr|id)[.:#]? ?)$/i.test(
    before,
  );

/** "call me on 555…": the number is somebody's. */
const isPhoneIntroduced = (before: string): boolean =>
  /\b(?:phone|telephone|tel|call|cell|mobile|mob|fax|whatsapp|sms|text|dial|reach|telefon|handy|mobil|anruf\w*|rufnummer|téléphone|teléfono|móvil|my number)\b(?: (?:me|us|him|her|them|number|no|nr|nummer))?[ .:#]{0,3}(?:(?:on|at|is|under|unter|ist|au)[ :]{1,2})?$/i.test(
    before,
  );

const isDate = (found: string): boolean =>
  /^(?:\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)?\d\d|(?:19|20)\d\d[-/. ]\d{1,2}[-/. ]\d{1,2})$/.test(found);

const digitsOf = (text: string): string => text.replaceAll(/\D/g, '');

function isInternationalPhone(found: string, before: string): boolean {
  const { length } = digitsOf(found);
  if (found.startsWith('+')) return length >= 8 && length <= 15;
  return length >= 11 && length <= 17 && !isNumberOfThing(before) && (/[ /-]/.test(found) || isPhoneIntroduced(before));
}

/** `030 1234567`, `0171/1234567`, `020 7946 0958`; not `01-02-2024` nor `0123 456`. */
function isNationalPhone(found: string, before: string): boolean {
  const { length } = digitsOf(found);
  if (length < 9 || length > 12 || isNumberOfThing(before)) return false;
  return !isDate(found);
}

/** First digits and lengths of the card networks; what has neither is no card, whatever its check digit. */
const networks: readonly (readonly [start: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|65|64[4-9])/, [16, 19]],
  [/^(?:352[89]|35[3-8])/, [16]],
  [/^(?:30[0-5]|3[689])/, [14]],
  [/^62/, [16, 17, 18, 19]],
];

function isCard(found: string, before: string): boolean {
  const digits = digitsOf(found);
  const ofNetwork = networks.some(([start, lengths]) => start.test(digits) && lengths.includes(digits.length));
  return ofNetwork && isLuhn(digits) && isGroupedLikeCard(found) && !isNumberOfThing(before);
}

/** No gaps, or groups of four with a shorter last one, or the 4-6-5 and 4-6-4 of the short cards. */
const isGroupedLikeCard = (found: string): boolean =>
  /^\d+$|^\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?$|^\d{4}([ -])\d{6}\2\d{4,5}$/.test(found);

/** Every second digit from the right is doubled; the sum of all digits then ends in 0. */
export function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits.at(-1 - i));
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const ibanLengths: Readonly<Record<string, number>> = Object.fromEntries(
  `AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18
  FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
  LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24
  SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20`
    .split(/\s+/)
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** Up to the last character of an IBAN of that country; a word may follow. */
function ibanLength(found: string): number {
  let characters = ibanLengths[found.slice(0, 2).toUpperCase()] ?? 0;
  let length = 0;
  while (characters > 0 && length < found.length) if (found[length++] !== ' ') characters -= 1;
  return length;
}

/** The country's length, and remainder 1 by 97 with the first four moved to the end and letters as 10 to 35. */
export function isIban(found: string): boolean {
  const iban = found.replaceAll(' ', '').toUpperCase();
  if (ibanLengths[iban.slice(0, 2)] !== iban.length) return false;
  let remainder = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

/** Letters and digits both, and not one of them again and again: no placeholder such as `sk-xxxxxxxx`. */
function hasMixedCharacters(found: string): boolean {
  const secret = found.replace(/^(?:sk|rk|pk|gh[pousr]|github_pat|glpat|hf|npm)[-_]/, '');
  return /\d/.test(secret) && /[a-z]/i.test(secret) && new Set(secret).size >= 8;
}

/** Not a word about passwords, not a placeholder, not already masked. */
function looksSecret(found: string): boolean {
  return /[\d!@#$%^&*]/.test(found) && /[a-z]/i.test(found) && !/^\$|\*{3}/.test(found);
}
