import { expect, test } from 'vitest';
import { type ErrorKind, TunesmithError } from '../../src/domain/errors.ts';
import { answerTo } from '../../src/server/errors.ts';

test.each<[ErrorKind, number, string, string | undefined]>([
  ['invalid', 400, 'invalid_request_error', undefined],
  ['unauthorized', 401, 'invalid_request_error', undefined],
  ['forbidden', 403, 'invalid_request_error', undefined],
  ['not_found', 404, 'invalid_request_error', undefined],
  ['method_not_allowed', 405, 'invalid_request_error', undefined],
  ['conflict', 409, 'invalid_request_error', 'false'],
  ['too_large', 413, 'invalid_request_error', undefined],
  ['rate_limited', 429, 'requests', 'true'],
  ['tokens_used_up', 429, 'tokens', 'true'],
  ['internal', 500, 'server_error', 'false'],
  ['overloaded', 503, 'server_error', 'true'],
])('a mistake of the kind %s becomes %i %s', (kind, status, type, shouldRetry) => {
  const answer = answerTo(new TunesmithError(kind, 'It went wrong.', { param: 'x', code: 'y' }), 'req_1');
  expect(answer.status).toBe(status);
  expect(answer.headers['x-should-retry']).toBe(shouldRetry);
  expect(answer.body).toEqual({ error: { message: 'It went wrong.', type, param: 'x', code: 'y' } });
});

test.each<[number | undefined, object]>([
  [undefined, { 'retry-after': '1', 'retry-after-ms': '1000', 'x-should-retry': 'true' }],
  [250, { 'retry-after': '1', 'retry-after-ms': '250', 'x-should-retry': 'true' }],
  [59_999, { 'retry-after': '60', 'retry-after-ms': '59999', 'x-should-retry': 'true' }],
  [60_000, { 'retry-after': '60', 'retry-after-ms': '60000', 'x-should-retry': 'false' }],
])('what passes in %s ms says so; official clients are sent away from what they cannot wait for', (ms, headers) => {
  const options = ms === undefined ? {} : { retryAfterMs: ms };
  expect(answerTo(new TunesmithError('rate_limited', 'Too fast.', options), 'req_1').headers).toEqual(headers);
});

test('a mistake of ours that passes is one to retry, whoever else it would be told not to', () => {
  const crashed = new TunesmithError('internal', 'It died.', { retryAfterMs: 500 });
  const headers = { 'retry-after': '1', 'retry-after-ms': '500', 'x-should-retry': 'true' };
  expect(answerTo(crashed, 'req_1')).toMatchObject({ status: 500, headers, unforeseen: true });
  expect(answerTo(new Error('nobody knows'), 'req_1').headers).toEqual({}); // the client decides
});

test('an error that nobody foresaw keeps its words to itself and names the request', () => {
  const answer = answerTo(new Error('ENOENT: /home/me/.tunesmith/secret'), 'req_1');
  expect(answer).toMatchObject({
    status: 500,
    unforeseen: true,
    body: { error: { type: 'server_error', code: null } },
  });
  expect(answer.body.error.message).toContain('req_1');
  expect(answer.body.error.message).not.toContain('secret');
});

test.each([
  ['the file system', Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })],
  ['the database', Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 })],
])('a full disk, as told by %s, is said plainly and not retried', (_, error) => {
  expect(answerTo(error, 'req_1')).toMatchObject({
    status: 500,
    headers: { 'x-should-retry': 'false' },
    unforeseen: true,
    body: { error: { code: 'disk_full', message: expect.stringContaining('is full') } },
  });
});
