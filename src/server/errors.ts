/**
 * The only writer of OpenAI's error envelope: `{"error":{"message","type","param","code"}}`, always four keys.
 *
 * Kinds of `TunesmithError` become statuses in one table. What Fastify and its parsers throw is translated here
 * too; anything else is our own mistake or the world's, and is answered without its inner workings.
 */

import { type ErrorKind, invalid, TunesmithError } from '../domain/errors.ts';

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly error: {
      readonly message: string;
      readonly type: string;
      readonly param: string | null;
      readonly code: string | null;
    };
  };
  /** Nobody foresaw this one: it belongs in the log. */
  readonly unforeseen: boolean;
}

const answers: Record<ErrorKind, [status: number, type: string]> = {
  invalid: [400, 'invalid_request_error'],
  unauthorized: [401, 'invalid_request_error'],
  forbidden: [403, 'invalid_request_error'],
  not_found: [404, 'invalid_request_error'],
  method_not_allowed: [405, 'invalid_request_error'],
  conflict: [409, 'invalid_request_error'],
  too_large: [413, 'invalid_request_error'],
  rate_limited: [429, 'requests'],
  tokens_used_up: [429, 'tokens'],
  internal: [500, 'server_error'],
  overloaded: [503, 'server_error'],
};

/** Official clients retry these by themselves; ours come back the same unless one says otherwise, so they are told not to. */
const retriedInVain: ReadonlySet<ErrorKind> = new Set(['conflict', 'internal']);
/** These pass; unless told otherwise, soon. */
const passing: ReadonlySet<ErrorKind> = new Set(['rate_limited', 'tokens_used_up', 'overloaded']);
const soonMs = 1000;
/** Official clients wait no longer than this, and would come back too early. */
const patienceMs = 60_000;

export function answerTo(error: unknown, requestId: string): ErrorAnswer {
  const known = error instanceof TunesmithError ? error : translated(error);
  if (known !== null) {
    const [status, type] = answers[known.kind];
    const headers: Record<string, string> = {};
    if (known.retryAfterMs === null && retriedInVain.has(known.kind)) headers['x-should-retry'] = 'false';
    else if (known.retryAfterMs !== null || passing.has(known.kind))
      Object.assign(headers, retryHeaders(known.retryAfterMs ?? soonMs));
    const { message, param, code } = known;
    return { status, headers, body: { error: { message, type, param, code } }, unforeseen: status === 500 };
  }
  const message = `The server had an error while processing your request. Its log tells more under ${requestId}.`;
  const body = { error: { message, type: 'server_error', param: null, code: null } };
  return { status: 500, headers: {}, body, unforeseen: true };
}

const retryHeaders = (ms: number): Record<string, string> => ({
  'retry-after': String(Math.ceil(ms / 1000)),
  'retry-after-ms': String(ms),
  'x-should-retry': String(ms < patienceMs),
});

/** What the framework or a full disk says, as one of ours; null when it is neither. */
function translated(error: unknown): TunesmithError | null {
  if (isDiskFull(error))
    return new TunesmithError(
      'internal',
      "The disk of this server's data folder is full; nothing of this request was kept. Free some space and try again.",
      { code: 'disk_full', cause: error },
    );
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message: string };
  if (statusCode === undefined || statusCode < 400 || statusCode > 499) return null;
  const kind = (Object.keys(answers) as ErrorKind[]).find((kind) => answers[kind][0] === statusCode) ?? 'invalid';
  return new TunesmithError(kind, sentences[code ?? ''] ?? message, { cause: error });
}

/** From the file system, or from SQLite. */
function isDiskFull(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === 'ENOSPC' || code === 'EDQUOT' || errcode === 13;
}

const sentences: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_JSON_BODY:
    'We could not parse the JSON body of your request. Expected one JSON value in UTF-8, sent with the header Content-Type: application/json.',
  FST_ERR_CTP_BODY_TOO_LARGE: 'The body of your request is larger than this endpoint takes.',
  FST_ERR_CTP_INVALID_MEDIA_TYPE:
    'Unsupported content type. Expected a JSON body with the header Content-Type: application/json (files: multipart/form-data).',
};

/** The whole answer to bytes that are no HTTP request: nothing of the framework runs for those. */
export function answerToBrokenHttp(cause: Error, requestId: string): string {
  const { body } = answerTo(invalid(null, `The HTTP request could not be read: ${cause.message}.`), requestId);
  const text = JSON.stringify(body);
  const headers = [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ];
  return `${headers.join('\r\n')}\r\n\r\n${text}`;
}
