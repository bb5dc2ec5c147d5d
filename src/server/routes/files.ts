/** `/v1/files`: upload, list, look at, download and delete files. */

import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import type OpenAI from 'openai';
import { z } from 'zod';
import type { FileObject } from '../../domain/file.ts';
import type { House } from '../../house.ts';
import { type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { receiveUpload, uploadBytesMax } from '../upload.ts';
import { optional, parseQuery } from '../validation.ts';

const listQuery = z.object({
  ...pageFields(10_000, 10_000),
  purpose: optional(z.string()).transform((purpose) => purpose ?? null),
  order: optional(z.enum(['asc', 'desc'])).transform((order) => order ?? 'desc'),
});

type ById = { Params: { id: string } };

export function fileRoutes(app: FastifyInstance, { files, blobs }: House): void {
  // A scope of its own: multipart costs every request in its scope some time.
  app.register(async (uploads) => {
    await uploads.register(multipart, {
      limits: { fileSize: uploadBytesMax, files: 1, fields: 20, fieldSize: 64 * 1024, parts: 21 },
    });
    uploads.post('/files', async (request): Promise<FileObject> => {
      await using upload = await receiveUpload(request, blobs);
      return await files.add(upload.content, upload);
    });
  });

  app.get('/files', async (request): Promise<ListPageWithEnds<FileObject>> => {
    const query = parseQuery(listQuery, request.query);
    return listPageWithEnds(await files.list(query), query.limit);
  });

  app.get<ById>('/files/:id', async ({ params }): Promise<FileObject> => files.get(params.id));

  app.get<ById>('/files/:id/content', async ({ params }, reply) => {
    const { file, bytes } = await files.content(params.id);
    return reply
      .type('application/octet-stream')
      .header('content-length', file.bytes)
      .header('content-disposition', attachment(file.filename))
      .send(bytes);
  });

  app.delete<ById>('/files/:id', async ({ params }): Promise<OpenAI.FileDeleted> => {
    await files.delete(params.id);
    return { id: params.id, object: 'file', deleted: true };
  });
}

/** The name for old readers in ASCII, and in full for those that know RFC 6266. */
function attachment(filename: string): string {
  const plain = filename.replace(/[^\x20-\x7e]|["\\]/g, '_');
  const full = encodeURIComponent(filename).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${plain}"${plain === filename ? '' : `; filename*=UTF-8''${full}`}`;
}
