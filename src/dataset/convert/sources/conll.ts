/**
 * CoNLL files: a token per line with its tag in a column, an empty line after each sentence.
 *
 * The sentence is put together as one would write it, and its entities are given as JSON, each with exactly the
 * letters that it has in the sentence: that is what an answer can be checked against. Tags are BIO, IOBES or BILOU;
 * tags without a B begin an entity where the type changes, as the oldest files have it.
 */

import { unreadable, type ReadingOptions, type Source, type SourceRow } from '../source.ts';
import { parseTemplate } from '../template.ts';
import { readStart, readText } from './text.ts';

interface Token {
  readonly text: string;
  readonly tag: string;
  readonly spaceAfter: boolean;
}

export interface Span {
  readonly type: string;
  readonly text: string;
  /** Letters (UTF-16) from the start of the sentence; `end` is behind the last. */
  readonly start: number;
  readonly end: number;
}

interface Layout {
  readonly separator: RegExp;
  readonly tokenColumn: number;
  readonly tagColumn: number;
  /** CoNLL-U says in its tenth column where no space follows. */
  readonly isUniversal: boolean;
}

const tokensMax = 100_000;
const tagPattern = /^(?:O|_|-|[BIESLUMW]-\S+)$/;

export async function openConll(path: string, options: ReadingOptions): Promise<Source> {
  const layout = guessLayout(path, await readStart(path, options.encoding), options.tagColumn);
  return {
    kind: `CoNLL, tokens in column ${layout.tokenColumn + 1}, tags in column ${layout.tagColumn + 1}`,
    slots: { user: parseTemplate('{text}'), assistant: parseTemplate('{entities}') },
    rows: (signal) => readSentences(path, layout, options, signal),
  };
}

/** The last column in which all is a tag. */
function guessLayout(path: string, start: string, tagColumn: number | undefined): Layout {
  const lines = start.split(/\r?\n/).slice(0, 2000).filter(isTokenLine);
  const separator = lines.every((line) => line.includes('\t')) ? /\t/ : /[ \t]+/;
  const rows = lines.slice(0, -1).map((line) => line.split(separator)); // the last may be cut
  const whole = rows.length > 0 ? rows : lines.map((line) => line.split(separator));
  const width = Math.min(...whole.map((row) => row.length));
  const isUniversal = width >= 10 && whole.every(([id]) => /^\d+([-.]\d+)?$/.test(id ?? ''));
  const isTag = (column: number): boolean =>
    whole.every((row) => tagPattern.test(row[column] ?? '')) &&
    whole.some((row) => /^[BIESLUMW]-/.test(row[column] ?? ''));
  const guessed = Array.from({ length: Math.max(0, width) }, (_, i) => width - 1 - i).find(isTag);
  const chosen = tagColumn === undefined ? guessed : tagColumn - 1;
  if (whole.length === 0) throw unreadable(path, 'has no tokens.');
  if (chosen === undefined || chosen >= width) {
    const sample = whole[0]?.join('  ').slice(0, 80);
    throw unreadable(
      path,
      `no column has entity tags such as B-PER, I-PER and O; the first line is "${sample}". Name the column with --tag-column.`,
    );
  }
  return { separator, tokenColumn: isUniversal ? 1 : 0, tagColumn: chosen, isUniversal };
}

const isTokenLine = (line: string): boolean =>
  line.trim() !== '' && !line.startsWith('-DOCSTART-') && !/^#(\s|$)/.test(line);

