/** HTML in which nothing from outside can be anything but text: what is put into the template is escaped. */

export interface Html {
  readonly html: string;
}

type Piece = Html | string | number | null | readonly Piece[];

export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return { html: strings.map((text, i) => text + (i < pieces.length ? written(pieces[i]!) : '')).join('') };
}

function written(piece: Piece): string {
  if (piece === null) return '';
  if (typeof piece === 'number') return String(piece);
  if (typeof piece === 'string') return escaped(piece);
  if ('html' in piece) return piece.html;
  return piece.map(written).join('');
}

const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Control characters have no place in HTML, and would hide text. */
const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (letter) => names[letter]!).replaceAll(/[^\P{Cc}\n\t]/gu, '\uFFFD');
