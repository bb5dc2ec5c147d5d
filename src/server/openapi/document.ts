/**
 * Our OpenAPI document: what OpenAI's says of the addresses that we serve, and what we add.
 *
 * `official.json` is OpenAI's document without its prose (see tests/goldens/make-official-schemas.ts). Only addresses
 * that the router has are shown, and only the schemas that they lead to, so the document cannot promise what is not
 * there.
 */

import { readFileSync } from 'node:fs';
import { version } from '../../version.ts';
import { ourSchemas } from './differences.ts';
import type { Operation } from './operations/operation.ts';
import { operations } from './operations.ts';

export interface ServedRoute {
  readonly method: string;
  /** The router's pattern, such as `/v1/files/:id`. */
  readonly url: string;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: object;
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly securitySchemes: object };
  readonly [key: string]: unknown;
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema?: object;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: object;
}

interface Official {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly responses: Readonly<Record<string, object>>;
  };
}

/** `tunesmith_`: what only we have. */
const ownPrefix = 'tunesmith_';

export function openApiDocument(routes: readonly ServedRoute[]): OpenApiDocument {
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const { method, url } of routes) {
    if (method === 'HEAD' || method === 'OPTIONS' || !url.startsWith('/v1/')) continue;
    const operation = operations[`${method} ${url}`];
    if (operation === undefined) continue;
    const known = officialOperation(method, url);
    const path = known?.path ?? url.slice('/v1'.length).replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [method.toLowerCase()]: described(operation, known?.operation, method, path) };
  }
  const { components } = load();
  const schemas = reached({ paths, responses: components.responses }, ourSchemas(components.schemas));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tunesmith',
      version,
      description: "OpenAI's fine-tuning platform, on your own machine. Shapes follow OpenAI's published document.",
    },
    servers: [{ url: '/v1' }],
    security: [{ apiKey: [] }, {}],
    paths,
    components: {
      schemas,
      responses: components.responses,
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } },
    },
  } as OpenApiDocument;
}

function described(
  { group, summary, request, response, stream, isOpenAIs = false }: Operation,
  known: OpenApiOperation | undefined,
  method: string,
  path: string,
): OpenApiOperation {
  const json = (schema: object) => ({ content: { 'application/json': { schema } } });
  const answer = response === undefined || 'content' in response ? response : json(response);
  if (known !== undefined) {
    const official = known.responses as Record<string, { content?: object }>;
    const code = Object.keys(official).find((each) => each.startsWith('2')) ?? '200';
    const good = { ...official[code] };
    Object.assign(good, answer);
    if (stream !== undefined) good.content = { ...good.content, 'text/event-stream': { schema: stream } };
    return { ...known, tags: [group], summary, responses: { ...known.responses, [code]: good } };
  }
  return {
    operationId: ownPrefix + `${method} ${path}`.toLowerCase().replaceAll(/\W+/g, '_').replace(/_$/, ''),
    tags: [group],
    summary: isOpenAIs ? summary : `${summary} (Tunesmith's own.)`,
    parameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name: name!,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...(request !== undefined && { requestBody: json(request) }),
    responses: { 200: answer ?? {} },
  };
}

/** OpenAI's operation at an address of ours, and its own name for the path; undefined where only we have it. */
export function officialOperation(method: string, url: string) {
  return officialOperations().get(`${method} ${shapeOf(url.slice('/v1'.length))}`);
}

let byAddress: Map<string, { path: string; operation: OpenApiOperation }> | null = null;

/** OpenAI's operations by method and the shape of their path. */
export function officialOperations(): ReadonlyMap<string, { path: string; operation: OpenApiOperation }> {
  if (byAddress !== null) return byAddress;
  const entries = Object.entries(load().paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) => [`${method.toUpperCase()} ${shapeOf(path)}`, { path, operation }] as const,
    ),
  );
  byAddress = new Map(entries);
  return byAddress;
}

let loaded: Official | null = null;

export function officialSchemas(): Readonly<Record<string, object>> {
  return load().components.schemas;
}

function load(): Official {
  loaded ??= JSON.parse(readFileSync(new URL('official.json', import.meta.url), 'utf8')) as Official;
  return loaded;
}

/** `/files/{file_id}` and `/files/:id` are the same address. */
const shapeOf = (path: string): string => path.replaceAll(/\{\w+\}|:\w+/g, '*');

/** The schemas that `start` refers to, and those that they refer to. */
function reached(start: unknown, schemas: Readonly<Record<string, object>>): Record<string, object> {
  const found: Record<string, object> = {};
  const open: unknown[] = [start];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      const schema = schemas[name];
      if (schema === undefined || Object.hasOwn(found, name)) continue;
      found[name] = schema;
      open.push(schema);
    }
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}