async function* readSentences(
  path: string,
  layout: Layout,
  { encoding, spans = false }: ReadingOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceRow, void> {
  let tokens: Token[] = [];
  let first = 0;
  let count = 0;
  let fault: string | null = null;
  const finish = (): SourceRow => {
    count++;
    const place = `sentence ${count} (line ${first})`;
    const row: SourceRow =
      fault === null ? { place, fields: sentence(tokens, spans), fault } : { place, fields: null, fault };
    [tokens, fault] = [[], null];
    return row;
  };
  let number = 0;
  for await (const line of linesOf(readText(path, { encoding, signal }))) {
    number++;
    if (!isTokenLine(line)) {
      if (line.trim() === '' && (tokens.length > 0 || fault !== null)) yield finish();
      continue;
    }
    if (tokens.length === 0) first = number;
    if (tokens.length >= tokensMax)
      throw unreadable(
        path,
        `line ${number}: a sentence has more than ${tokensMax} tokens; empty lines were expected.`,
      );
    const columns = line.split(layout.separator);
    const tag = columns[layout.tagColumn];
    if (tag === undefined)
      fault ??= `line ${number} has ${columns.length} columns, and the tag was expected in column ${layout.tagColumn + 1}`;
    else if (!layout.isUniversal || /^\d+$/.test(columns[0] ?? ''))
      tokens.push({
        text: columns[layout.tokenColumn] ?? '',
        tag,
        spaceAfter: !(columns[9] ?? '').includes('SpaceAfter=No'),
      });
  }
  if (tokens.length > 0 || fault !== null) yield finish();
}

async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string, void> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.replace(/\r$/, '');
  }
  if (rest !== '') yield rest;
}

function sentence(tokens: readonly Token[], asSpans: boolean): Map<string, unknown> {
  const starts: number[] = [];
  let text = '';
  tokens.forEach((token, i) => {
    const before = tokens[i - 1];
    if (before !== undefined && before.spaceAfter && isApart(before.text, token.text)) text += ' ';
    starts.push(text.length);
    text += token.text;
  });
  const spans = spansOf(tokens, starts, text);
  return new Map<string, unknown>([
    ['text', text],
    ['entities', JSON.stringify(asSpans ? { entities: spans } : byType(spans))],
    ['tokens', tokens.map((token) => token.text)],
    ['tags', tokens.map((token) => token.tag)],
  ]);
}

/** Whether a space parts two tokens, as people write. */
const isApart = (left: string, right: string): boolean =>
  !/^(?:[.,;:!?%)\]}]+|'s|'re|'ve|'ll|'d|'m|n't|’s)$/i.test(right) && !/^[([{$£€#]$/.test(left);

function spansOf(tokens: readonly Token[], starts: readonly number[], text: string): Span[] {
  const spans: Span[] = [];
  for (let from = 0; from < tokens.length;) {
    const { type, behind } = entityAt(tokens, from);
    if (type !== '') {
      const start = starts[from] ?? 0;
      const end = (starts[behind - 1] ?? 0) + (tokens[behind - 1]?.text.length ?? 0);
      spans.push({ type, text: text.slice(start, end), start, end });
    }
    from = behind;
  }
  return spans;
}

/** The entity that begins there, or '' for a token outside of all; and the token behind it. */
function entityAt(tokens: readonly Token[], from: number): { type: string; behind: number } {
  const first = parseTag(tokens[from]?.tag);
  let behind = from + 1;
  let { mark } = first;
  while (first.type !== '' && !/[ESLUW]/.test(mark)) {
    const next = parseTag(tokens[behind]?.tag);
    if (next.type !== first.type || /[BSUW]/.test(next.mark)) break;
    ({ mark } = next);
    behind++;
  }
  return { type: first.type, behind };
}

function parseTag(tag = ''): { mark: string; type: string } {
  const [, mark = '', type = ''] = /^([BIESLUMW])-(.+)$/.exec(tag) ?? [];
  return { mark, type };
}

/** `{"PER": ["Ada Lovelace"], "LOC": ["London"]}`, each list in the order of the text. */
function byType(spans: readonly Span[]): Record<string, string[]> {
  const lists = new Map<string, string[]>();
  for (const { type, text } of spans) {
    const list = lists.get(type);
    if (list === undefined) lists.set(type, [text]);
    else list.push(text);
  }
  return Object.fromEntries([...lists].sort(([a], [b]) => (a < b ? -1 : 1)));
}
