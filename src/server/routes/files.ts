/** `/v1/files`: upload, list, look at, download and delete files. */

import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type OpenAI from 'openai';
import { z } from 'zod';
import { type FileObject, uploadPurposes } from '../../domain/file.ts';
import type { House } from '../../house.ts';
import type { Files } from '../../store/files.ts';
import { accessOf } from '../access.ts';
import { attachment } from '../attachment.ts';
import { digestOf, multipartLimits, receiveForm } from '../form.ts';
import { alongside, formAnsweredBefore } from '../idempotency.ts';
import { type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { assertName, assertSize, expiresAfter, expirySeconds } from '../upload.ts';
import { optional, parseQuery } from '../validation.ts';

const fileBytesMax = 512 * 2 ** 20;

const formSchema = z.object({ purpose: z.enum(uploadPurposes), expires_after: expiresAfter });

const listQuery = z.object({
  ...pageFields(10_000, 10_000),
  purpose: optional(z.string()).transform((purpose) => purpose ?? null),
  order: optional(z.enum(['asc', 'desc'])).transform((order) => order ?? 'desc'),
});

type ById = { Params: { id: string } };

export function fileRoutes(app: FastifyInstance, house: House): void {
  const filesOf = (request: FastifyRequest): Files => house.of(accessOf(request).project).files;

  // A scope of its own: multipart costs every request in its scope some time.
  app.register(async (uploads) => {
    await uploads.register(multipart, multipartLimits(fileBytesMax));
    uploads.post('/files', async (request, reply): Promise<FileObject | FastifyReply> => {
      const rules = { field: 'file', bytesMax: fileBytesMax, schema: formSchema };
      await using form = await receiveForm(request, house.blobs, rules);
      const { content, filename = 'upload' } = form;
      const { purpose, expires_after } = form.fields;
      assertName(purpose, filename, 'file');
      assertSize(purpose, content.sizeBytes, 'file');
      const newFile = { filename, purpose, expiresAfterSeconds: expirySeconds(purpose, expires_after) };
      if (await formAnsweredBefore(house, request, reply, digestOf(form))) return reply;
      return await filesOf(request).add(content, newFile, alongside(house, request));
    });
  });

  app.get('/files', async (request): Promise<ListPageWithEnds<FileObject>> => {
    const query = parseQuery(listQuery, request.query);
    return listPageWithEnds(await filesOf(request).list(query), query.limit);
  });

  app.get<ById>('/files/:id', async (request): Promise<FileObject> => filesOf(request).get(request.params.id));

  app.get<ById>('/files/:id/content', async (request, reply) => {
    const { file, bytes } = await filesOf(request).content(request.params.id);
    return reply
      .type('application/octet-stream')
      .header('content-length', file.bytes)
      .header('content-disposition', attachment(file.filename))
      .send(bytes);
  });

  app.delete<ById>('/files/:id', async (request): Promise<OpenAI.FileDeleted> => {
    const { id } = request.params;
    await filesOf(request).delete(id);
    return { id, object: 'file', deleted: true };
  });
}
