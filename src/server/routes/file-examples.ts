/** `/v1/files/:id/examples` and `/edits`: the rows of a training file, and a new file with some of them changed. Tunesmith's own. */

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { examplesOf } from '../../curation/examples.ts';
import { reviseFile } from '../../curation/revise.ts';
import type { FileExample } from '../../domain/file-example.ts';
import type { FileObject } from '../../domain/file.ts';
import type { House } from '../../house.ts';
import { accessOf } from '../access.ts';
import { alongside } from '../idempotency.ts';
import { type ListPage, listPage } from '../pages.ts';
import { optional, parseBody, parseQuery, queryInteger } from '../validation.ts';

const linesMax = 200;

const examplesQuery = z.object({
  limit: optional(queryInteger(1, 100)).transform((limit) => limit ?? 20),
  /** A line, not an id. */
  after: optional(queryInteger(0, 2 ** 31)).transform((after) => after ?? 0),
  query: optional(z.string().max(1000)).transform((query) => query ?? null),
  lines: optional(
    z.string().refine((text) => /^\d{1,9}(,\d{1,9})*$/.test(text) && text.split(',').length <= linesMax, {
      params: { code: 'invalid_value' },
      error: `Invalid 'lines': expected up to ${linesMax} numbers with commas between, such as 4,17.`,
    }),
  ).transform((text) => (text === undefined ? null : new Set(text.split(',').map(Number)))),
  faulty: optional(z.enum(['true', 'false'])).transform((faulty) => faulty === 'true'),
  model: optional(z.string()).transform((model) => model ?? null),
});

const row = z.record(z.string(), z.unknown());
const editsMax = 50_000;
const edit = z.strictObject({ line: z.int().min(1), value: z.union([row, z.null()]) });

const editsSchema = z
  .strictObject({
    edits: optional(z.array(edit).max(editsMax)).transform((edits) => edits ?? []),
    add: optional(z.array(row).max(editsMax)).transform((rows) => rows ?? []),
    repair: optional(z.boolean()).transform((repair) => repair ?? false),
    drop: optional(z.boolean()).transform((drop) => drop ?? false),
    filename: optional(z.string().min(1).max(1024)).transform((filename) => filename ?? null),
  })
  .refine(({ edits }) => new Set(edits.map(({ line }) => line)).size === edits.length, {
    path: ['edits'],
    params: { code: 'invalid_value' },
    error: "Invalid 'edits': a line stands there twice.",
  });

type ById = { Params: { id: string } };

export function fileExampleRoutes(app: FastifyInstance, house: House): void {
  app.get<ById>('/files/:id/examples', async (request): Promise<ListPage<FileExample>> => {
    const query = parseQuery(examplesQuery, request.query);
    const { files, models } = house.of(accessOf(request).project);
    const rooms = { files, models, textOf: house.serving.textOf.bind(house.serving) };
    const { data, more } = await examplesOf(rooms, request.params.id, query);
    return { ...listPage(data, data.length), has_more: more };
  });

  app.post<ById>('/files/:id/edits', async (request): Promise<FileObject> => {
    const { edits, add: added, ...rest } = parseBody(editsSchema, request.body);
    const { files } = house.of(accessOf(request).project);
    const revision = { edits: new Map(edits.map(({ line, value }) => [line, value])), added, ...rest };
    return await reviseFile({ files, blobs: house.blobs }, request.params.id, revision, alongside(house, request));
  });
}
