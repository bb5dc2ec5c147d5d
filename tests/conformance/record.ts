/** Everything that an official client sent and got, so that it can be judged afterwards. */

export interface Exchange {
  readonly method: string;
  /** From `/v1` on, without its query. */
  readonly path: string;
  /** What was said, by name: the query's fields and the body's, whether JSON or a form. Nulls say nothing. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly status: number;
  readonly contentType: string;
  readonly answer: string;
}

export class Recorder {
  readonly #pending: Promise<Exchange>[] = [];

  /** For the client's `fetch`; it is the platform's own, listened to. */
  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    const response = await fetch(input, init);
    if (!url.protocol.startsWith('http')) return response; // the package tries the platform out
    const copy = response.clone();
    const asked = {
      method: init.method?.toUpperCase() ?? 'GET',
      path: decodeURIComponent(url.pathname),
      query: named(url.searchParams.entries()),
      body: bodyOf(init.body),
    };
    const { status } = response;
    const contentType = response.headers.get('content-type') ?? '';
    this.#pending.push(copy.text().then((answer) => ({ ...asked, status, contentType, answer })));
    return response;
  };

  /** In the order in which the answers began. */
  async exchanges(): Promise<Exchange[]> {
    return await Promise.all(this.#pending);
  }
}

/** The payloads of a stream of server-sent events; the word at its end is one of them. */
export function eventsIn(stream: string): unknown[] {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice('data: '.length))
    .map((text) => (text === '[DONE]' ? text : (JSON.parse(text) as unknown)));
}

function bodyOf(body: RequestInit['body']): Record<string, unknown> {
  if (body instanceof FormData) return named(body.entries());
  if (typeof body !== 'string') return {};
  return named(Object.entries(JSON.parse(body) as object));
}

/** `metadata[team]` says something of `metadata`. */
function named(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  const said = [...entries].filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    said.map(([name, value]) => [name.replace(/\[.*$/, ''), value instanceof File ? value.name : value]),
  );
}
