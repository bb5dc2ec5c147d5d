/** JSON over HTTP to a tracker that the operator has named; a failure says what came back. */

export interface Call {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

export class HttpFailure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const patienceMs = 30_000;
const shownLetters = 300;

export async function callJson({ method, url, headers, body, signal }: Call): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    redirect: 'error', // a key goes to the address that was named, and nowhere else
  });
  const text = await response.text();
  const { pathname, host } = new URL(url);
  if (!response.ok)
    throw new HttpFailure(
      response.status,
      `${method} ${pathname} at ${host} answered ${response.status}: ${text.slice(0, shownLetters)}`,
    );
  try {
    return text === '' ? {} : (JSON.parse(text) as unknown);
  } catch {
    throw new HttpFailure(
      response.status,
      `${method} ${pathname} at ${host} answered ${response.status} with no JSON: ${text.slice(0, shownLetters)}`,
    );
  }
}
