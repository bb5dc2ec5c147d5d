/** The OpenAPI document for people: one page, no script, nothing from elsewhere. */

import type { OpenApiDocument, OpenApiOperation } from './document.ts';

const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; }
nav a { margin-right: 1rem; white-space: nowrap; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
code { font: 0.9em ui-monospace, monospace; }
.method { display: inline-block; width: 4.5rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--soft); vertical-align: top; }
`;

/** What the page may load, for its Content-Security-Policy: its own style and nothing else. */
export const pagePolicy =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function documentPage(document: OpenApiDocument): string {
  const rows = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const groups = [...new Set(rows.map(({ operation }) => operation.tags?.[0] ?? 'Other'))];
  const sections = groups.map((group) => {
    const items = rows.filter(({ operation }) => (operation.tags?.[0] ?? 'Other') === group);
    const list = items.map(({ path, method, operation }) => item(path, method, operation, document)).join('');
    return `<section><h2 id="${anchor(group)}">${escaped(group)}</h2>${list}</section>`;
  });
  const links = groups.map((group) => `<a href="#${anchor(group)}">${escaped(group)}</a>`).join('');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tunesmith API</title><style>${style}</style></head>
<body><h1>Tunesmith API</h1>
<p>Everything below is under <code>/v1</code>. The same as a document for programs: <a href="/openapi.json">openapi.json</a>.</p>
<nav>${links}</nav>${sections.join('')}</body></html>
`;
}

function item(path: string, method: string, operation: OpenApiOperation, document: OpenApiDocument): string {
  const parameters = (operation.parameters ?? []).map(({ name, in: place, required, schema }) =>
    fieldRow(name, typeOf(schema, document), place, required === true),
  );
  const body = Object.values(operation.requestBody?.content ?? {}).flatMap(({ schema }) =>
    bodiesOf(schema, document).flatMap(({ title, shape }) =>
      fieldsOf(shape, document).map(({ name, type, required }) =>
        fieldRow(name, type, title === undefined ? 'body' : `body, ${title}`, required),
      ),
    ),
  );
  const rows = [...parameters, ...body].join('');
  const head =
    '<tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">In</th><th scope="col">Required</th></tr>';
  const table = rows === '' ? '<p>No parameters.</p>' : `<table><thead>${head}</thead><tbody>${rows}</tbody></table>`;
  return `<details id="${escaped(operation.operationId)}"><summary><span class="method">${method}</span><code>${escaped(path)}</code> ${escaped(operation.summary ?? '')}</summary>${table}</details>`;
}

const fieldRow = (name: string, type: string, place: string, required: boolean): string =>
  `<tr><td><code>${escaped(name)}</code></td><td>${escaped(type)}</td><td>${place}</td><td>${required ? 'yes' : ''}</td></tr>`;

interface Schema {
  readonly $ref?: string;
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** A body that can be one of several things is shown as each of them. */
function bodiesOf(schema: Schema, document: OpenApiDocument): { readonly title?: string; readonly shape: Schema }[] {
  const { oneOf } = resolved(schema, document);
  if (oneOf?.every(({ title }) => title !== undefined) !== true) return [{ shape: schema }];
  return oneOf.map((shape) => ({ title: escaped(shape.title!), shape }));
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
}

/** The fields at the top of a body; `allOf` puts several schemas together. */
function fieldsOf(schema: Schema, document: OpenApiDocument): Field[] {
  const { properties = {}, required = [], allOf = [] } = resolved(schema, document);
  const own = Object.entries(properties).map(([name, value]) => ({
    name,
    type: typeOf(value, document),
    required: required.includes(name),
  }));
  const all = [...allOf.flatMap((part) => fieldsOf(part, document)), ...own];
  return [...new Map(all.map((field) => [field.name, field])).values()];
}

const choicesShown = 12;

function typeOf(schema: Schema | undefined, document: OpenApiDocument, depth = 0): string {
  if (schema === undefined || depth > 4) return 'any';
  const { type, enum: values, const: only, items, anyOf, allOf } = resolved(schema, document);
  if (only !== undefined) return JSON.stringify(only);
  if (values !== undefined) {
    const shown = values
      .slice(0, choicesShown)
      .map((value) => JSON.stringify(value))
      .join(' | ');
    return values.length > choicesShown ? `${shown} | …` : shown;
  }
  if (anyOf !== undefined) return [...new Set(anyOf.map((each) => typeOf(each, document, depth + 1)))].join(' | ');
  if (type === 'array') return `list of ${typeOf(items, document, depth + 1)}`;
  if (type === undefined) return allOf === undefined ? 'any' : typeOf(allOf[0], document, depth + 1);
  return [type].flat().join(' | ');
}

function resolved(schema: Schema, document: OpenApiDocument): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (document.components.schemas[name] ?? {});
}

const anchor = (group: string): string => group.toLowerCase().replaceAll(/\W+/g, '-');

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
