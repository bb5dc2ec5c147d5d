/**
 * HTML that got into a text → what a reader of the page saw.
 *
 * Only tags that HTML has are taken for tags, so that "a < b > c" stays; what stands between backticks is code and
 * stays too. Every step is linear in the text, whatever it is made of.
 */

const blocks = 'address article aside blockquote dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section summary table tbody tfoot thead tr ul'; // prettier-ignore
const inline = 'a abbr b bdi bdo big body button center cite code del dfn em font html i iframe img input ins kbd label link mark meta option picture q s samp select small source span strike strong sub sup svg textarea time u var video'; // prettier-ignore
const unread = ['script', 'style', 'head', 'noscript', 'template'];

const blockTags = tags(blocks);
const inlineTags = tags(inline);
const anyTag = new RegExp(
  `</?(?:${`${blocks} ${inline} br li td th ${unread.join(' ')}`.replaceAll(' ', '|')})(?:\\s[^<>]*)?/?>|<!--|&(?:#\\d{1,7}|#x[\\da-f]{1,6}|[a-z]{2,8}\\d?);`,
  'i',
);

function tags(names: string): RegExp {
  return new RegExp(`</?(?:${names.replaceAll(' ', '|')})(?:\\s[^<>]*)?/?>`, 'gi');
}

export function htmlToText(text: string): string {
  if (!anyTag.test(text)) return text;
  const pieces = text.split(/(```[^`]*```|`[^`\n]*`)/);
  return pieces.map((piece, i) => (i % 2 === 1 || !anyTag.test(piece) ? piece : pieceToText(piece))).join('');
}

function pieceToText(html: string): string {
  let text = without(html, '<!--', '-->');
  for (const name of unread) text = without(text, `<${name}`, `</${name}>`);
  const plain = text
    .replaceAll(/<br(?:\s[^<>]*)?\/?>/gi, '\n')
    .replaceAll(/<li(?:\s[^<>]*)?>/gi, '\n- ')
    .replaceAll(/<\/(?:td|th)>(?=\s*<t[dh])/gi, '\t')
    .replaceAll(/<\/?(?:li|td|th)(?:\s[^<>]*)?>/gi, '')
    .replaceAll(blockTags, '\n')
    .replaceAll(inlineTags, '');
  return tidied(withoutEntities(plain), html);
}

/** Without what stands between two marks; a mark that is never closed stays. */
function without(text: string, open: string, close: string): string {
  const lower = text.toLowerCase();
  let kept = '';
  let at = 0;
  for (;;) {
    const start = lower.indexOf(open, at);
    const end = start < 0 ? -1 : lower.indexOf(close, start + open.length);
    if (end < 0 || lower.length !== text.length) return kept + text.slice(at);
    kept += text.slice(at, start);
    at = end + close.length;
  }
}

/** Lines that only tags made are one empty line; the ends are as empty as they were. */
function tidied(text: string, html: string): string {
  const lines = text.split('\n').map((line) => (line.trim() === '' ? '' : line));
  const kept = lines.filter((line, i) => line !== '' || (lines[i - 1] ?? '') !== '').join('\n');
  return /^\s/.test(html) || /\s$/.test(html) ? kept : kept.trim();
}

const named: Readonly<Record<string, string>> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', ndash: '–', mdash: '—', hellip: '…', bull: '•', middot: '·',
  lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', sbquo: '‚', bdquo: '„', laquo: '«', raquo: '»', copy: '©', reg: '®',
  trade: '™', euro: '€', pound: '£', yen: '¥', cent: '¢', sect: '§', deg: '°', plusmn: '±', times: '×', divide: '÷',
  frac12: '½', frac14: '¼', auml: 'ä', ouml: 'ö', uuml: 'ü', Auml: 'Ä', Ouml: 'Ö', Uuml: 'Ü', szlig: 'ß', agrave: 'à',
  aacute: 'á', acirc: 'â', ccedil: 'ç', egrave: 'è', eacute: 'é', ecirc: 'ê', euml: 'ë', iacute: 'í', ntilde: 'ñ',
  oacute: 'ó', uacute: 'ú', shy: '', zwnj: '', rarr: '→', larr: '←', hearts: '♥', iexcl: '¡', iquest: '¿',
}; // prettier-ignore

function withoutEntities(text: string): string {
  return text.replaceAll(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}\d{0,2}));/gi,
    (whole: string, decimal: string | undefined, hex: string | undefined, name: string | undefined) => {
      if (name !== undefined) return named[name] ?? named[name.toLowerCase()] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
      const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
      return isCharacter ? String.fromCodePoint(code) : whole;
    },
  );
}
