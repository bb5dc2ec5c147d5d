/**
 * The caller's mistakes, as values every room can throw and the server can put on the wire.
 *
 * Three sorts of error exist in this house. The caller's mistake is a `TunesmithError`: it says what was
 * found, what was expected and where. Our own mistake is an assertion. The world's mistake (disk, child
 * process) rises with its `cause`. Only `server/errors.ts` turns any of them into OpenAI's envelope.
 */

export type ErrorKind =
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'too_large'
  | 'rate_limited'
  | 'tokens_used_up'
  | 'internal'
  | 'overloaded';

export class TunesmithError extends Error {
  readonly kind: ErrorKind;
  /** Dotted path of the offending request field, as OpenAI's `error.param`. */
  readonly param: string | null;
  /** Machine-readable code, as OpenAI's `error.code`. */
  readonly code: string | null;
  /** When to try again, where that is known. */
  readonly retryAfterMs: number | null;

  constructor(
    kind: ErrorKind,
    message: string,
    options: { param?: string | null; code?: string | null; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TunesmithError';
    this.kind = kind;
    this.param = options.param ?? null;
    this.code = options.code ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** A request or file that breaks a rule; `param` names the field, `code` is what clients match on. */
export function invalid(param: string | null, message: string, code: string | null = null): TunesmithError {
  return new TunesmithError('invalid', message, { param, code });
}

/** Something that was asked for by name and is not there. */
export function notFound(param: string | null, message: string, code: string | null = null): TunesmithError {
  return new TunesmithError('not_found', message, { param, code });
}
