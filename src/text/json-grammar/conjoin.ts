/**
 * Two schemas as one that says both: for `allOf`, and for what stands beside `$ref` and `anyOf`.
 *
 * Only what can be said in one schema is joined: lists of types and values by what they share, bounds by the
 * narrower one, properties by name. Everything else must be equal or is a problem.
 */

import { isDeepStrictEqual } from 'node:util';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Why two schemas cannot be joined, in words. */
export class ConjoinProblem extends Error {}

/** Keywords that say nothing about which values are valid. */
export const annotations: ReadonlySet<string> = new Set([
  'title', 'description', 'default', 'examples', 'example', 'deprecated', 'readOnly', 'writeOnly', 'discriminator',
  '$schema', '$id', '$anchor', '$comment', '$defs', 'definitions', 'contentEncoding', 'contentMediaType',
]); // prettier-ignore

export const isSchemaObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function conjoin(a: JsonSchema, b: JsonSchema): JsonSchema {
  checkClosed(a, b);
  checkClosed(b, a);
  const joined: Record<string, unknown> = { ...a };
  for (const [keyword, value] of Object.entries(b)) {
    if (annotations.has(keyword)) continue;
    joined[keyword] = keyword in a ? join(keyword, a[keyword], value) : value;
  }
  return joined;
}

function join(keyword: string, a: unknown, b: unknown): unknown {
  const rule = rules[keyword];
  if (rule !== undefined) return rule(a, b);
  if (isDeepStrictEqual(a, b)) return a;
  throw new ConjoinProblem(`asks for two things in '${keyword}' at once`);
}

const narrower = (pick: (...bounds: number[]) => number) => (a: unknown, b: unknown) => pick(Number(a), Number(b));

const rules: Readonly<Record<string, (a: unknown, b: unknown) => unknown>> = {
  type: (a, b) => {
    const [first, second] = [[a].flat(), [b].flat()];
    const both = first.filter((type) => second.includes(type) || (type === 'integer' && second.includes('number')));
    if (second.includes('integer') && first.includes('number') && !both.includes('integer')) both.push('integer');
    return both;
  },
  enum: (a, b) => (a as unknown[]).filter((value) => (b as unknown[]).some((other) => isDeepStrictEqual(value, other))),
  required: (a, b) => [...new Set([...(a as string[]), ...(b as string[])])],
  properties: (a, b) => {
    const joined: Record<string, unknown> = { ...(a as JsonSchema) };
    for (const [key, schema] of Object.entries(b as JsonSchema))
      joined[key] = key in joined ? { allOf: [joined[key], schema] } : schema;
    return joined;
  },
  items: (a, b) => ({ allOf: [a, b] }),
  $defs: (a) => a,
  minimum: narrower(Math.max),
  exclusiveMinimum: narrower(Math.max),
  minLength: narrower(Math.max),
  minItems: narrower(Math.max),
  maximum: narrower(Math.min),
  exclusiveMaximum: narrower(Math.min),
  maxLength: narrower(Math.min),
  maxItems: narrower(Math.min),
};

/** A schema that closes its objects would also close them to the other's properties. */
function checkClosed(a: JsonSchema, b: JsonSchema): void {
  const extra = a['additionalProperties'];
  if (extra === undefined || extra === true || b['properties'] === undefined) return;
  const own = (a['properties'] ?? {}) as JsonSchema;
  const foreign = Object.keys(b['properties'] as JsonSchema).find((key) => !(key in own));
  if (foreign !== undefined)
    throw new ConjoinProblem(`has 'additionalProperties' beside another schema's property '${foreign}'`);
}
