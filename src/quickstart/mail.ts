/**
 * A raw mail as it travelled → what a person reads: the subject and the words.
 *
 * Of the headers only the subject gets through. Sender, route and filters' own marks (`X-Spam-Status`) would
 * tell the answer without a look at the mail; so would the tag a mailing list puts before a subject and the
 * footer it adds, the report a spam filter writes into the body, and the host names the corpus was collected
 * under. Multipart mails give their plain text, or else their HTML without the tags.
 */

export interface Mail {
  readonly subject: string;
  readonly text: string;
}

interface Part {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export function readMail(source: string): Mail {
  const part = splitPart(source.replaceAll('\r\n', '\n').replace(/^From .*\n/, ''));
  return {
    subject: cleanSubject(part.headers.get('subject') ?? ''),
    text: cleanText(plainText(part)),
  };
}

/** Headers up to the first empty line, folded ones joined; the first of several with one name counts. */
function splitPart(source: string): Part {
  const end = source.startsWith('\n') ? 0 : source.indexOf('\n\n');
  const head = end < 0 ? source : source.slice(0, end);
  const headers = new Map<string, string>();
  for (const line of head.replaceAll(/\n[ \t]+/g, ' ').split('\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return { headers, body: end < 0 ? '' : source.slice(end).replace(/^\n+/, '') };
}

/** The readable text of a part; of several parts the plain one, else the HTML one, else nothing. */
function plainText(part: Part): string {
  const type = part.headers.get('content-type')?.toLowerCase() ?? 'text/plain';
  const boundary = /boundary="?([^";]+)"?/i.exec(part.headers.get('content-type') ?? '')?.[1];
  if (type.startsWith('multipart/') && boundary !== undefined) {
    const parts = part.body
      .split(`--${boundary}`)
      .slice(1)
      .filter((text) => !text.startsWith('--'))
      .map((text) => splitPart(text.replace(/^[ \t]*\n/, '')));
    const plain = parts.find((each) => (each.headers.get('content-type') ?? 'text/plain').startsWith('text/plain'));
    if (plain !== undefined) return plainText(plain);
    return parts.map(plainText).find((text) => text.trim() !== '') ?? '';
  }
  if (!type.startsWith('text/')) return '';
  const text = decodeTransfer(part.body, part.headers.get('content-transfer-encoding')?.toLowerCase() ?? '');
  return type.startsWith('text/html') || /<html|<body|<table|<font/i.test(text) ? withoutTags(text) : text;
}

function decodeTransfer(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('latin1');
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(body);
  return body;
}

function decodeQuotedPrintable(text: string): string {
  return text
    .replaceAll(/=[ \t]*\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

function withoutTags(html: string): string {
  return html
    .replaceAll(/<!--[\s\S]*?-->|<(script|style|title)\b[\s\S]*?<\/\1\s*>/gi, ' ')
    .replaceAll(/<\/?(b|i|u|em|strong|font|span|a)\b[^>]*>/gi, '') // inside a word these cut nothing
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/&#(\d{1,5});?/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replaceAll(/&([a-z]+);?/gi, (whole, name: string) => entities[name.toLowerCase()] ?? whole);
}

/** Encoded words decoded; the marks of lists, filters and earlier answers cut. */
function cleanSubject(subject: string): string {
  const decoded = subject.replaceAll(/=\?[^?]*\?([bq])\?([^?]*)\?=/gi, (_, kind: string, text: string) =>
    kind.toLowerCase() === 'b'
      ? Buffer.from(text, 'base64').toString('latin1')
      : decodeQuotedPrintable(text.replaceAll('_', ' ')),
  );
  return tidy(
    decoded.replaceAll(/\*+\s*SPAM\s*\*+/gi, '').replaceAll(/\[[^\]]{1,24}\]|^\s*((re|fwd?|aw)\s*:\s*)+/gi, ''),
  )
    .replace(/^((re|fwd?|aw)\s*:\s*)+/i, '')
    .trim();
}

function cleanText(text: string): string {
  const report = /^.*Start SpamAssassin results[\s\S]*?End of SpamAssassin results.*$/gm;
  const lines = text
    .replaceAll(report, '')
    .split('\n')
    .filter((line) => !/^\s*(SPAM:|X-Spam)|^(URL|Date): /.test(line)); // the last two: a feed reader's, on ham only
  const footer = lines.findIndex((line) => /^\s*_{20,}\s*$|^-{20,}\s*$/.test(line) && isListFooter(lines, line));
  return tidy(lines.slice(0, footer < 0 ? lines.length : footer).join('\n'));
}

/** Whether what follows the rule is a mailing list speaking of itself, not the mail going on. */
function isListFooter(lines: readonly string[], rule: string): boolean {
  const after = lines.slice(lines.indexOf(rule) + 1, lines.indexOf(rule) + 5).join('\n');
  return /mailing list|mailman|listinfo|un-?subscri|maintainer|sf\.net|sponsored by|yahoo! groups/i.test(after);
}

/** One line; addresses, links and host names shortened to words, since the corpus masked some of them itself. */
function tidy(text: string): string {
  return text
    .replaceAll(/\bhttps?:\/\/[^\s>")]+/gi, '[link]')
    .replaceAll(/\bwww\.[^\s>")]+/gi, '[link]')
    .replaceAll(/[\w.+-]+@[\w-]+(\.[\w-]+)+/g, '[address]')
    .replaceAll(/[\w.-]*spamassassin\.taint\.org|[\w.-]*netnoteinc\.com|[\w.-]*jmason\.org/gi, '[host]')
    .replaceAll(/([-=_*~#+.!>])\1{3,}/g, '$1$1$1')
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
}
