import { expect, test } from 'vitest';
import { findPersonalData, isIban, isLuhn, maskPersonalData } from '../../../src/dataset/findings/personal-data.ts';

test.each([
  ['mail jane.doe@example.com now', 'mail [EMAIL] now'],
  ['jürgen@büro.de', '[EMAIL]'],
  ['two: a.b@c.org, d@e.net.', 'two: [EMAIL], [EMAIL].'],
  ['call +1 (415) 555-2671', 'call [PHONE]'],
  ['+49 30 1234567!', '[PHONE]!'],
  ['(415) 555-2671', '[PHONE]'],
  ['415.555.2671', '[PHONE]'],
  ['415 555 2671', '[PHONE]'],
  ['+49 30 1234567 +49 30 1234568', '[PHONE] [PHONE]'],
  ['(415) 555-2671 415-555-2672 415-555-2673', '[PHONE] [PHONE] [PHONE]'],
  ['Tel. 089/12 34 56 78', 'Tel. [PHONE]'],
  ['0171/1234567', '[PHONE]'],
  ['020 7946 0958', '[PHONE]'],
  ['phone: 5551234567', 'phone: [PHONE]'],
  ['call me at 555-1234', 'call me at [PHONE]'],
  ['pay with 4242 4242 4242 4242', 'pay with [CARD]'],
  ['4111111111111111', '[CARD]'],
  ['3782 822463 10005', '[CARD]'],
  ['DE89 3704 0044 0532 0130 00', '[IBAN]'],
  ['to GB82WEST12345698765432.', 'to [IBAN].'],
  ['BE68 5390 0754 7034 from home', '[IBAN] from home'],
  ['ssn 078-05-1120', 'ssn [SSN]'],
  ['sk-proj-abc123DEF456ghi789jkl012', '[KEY]'],
  ['AKIAIOSFODNN7EXAMPLE', '[KEY]'],
  ['ghp_16C7e42F292c6912E7710c838347Ae178B4a', '[KEY]'],
  ['Authorization: Bearer abcd1234efgh5678ijkl9012', 'Authorization: Bearer [KEY]'],
  ['api_key = "9f8e7d6c5b4a39281706"', 'api_key = "[KEY]"'],
  ['password: hunter2!', 'password: [KEY]'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N', '[KEY]'],
  ['-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----', '[KEY]'],
])('%s is masked', (text, masked) => {
  expect(maskPersonalData(text)).toBe(masked);
});

test.each([
  'order 4111111111111112',
  'order number 4242424242424242',
  'order 112-1234567-1234567',
  'Order #1234567890',
  'Case 415-555-2671',
  'ticket no. 030 1234567',
  'invoice 2024-000123',
  'on 2024-01-15 at 12:30',
  'call 2024-01-15 was bad',
  'call on 12.05.2024',
  '2024-01-15T12:30:00Z',
  '01/02/2024',
  'version 1.2.3.4',
  'ISBN 978-3-16-148410-0',
  '1,234,567.89 dollars',
  'pi is 3.14159265358979',
  'id 1234567890123456',
  'since 1700000000000',
  '192.168.100.200',
  'from 10000 20000 30000',
  'prices 200 300 4000 500',
  '1990-1991-1992',
  'tracking 1Z999AA10123456784',
  'DE89 3704 0044 0532 0130 01',
  'sk-xxxxxxxxxxxxxxxxxxxxxxxx',
  'the password is wrong',
  'password: ********',
  'the bearer of bad news and everything else here',
  'hello @user and a@b',
])('%s is nobody’s', (text) => {
  expect(findPersonalData(text)).toEqual([]);
});

test('only the kinds that are asked for are masked', () => {
  expect(maskPersonalData('a@b.org, +49 30 1234567', new Set(['phone']))).toBe('a@b.org, [PHONE]');
});

test('check digits are those of the standards', () => {
  // 4·2+1 → 4242…: every even place doubled gives 8, 4+2 … the sum is 80
  expect(isLuhn('4242424242424242')).toBe(true);
  expect(isLuhn('4242424242424241')).toBe(false);
  expect(isIban('FR14 2004 1010 0505 0001 3M02 606')).toBe(true);
  expect(isIban('FR14 2004 1010 0505 0001 3M02 605')).toBe(false);
  expect(isIban('DE89 3704 0044 0532 0130')).toBe(false); // too short for Germany
});

test('a megabyte of what nearly matches takes no more than its size', () => {
  for (const piece of [
    'a',
    '1',
    '1 ',
    'a.',
    '@',
    '-',
    'eyJ',
    'password:',
    '+1-',
    'sk-',
    'bearer ',
    '0123/',
    'a@b.org ',
    '+49 30 1234567, ',
  ]) {
    const text = piece.repeat(Math.ceil(500_000 / piece.length));
    const start = performance.now();
    findPersonalData(text);
    expect(performance.now() - start, piece).toBeLessThan(5000);
  }
});
