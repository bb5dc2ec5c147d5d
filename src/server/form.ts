/**
 * A multipart form on its way in: some fields and the content of one file.
 *
 * Parts come in any order, so the content goes to disk before we may know what it is for, and is judged when the
 * whole form is there. Memory stays flat whatever the size.
 */

import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { invalid, TunesmithError } from '../domain/errors.ts';
import type { ArrivedBlob, Blobs } from '../store/blobs.ts';
import { parseBody } from './validation.ts';

/** Which field holds the content, how much of it there may be, and what the other fields are. */
export interface FormRules<Schema extends z.ZodType> {
  readonly field: string;
  readonly bytesMax: number;
  readonly schema: Schema;
}

type FileField = Pick<FormRules<z.ZodType>, 'field' | 'bytesMax'>;

/** Dropped with its content when it is disposed of, unless the content was kept. */
export interface Form<Fields> extends AsyncDisposable {
  readonly content: ArrivedBlob;
  readonly filename: string | undefined;
  readonly fields: Fields;
}

/** Room for the form around the file. */
const formBytesMax = 2 ** 20;

/** What `@fastify/multipart` is to allow for such a form. */
export const multipartLimits = (bytesMax: number) => ({
  limits: { fileSize: bytesMax, files: 1, fields: 20, fieldSize: 64 * 1024, parts: 21 },
});

/** Takes in the whole form, whose `expires_after[seconds]` the schema finds as `expires_after.seconds`. */
export async function receiveForm<Schema extends z.ZodType>(
  request: FastifyRequest,
  blobs: Blobs,
  rules: FormRules<Schema>,
): Promise<Form<z.output<Schema>>> {
  if (!request.isMultipart())
    throw invalid(
      null,
      `Expected a form with the content type multipart/form-data, found ${request.headers['content-type'] ?? 'none'}.`,
      'unsupported_content_type',
    );
  // Who says so is refused before the first byte; who does not, when it becomes too much.
  if (Number(request.headers['content-length']) > rules.bytesMax + formBytesMax) throw tooLarge(rules);
  const fields = new Map<string, unknown>();
  let content: ArrivedBlob | null = null;
  let filename: string | undefined;
  try {
    for await (const part of request.parts()) {
      if (part.type === 'field') fields.set(part.fieldname, part.value);
      else if (part.fieldname === rules.field) {
        content = await blobs.receive(part.file, rules.bytesMax);
        filename = part.filename;
      } else throw strangeFile(part.fieldname, rules);
    }
    const parsed = parseBody(rules.schema, nested(fields));
    if (content === null) throw missingFile(fields, rules);
    const arrived: ArrivedBlob = content;
    return { content, filename, fields: parsed, [Symbol.asyncDispose]: () => arrived[Symbol.asyncDispose]() };
  } catch (error) {
    await content?.[Symbol.asyncDispose]();
    throw asFormError(error, rules);
  }
}

/** Stands for all that the form holds. */
export const digestOf = ({ content, filename, fields }: Form<unknown>): string =>
  JSON.stringify([content.sha256, filename, fields]);

/** The form reader's complaints come without a status; disk errors, which name a system call, are not about the form. */
function asFormError(error: unknown, rules: FileField): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof TunesmithError) return error.kind === 'too_large' ? tooLarge(rules) : error;
  if (syscall !== undefined) return error;
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge(rules);
  if (code === 'FST_FILES_LIMIT')
    return invalid(rules.field, `The form has several files; expected one, in '${rules.field}'.`);
  return invalid(null, `The multipart form could not be read: ${message}.`);
}

function tooLarge({ field, bytesMax }: FileField): TunesmithError {
  const message = `The ${field} is larger than the maximum of ${bytesMax / 2 ** 20} MB (${bytesMax} bytes).`;
  return new TunesmithError('too_large', message, { param: field });
}

const strangeFile = (name: string, { field }: FileField): TunesmithError =>
  invalid(name, `Unknown parameter: '${name}'. The content belongs in '${field}'.`, 'unknown_parameter');

function missingFile(fields: ReadonlyMap<string, unknown>, { field }: FileField): TunesmithError {
  if (!fields.has(field))
    return invalid(field, `Missing required parameter: '${field}'.`, 'missing_required_parameter');
  return invalid(
    field,
    `Invalid type for '${field}': expected a file with a filename, but got a plain field.`,
    'invalid_type',
  );
}

function nested(fields: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const form: Record<string, unknown> = {};
  for (const [name, value] of fields) {
    const [, outer, inner] = /^(\w+)\[(\w+)\]$/.exec(name) ?? [];
    if (outer === undefined || inner === undefined) form[name] = value;
    else form[outer] = { ...(form[outer] as object | undefined), [inner]: value };
  }
  return form;
}
