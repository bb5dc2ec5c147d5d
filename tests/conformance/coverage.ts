/**
 * What becomes of OpenAI's endpoints and parameters here, read off the exchanges of a run.
 *
 * A parameter is supported when a request that said it was answered, refused when saying it was; only that an
 * accepted one has no effect is not to be seen from outside, and is taken from `server/parameters.ts`, which must
 * agree with all that was seen.
 */

import { fieldsOf, treatments } from '../../src/server/openapi/differences.ts';
import {
  officialOperation,
  officialOperations,
  officialSchemas,
  type OpenApiOperation,
  type ServedRoute,
} from '../../src/server/openapi/document.ts';
import { operations } from '../../src/server/openapi/operations.ts';
import type { Treatment } from '../../src/server/parameters.ts';
import type { Exchange } from './record.ts';

export interface Endpoint {
  readonly method: string;
  /** As OpenAI writes it, or as we do where only we have it. */
  readonly path: string;
  readonly group: string;
  readonly own: boolean;
  readonly served: boolean;
  readonly parameters: readonly Parameter[];
}

export interface Parameter {
  readonly name: string;
  readonly place: 'query' | 'body';
  readonly fate: 'supported' | 'no effect' | 'refused' | 'not driven';
  readonly note: string;
  /** Of a supported parameter, the values that were refused, and how. */
  readonly refusals: readonly Refusal[];
}

export interface Refusal {
  readonly said: string;
  readonly status: number;
  readonly code: string | null;
  readonly message: string;
}

const segments = (path: string): string[] => path.split('/').filter((segment) => segment !== '');
const isName = (segment: string): boolean => segment.startsWith(':') || segment.startsWith('{');

/** The route that an exchange went to: of those that fit, the one with the fewest blanks. */
export function routeOf(routes: readonly ServedRoute[], { method, path }: Exchange): ServedRoute | undefined {
  const asked = segments(path);
  const fitting = routes.filter((route) => {
    const pattern = segments(route.url);
    return (
      route.method === method &&
      pattern.length === asked.length &&
      pattern.every((segment, i) => isName(segment) || segment === asked[i])
    );
  });
  const blanks = ({ url }: ServedRoute): number => segments(url).filter(isName).length;
  return fitting.sort((a, b) => blanks(a) - blanks(b))[0];
}

/** Every endpoint of OpenAI's document, and ours, in the order of our own list. */
export function endpointsOf(routes: readonly ServedRoute[], exchanges: readonly Exchange[]): Endpoint[] {
  const gone = exchanges.map((exchange) => routeOf(routes, exchange));
  const served = routes.map((route): Endpoint => {
    const official = officialOperation(route.method, route.url);
    const seen = exchanges.filter((_, i) => gone[i] === route);
    return {
      method: route.method,
      path: official?.path ?? route.url.replace('/v1', '').replaceAll(/:(\w+)/g, '{$1}'),
      group: operations[`${route.method} ${route.url}`]?.group ?? 'Other',
      own: official === undefined,
      served: true,
      parameters: official === undefined ? [] : parametersOf(official.operation, seen),
    };
  });
  const known = new Set(served.map(({ method, path }) => `${method} ${path}`));
  const absent = [...officialOperations()].flatMap(([address, { path, operation }]): Endpoint[] => {
    const method = address.split(' ')[0]!;
    if (known.has(`${method} ${path}`)) return [];
    return [{ method, path, group: 'Not served', own: false, served: false, parameters: parametersOf(operation, []) }];
  });
  const order = Object.values(operations).map(({ group }) => group);
  return [...served, ...absent].sort((a, b) => place(a.group) - place(b.group));

  function place(group: string): number {
    const at = order.indexOf(group);
    return at === -1 ? order.length : at;
  }
}

function parametersOf({ parameters = [], requestBody }: OpenApiOperation, seen: readonly Exchange[]): Parameter[] {
  const queried = parameters
    .filter((each) => each.in === 'query')
    .map(({ name }) => ({ name, place: 'query' as const }));
  const schema: Parameters<typeof fieldsOf>[0] = Object.values(requestBody?.content ?? {})[0]?.schema ?? {};
  const table = treatments[schema.$ref?.split('/').at(-1) ?? ''];
  const inBody = Object.keys(fieldsOf(schema, officialSchemas()).properties).map((name) => ({
    name,
    place: 'body' as const,
  }));
  return [...queried, ...inBody].map(({ name, place }) => {
    const saying = seen.filter((exchange) => Object.hasOwn(exchange[place], name));
    return parameterOf(name, place, saying, place === 'body' ? table?.[name] : undefined);
  });
}

function parameterOf(
  name: string,
  place: Parameter['place'],
  saying: readonly Exchange[],
  treatment: Treatment | undefined,
): Parameter {
  const refusals = saying.flatMap((exchange) => refusalOf(exchange, name));
  const accepted = saying.some(({ status }) => status < 300);
  const { fate, note = '' } = treatment ?? { fate: 'honoured' };
  if (fate === 'refused') return { name, place, fate: refusals.length > 0 ? 'refused' : 'not driven', note, refusals };
  const seen = fate === 'honoured' ? 'supported' : fate;
  return { name, place, fate: accepted ? seen : 'not driven', note, refusals };
}

/** How this request was refused, if it was for what it said of that parameter. */
function refusalOf({ status, answer, body, query }: Exchange, name: string): Refusal[] {
  if (status < 400) return [];
  const { param, code, message } = (JSON.parse(answer) as { error: Refusal & { param: string | null } }).error;
  if (param?.split(/[.[]/, 1)[0] !== name) return [];
  return [{ said: JSON.stringify(body[name] ?? query[name]), status, code, message }];
}
