/** `tunesmith files …`: training files and results, through the API. */

import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type OpenAI from 'openai';
import { wholeNumber, type Act, type Context } from './context.ts';
import { UsageError } from './outcome.ts';
import { formatBytes, formatTime, record, table } from './terminal.ts';

export function filesCommand(program: Command, act: Act): void {
  const files = program.command('files').description('upload and look at training files and results');

  files
    .command('upload <path>')
    .description('upload a file; prints its id')
    .option('--purpose <purpose>', 'what it is for', 'fine-tune')
    .addHelpText('after', '\nExample:\n  $ tunesmith files upload train.jsonl')
    .action(
      act<{ purpose: OpenAI.FilePurpose }>(async (context, { purpose }, path = '') => {
        await using connection = await context.connect();
        const file = await uploadFile(connection.openai, path, purpose, context.signal);
        context.terminal.result(file, () => file.id);
      }),
    );

  files
    .command('list')
    .description('files, newest first')
    .option('--purpose <purpose>', 'only those for this purpose')
    .option('--limit <count>', 'at most so many', wholeNumber, 20)
    .action(
      act<{ purpose?: string; limit: number }>(async (context, query) => {
        await using connection = await context.connect();
        const page = await connection.openai.files.list(query, { signal: context.signal });
        context.terminal.result(page.data, () => filesTable(page.data));
      }),
    );

  files
    .command('show <id>')
    .description('one file')
    .action(
      act(async (context, _, id = '') => {
        await using connection = await context.connect();
        const file = await connection.openai.files.retrieve(id, { signal: context.signal });
        context.terminal.result(file, () => fileRecord(file));
      }),
    );

  files
    .command('content <id>')
    .description('the bytes of a file, on stdout or into --output')
    .option('-o, --output <path>', 'write here')
    .option('--decode', 'a result file (step_metrics.csv) arrives as base64; print what it says')
    .addHelpText('after', '\nExample:\n  $ tunesmith files content file-abc123 --decode > step_metrics.csv')
    .action(
      act<{ output?: string; decode?: boolean }>(async (context, { output, decode }, id = '') => {
        await using connection = await context.connect();
        const response = await connection.openai.files.content(id, { signal: context.signal });
        const bytes = Buffer.from(await response.arrayBuffer());
        const content = decode === true ? Buffer.from(bytes.toString('latin1'), 'base64') : bytes;
        if (output !== undefined) await writeFile(output, content);
        else context.terminal.raw(content);
      }),
    );

  files
    .command('delete <id>')
    .description('delete a file')
    .action(
      act(async (context, _, id = '') => {
        await using connection = await context.connect();
        const deleted = await connection.openai.files.delete(id, { signal: context.signal });
        context.terminal.result(deleted, () => `${deleted.id} is deleted.`);
      }),
    );
}

/** Uploads from disk in a stream; refuses what is not a file before anything is sent. */
export async function uploadFile(
  openai: OpenAI,
  path: string,
  purpose: OpenAI.FilePurpose,
  signal: AbortSignal,
): Promise<OpenAI.FileObject> {
  if (!(await stat(path)).isFile()) throw new UsageError(`${path} is not a file.`);
  return openai.files.create({ file: createReadStream(path), purpose }, { signal });
}

/** The id of a file that may be given as a path, which wins when it exists and is uploaded. */
export async function fileId(
  context: Context,
  openai: OpenAI,
  pathOrId: string,
  purpose: OpenAI.FilePurpose,
): Promise<string> {
  const exists = await stat(pathOrId).then(
    () => true,
    () => false,
  );
  if (exists) {
    const file = await uploadFile(openai, pathOrId, purpose, context.signal);
    context.terminal.note(`Uploaded ${pathOrId} as ${file.id}.`);
    return file.id;
  }
  if (pathOrId.startsWith('file-')) return pathOrId;
  throw new UsageError(`"${pathOrId}" is neither a file here nor the id of an uploaded one (file-…).`);
}

function filesTable(files: readonly OpenAI.FileObject[]): string {
  return table(
    ['ID', 'NAME', 'PURPOSE', 'SIZE', 'CREATED'],
    files.map((file) => [file.id, file.filename, file.purpose, formatBytes(file.bytes), formatTime(file.created_at)]),
  );
}

function fileRecord(file: OpenAI.FileObject): string {
  return record({
    id: file.id,
    name: file.filename,
    purpose: file.purpose,
    size: formatBytes(file.bytes),
    status: file.status,
    created: formatTime(file.created_at),
    expires: formatTime(file.expires_at),
  });
}
