/** `/v1/uploads`: large files in parts of up to 64 MB, which may come at once, and become a file when completed. */

import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { uploadPurposes } from '../../domain/file.ts';
import type { Upload, UploadPart } from '../../domain/upload.ts';
import type { House } from '../../house.ts';
import { type Uploads, uploadBytesMax } from '../../store/uploads.ts';
import { accessOf } from '../access.ts';
import { digestOf, multipartLimits, receiveForm } from '../form.ts';
import { alongside, formAnsweredBefore } from '../idempotency.ts';
import { assertName, assertSize, expiresAfter, expirySeconds } from '../upload.ts';
import { optional, parseBody } from '../validation.ts';

const partBytesMax = 64 * 2 ** 20;

const createSchema = z.strictObject({
  filename: z.string().min(1).max(1024),
  purpose: z.enum(uploadPurposes),
  bytes: z.int().min(1).max(uploadBytesMax),
  mime_type: z.string().min(1),
  expires_after: expiresAfter,
});

const completeSchema = z.strictObject({
  part_ids: z.array(z.string()).min(1),
  md5: optional(z.string().regex(/^[0-9a-fA-F]{32}$/)).transform((md5) => md5 ?? null),
});

type ById = { Params: { id: string } };

export function uploadRoutes(app: FastifyInstance, house: House): void {
  const uploadsOf = (request: FastifyRequest): Uploads => house.of(accessOf(request).project).uploads;

  app.post('/uploads', async (request): Promise<Upload> => {
    const { filename, purpose, bytes, expires_after } = parseBody(createSchema, request.body);
    assertName(purpose, filename, 'filename');
    assertSize(purpose, bytes, 'bytes');
    const expiresAfterSeconds = expirySeconds(purpose, expires_after);
    const newUpload = { filename, purpose, bytes, expiresAfterSeconds };
    return await uploadsOf(request).create(newUpload, alongside(house, request));
  });

  app.register(async (parts) => {
    await parts.register(multipart, multipartLimits(partBytesMax));
    parts.post<ById>('/uploads/:id/parts', async (request, reply): Promise<UploadPart | FastifyReply> => {
      const { id } = request.params;
      await uploadsOf(request).assertPending(id);
      const rules = { field: 'data', bytesMax: partBytesMax, schema: z.object({}) };
      await using form = await receiveForm(request, house.blobs, rules);
      if (await formAnsweredBefore(house, request, reply, digestOf(form))) return reply;
      return await uploadsOf(request).addPart(id, form.content, alongside(house, request));
    });
  });

  app.post<ById>('/uploads/:id/complete', async (request): Promise<Upload> => {
    const { part_ids: partIds, md5 } = parseBody(completeSchema, request.body);
    return await uploadsOf(request).complete(request.params.id, { partIds, md5 }, alongside(house, request));
  });

  app.post<ById>('/uploads/:id/cancel', async (request): Promise<Upload> => {
    return await uploadsOf(request).cancel(request.params.id, alongside(house, request));
  });
}
