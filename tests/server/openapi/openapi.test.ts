import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { openTestHouse } from '../../house.ts';
import { routeTableOf } from '../../../src/server/route-table.ts';
import { operations } from '../../../src/server/openapi/operations.ts';
import type { OpenApiDocument } from '../../../src/server/openapi/document.ts';

test('the document shows every address of the API, each with what it is for, and no schema that is missing', async () => {
  await using house = await openTestHouse();
  const document = (await (await fetch(house.url.replace('/v1', '/openapi.json'))).json()) as OpenApiDocument;
  const shown = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary }]) => ({ path, method, summary })),
  );
  expect(shown.filter(({ summary }) => summary === undefined || summary === '')).toEqual([]);
  expect(shown.map(({ path, method }) => `${method} ${path}`)).toEqual(
    expect.arrayContaining([
      'post /files',
      'get /fine_tuning/jobs/{fine_tuning_job_id}/events',
      'delete /models/{model}',
    ]),
  );
  const text = JSON.stringify(document);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    expect(document.components.schemas).toHaveProperty([name!]);
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'ours');
  for (const name of Object.keys(document.components.schemas))
    expect(() => ajv.compile({ $ref: `ours#/components/schemas/${name}` })).not.toThrow();
});

test('every route is described, and nothing is described that is not served', async () => {
  await using house = await openTestHouse();
  const document = (await (await fetch(house.url.replace('/v1', '/openapi.json'))).json()) as OpenApiDocument;
  const shown = Object.values(document.paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0);
  const routes = routeTableOf(house.app)!
    .all()
    .filter(({ method, url }) => url.startsWith('/v1/') && method !== 'HEAD');
  expect(routes.map(({ method, url }) => `${method} ${url}`).filter((key) => !(key in operations))).toEqual([]);
  expect(Object.keys(operations)).toHaveLength(routes.length);
  expect(shown).toBe(routes.length);
});

test('people get a page without scripts that shows the same, and loads nothing from elsewhere', async () => {
  await using house = await openTestHouse();
  const response = await fetch(house.url.replace('/v1', '/docs'));
  const page = await response.text();
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(page).toContain('/fine_tuning/jobs');
  expect(page).toMatch(/training_file<\/code><\/td><td>string<\/td><td>body<\/td><td>yes/);
  expect(page).toMatch(/adapter_only<\/code><\/td><td>boolean \| null<\/td><td>body, export<\/td>/);
  expect(page).not.toMatch(/<script|https?:\/\//);
});
