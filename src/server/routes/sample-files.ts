/** `/v1/sample_files`: data to begin with, as files of the project. Tunesmith's own. */

import type { FastifyInstance } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { FileObject } from '../../domain/file.ts';
import { type SampleFiles, sampleNames } from '../../domain/sample-files.ts';
import type { House } from '../../house.ts';
import { spamTexts } from '../../quickstart/sample.ts';
import { accessOf } from '../access.ts';
import { parseBody } from '../validation.ts';

const sampleSchema = z.strictObject({ name: z.enum(sampleNames) });
const description =
  'Real mails from the public SpamAssassin corpus, half spam and half not: 400 to train on, 50 to watch while training and 200 that are held out.';

export function sampleFileRoutes(app: FastifyInstance, house: House): void {
  app.post('/sample_files', async (request): Promise<SampleFiles> => {
    const { name } = parseBody(sampleSchema, request.body);
    const { files } = house.of(accessOf(request).project);
    const texts = await spamTexts();
    const add = async (text: string, part: string): Promise<FileObject> => {
      const content = await house.blobs.receive(Readable.from([Buffer.from(text)]));
      return await files.add(content, {
        filename: `${name}-${part}.jsonl`,
        purpose: 'fine-tune',
        expiresAfterSeconds: null,
      });
    };
    return {
      object: 'sample_files',
      name,
      description,
      training_file: await add(texts.training, 'train'),
      validation_file: await add(texts.validation, 'validation'),
      test_file: await add(texts.test, 'test'),
    };
  });
}
