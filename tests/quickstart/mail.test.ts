import { expect, test } from 'vitest';
import { readMail } from '../../src/quickstart/mail.ts';

const mail = (headers: readonly string[], body: string): string => [...headers, '', body].join('\n');

test('of the headers only the subject gets through, unfolded and without the marks of lists and filters', () => {
  const read = readMail(
    mail(
      [
        'From someone@example.com Thu Aug 22 12:36:23 2002',
        'From: Someone <someone@example.com>',
        'X-Spam-Status: Yes, hits=12.3',
        'Subject: Re: [ILUG] ***** SPAM ***** Fwd: A long',
        '\tsubject line',
      ],
      'Hello there.',
    ),
  );
  expect(read).toEqual({ subject: 'A long subject line', text: 'Hello there.' });
});

test('encoded subjects are decoded', () => {
  expect(readMail(mail(['Subject: =?iso-8859-1?Q?Make_money=21?='], 'x')).subject).toBe('Make money!');
  expect(readMail(mail(['Subject: =?utf-8?B?SGVsbG8=?='], 'x')).subject).toBe('Hello');
});

test('a mail in parts gives its plain text, or its HTML without the tags', () => {
  const parts = (...each: string[]): string =>
    ['--cut', ...each.flatMap((part) => [part, '--cut'])].join('\n') + '--\n';
  const head = ['Subject: s', 'Content-Type: multipart/alternative; boundary="cut"'];
  const html = 'Content-Type: text/html\n\n<p>In <b>HT</b>ML&nbsp;&amp; tags</p><script>no()</script><!-- no -->';
  expect(readMail(mail(head, parts(html, 'Content-Type: text/plain\n\nIn plain text'))).text).toBe('In plain text');
  expect(readMail(mail(head, parts(html))).text).toBe('In HTML & tags');
});

test('transfer encodings are undone', () => {
  const quoted = readMail(mail(['Content-Transfer-Encoding: quoted-printable'], 'one =\nline =3D 1'));
  expect(quoted.text).toBe('one line = 1');
  const base64 = readMail(mail(['Content-Transfer-Encoding: base64'], Buffer.from('Hello you').toString('base64')));
  expect(base64.text).toBe('Hello you');
});

test("a filter's report in the body, a list's footer and a feed's lines do not tell the answer", () => {
  const report =
    'SPAM: ---- Start SpamAssassin results ----\nSPAM: 12 hits\nSPAM: ---- End of SpamAssassin results ----';
  const footer =
    '_______________________________________________\nSome mailing list\nhttp://lists.example.com/listinfo';
  expect(readMail(mail([], `${report}\nURL: http://a.example\nDate: today\nThe mail.\n${footer}`)).text).toBe(
    'The mail.',
  );
});

test('a rule inside a mail that is no footer cuts nothing', () => {
  expect(readMail(mail([], `Before\n${'-'.repeat(30)}\nAfter`)).text).toBe('Before --- After');
});

test('addresses, links and the host names the corpus hid behind become words', () => {
  const { text } = readMail(mail([], 'Write to a.b@example.com or see http://x.example/?q=1 and www.y.example now'));
  expect(text).toBe('Write to [address] or see [link] and [link] now');
});

test('a mail that is no mail gives nothing, and no error', () => {
  expect(readMail('')).toEqual({ subject: '', text: '' });
  expect(readMail('Subject: only a head')).toEqual({ subject: 'only a head', text: '' });
  expect(readMail(mail(['Content-Type: image/png'], 'bytes')).text).toBe('');
});
