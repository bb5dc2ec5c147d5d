/** MLflow and Weights & Biases on loopback: they keep what they are told, and fail when asked to. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Told {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

export interface Stub extends AsyncDisposable {
  readonly url: string;
  readonly told: Told[];
  /** So many of the next requests are answered 503. */
  failures: number;
}

type Answer = { readonly status?: number; readonly body: unknown };

export async function openStub(answer: (told: Told) => Answer): Promise<Stub> {
  const told: Told[] = [];
  const server = createServer((request, response) => void hear(request, response));
  const hear = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const each = { path: request.url!, authorization: request.headers.authorization, body: await read(request) };
    if (stub.failures > 0) {
      stub.failures -= 1;
      response.writeHead(503).end('busy');
      return;
    }
    told.push(each);
    const { status = 200, body: answered } = answer(each);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answered));
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stub: Stub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    told,
    failures: 0,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return stub;
}

async function read(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const piece of request.setEncoding('utf8')) text += piece as string;
  return text === '' ? null : (JSON.parse(text) as unknown);
}

/** The part of MLflow's server that a run needs: one experiment that does not exist yet, runs found by their tag. */
export async function openMlflow(): Promise<Stub> {
  const runs: { run_id: string; tags: { key: string; value: string }[] }[] = [];
  return await openStub(({ path, body }) => {
    const call = path.replace('/api/2.0/mlflow/', '').split('?')[0];
    if (call === 'experiments/get-by-name') return { status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } };
    if (call === 'experiments/create') return { body: { experiment_id: '7' } };
    if (call === 'runs/search') {
      const { filter } = body as { filter: string };
      const found = runs.filter(({ tags }) => tags.some(({ key, value }) => filter === `tags."${key}" = '${value}'`));
      return { body: found.length > 0 ? { runs: found.map(({ run_id }) => ({ info: { run_id } })) } : {} };
    }
    if (call === 'runs/create') {
      const run = { run_id: `run-${runs.length}`, tags: (body as { tags: { key: string; value: string }[] }).tags };
      runs.push(run);
      return { body: { run: { info: { run_id: run.run_id } } } };
    }
    return { body: {} };
  });
}

export async function openWandb(): Promise<Stub> {
  return await openStub(({ path, body }) => {
    if (path !== '/graphql') return { body: {} };
    const { variables } = body as { variables: { name: string; project: string; entity: string | null } };
    const project = { name: variables.project, entity: { name: variables.entity ?? 'me' } };
    return { body: { data: { upsertBucket: { bucket: { name: variables.name, project } } } } };
  });
}
