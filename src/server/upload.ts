/**
 * A file on its way in: the multipart body of `POST /v1/files`.
 *
 * Parts come in any order, so the content goes to disk before we may know what it is for, and is judged when the
 * whole form is there. Memory stays flat whatever the size.
 */

import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { invalid, TunesmithError } from '../domain/errors.ts';
import { uploadPurposes } from '../domain/file.ts';
import type { ArrivedBlob, Blobs } from '../store/blobs.ts';
import type { NewFile } from '../store/files.ts';
import { optional, parseBody, queryInteger } from './validation.ts';

export const uploadBytesMax = 512 * 2 ** 20;
/** Room for the form around the file. */
const formBytesMax = 2 ** 20;
const batchBytesMax = 200 * 2 ** 20;
const batchExpirySeconds = 30 * 24 * 60 * 60;

export interface Upload extends NewFile, AsyncDisposable {
  readonly content: ArrivedBlob;
}

const fieldsSchema = z.object({
  purpose: z.enum(uploadPurposes),
  expires_after: optional(
    z.object({ anchor: z.literal('created_at'), seconds: queryInteger(3600, 30 * 24 * 60 * 60) }),
  ),
});

/** Takes in the whole form. The content is dropped when the upload is disposed of without having been stored. */
export async function receiveUpload(request: FastifyRequest, blobs: Blobs): Promise<Upload> {
  if (!request.isMultipart())
    throw invalid(
      null,
      `Expected a form with the content type multipart/form-data, found ${request.headers['content-type'] ?? 'none'}.`,
      'unsupported_content_type',
    );
  // Who says so is refused before the first byte; who does not, when it becomes too much.
  if (Number(request.headers['content-length']) > uploadBytesMax + formBytesMax) throw tooLarge();
  const { content, filename, fields } = await readForm(request, blobs);
  try {
    const { purpose, expires_after } = parseBody(fieldsSchema, nested(fields));
    if (content === null) throw missingFile(fields);
    const named = filename ?? 'upload';
    assertSuits(purpose, named, content.sizeBytes);
    const expiresAfterSeconds = expires_after?.seconds ?? (purpose === 'batch' ? batchExpirySeconds : null);
    const dispose = () => content[Symbol.asyncDispose]();
    return { content, filename: named, purpose, expiresAfterSeconds, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await content?.[Symbol.asyncDispose]();
    throw error;
  }
}

interface Form {
  readonly content: ArrivedBlob | null;
  readonly filename: string | undefined;
  readonly fields: ReadonlyMap<string, unknown>;
}

async function readForm(request: FastifyRequest, blobs: Blobs): Promise<Form> {
  const fields = new Map<string, unknown>();
  let content: ArrivedBlob | null = null;
  let filename: string | undefined;
  try {
    for await (const part of request.parts()) {
      if (part.type === 'field') fields.set(part.fieldname, part.value);
      else if (part.fieldname === 'file') {
        content = await blobs.receive(part.file, uploadBytesMax);
        filename = part.filename;
      } else throw invalid(part.fieldname, `Unknown parameter: '${part.fieldname}'. The content belongs in 'file'.`);
    }
    return { content, filename, fields };
  } catch (error) {
    await content?.[Symbol.asyncDispose]();
    throw asFormError(error);
  }
}

/** The form reader's complaints come without a status; disk errors, which name a system call, are not about the form. */
function asFormError(error: unknown): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof TunesmithError || syscall !== undefined) return error;
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge();
  if (code === 'FST_FILES_LIMIT') return invalid('file', "The form has several files; expected one, in 'file'.");
  return invalid(null, `The multipart form could not be read: ${message}.`);
}

function tooLarge(): TunesmithError {
  const message = `The file is larger than the maximum of 512 MB (${uploadBytesMax} bytes).`;
  return new TunesmithError('too_large', message, { param: 'file' });
}

/** `expires_after[seconds]` as `expires_after.seconds`. */
function nested(fields: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const form: Record<string, unknown> = {};
  for (const [name, value] of fields) {
    const [, outer, inner] = /^(\w+)\[(\w+)\]$/.exec(name) ?? [];
    if (outer === undefined || inner === undefined) form[name] = value;
    else form[outer] = { ...(form[outer] as object | undefined), [inner]: value };
  }
  return form;
}

function missingFile(fields: ReadonlyMap<string, unknown>): TunesmithError {
  if (!fields.has('file')) return invalid('file', "Missing required parameter: 'file'.", 'missing_required_parameter');
  return invalid(
    'file',
    "Invalid type for 'file': expected a file with a filename, but got a plain field.",
    'invalid_type',
  );
}

function assertSuits(purpose: NewFile['purpose'], filename: string, sizeBytes: number): void {
  if (purpose === 'fine-tune' && !/\.jsonl$/i.test(filename))
    throw invalid(
      'file',
      `Invalid file format: '${filename}' cannot be used for fine-tuning. Expected a .jsonl file, one JSON object per line.`,
      'invalid_file_format',
    );
  if (purpose === 'batch' && sizeBytes > batchBytesMax)
    throw new TunesmithError(
      'too_large',
      `The file has ${sizeBytes} bytes; batch input may have ${batchBytesMax} (200 MB).`,
      {
        param: 'file',
      },
    );
}
